/** Prints the JavaScript of a decoder; compile.ts says what it does. */
import type { Schema } from './api.ts';
import type { AnyField, Kind, Shape } from './field.ts';
import {
  type At,
  defaultText,
  elementAt,
  fieldAt,
  indent,
  isScalar,
  type Longs,
  leastBytes,
  local,
  openScope,
  type Path,
  type Scope,
  scalarMethod,
} from './field-at.ts';

/** The code of a decoder; its last statement returns the function. */
export function decoderSource(schema: Schema, version: number, longs: Longs = 'number'): string {
  const scope = openScope(schema, version, longs);
  const root = new DecoderText(scope).struct(schema.fields, scope.root);
  return `${scope.functions.join('\n')}\nreturn ${root};\n`;
}

class DecoderText {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** Prints the function that reads a struct, and gives its name. */
  struct(fields: Shape, path: Path): string {
    const name = `read$${path.name}`;
    const lines: string[] = [];
    const tagged: { at: At; field: AnyField }[] = [];
    for (const [fieldName, field] of Object.entries(fields)) {
      const at = fieldAt(fieldName, field, path, this.#scope);
      if (!at.present) lines.push(`const ${local(fieldName)} = ${defaultText(field, this.#scope)};`);
      else if (at.tag !== undefined) {
        lines.push(`let ${local(fieldName)} = ${defaultText(field, this.#scope)};`);
        tagged.push({ at, field });
      } else lines.push(`const ${local(fieldName)} = ${this.#value(field.kind, at)};`);
    }
    if (this.#scope.flexible) lines.push(...this.#taggedFields(tagged));
    const properties = Object.keys(fields).map((key) => (local(key) === key ? key : `${key}: ${local(key)}`));
    this.#scope.functions.push(
      `function ${name}($in) {\n${indent(lines)}\n  return { ${properties.join(', ')} };\n}`,
    );
    return name;
  }

  #taggedFields(tagged: { at: At; field: AnyField }[]): string[] {
    if (tagged.length === 0) return ['$in.skipTaggedFields();'];
    const cases = tagged.map(
      ({ at, field }) =>
        `    case ${at.tag}: ${local(at.name)} = ${this.#value(field.kind, at)}; $in.endTagged($end); break;`,
    );
    return [
      'for (let $count = $in.taggedFieldCount(); $count > 0; $count--) {',
      '  const $tag = $in.uvarint();',
      '  const $end = $in.taggedEnd($in.uvarint());',
      '  switch ($tag) {',
      ...cases,
      '    default: $in.skip($end - $in.position);',
      '  }',
      '}',
    ];
  }

  /** An expression that reads a value. */
  #value(kind: Kind, at: At): string {
    if (isScalar(kind)) return `$in.${scalarMethod(kind, this.#scope)}()`;
    switch (kind.type) {
      case 'struct':
        return this.#nullableStruct(`${this.struct(kind.fields, at.path)}($in)`, at);
      case 'array':
        return `${this.#array(kind.of, at)}($in)`;
      case 'string':
        return `$in.${form('String', at)}()`;
      default:
        return `$in.${form('Bytes', at)}()`;
    }
  }

  /**
   * A nullable struct has an int8 before it, −1 for null; as a tagged field an unsigned varint, 0 for null.
   */
  #nullableStruct(read: string, at: At): string {
    if (!at.nullable) return read;
    return at.tag === undefined ? `$in.int8() < 0 ? null : ${read}` : `$in.uvarint() === 0 ? null : ${read}`;
  }

  #array(of: AnyField, at: At): string {
    const name = `read$${at.path.name}$list`;
    const element = elementAt(at);
    const least = leastBytes(of.kind, element, this.#scope);
    if (least === 0) throw new Error(`${at.path.name}: elements without bytes cannot be counted safely`);
    const lines = [`const $count = $in.${form('ArrayCount', at)}(${least});`];
    if (at.nullable) lines.push('if ($count < 0) return null;');
    lines.push(
      'const $list = [];',
      `for (let $i = 0; $i < $count; $i++) $list.push(${this.#value(of.kind, element)});`,
      'return $list;',
    );
    this.#scope.functions.push(`function ${name}($in) {\n${indent(lines)}\n}`);
    return name;
  }
}

/**
 * The reader's method for one of the four forms: string, nullableString, compactString,
 * compactNullableString.
 */
function form(noun: string, at: At): string {
  const name = `${at.compact ? 'Compact' : ''}${at.nullable ? 'Nullable' : ''}${noun}`;
  return name[0]!.toLowerCase() + name.slice(1);
}
