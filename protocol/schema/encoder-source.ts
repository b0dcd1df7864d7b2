/** Prints the JavaScript of an encoder; compile.ts says what it does. */
import type { Schema } from './api.ts';
import type { AnyField, Kind, Shape } from './field.ts';
import {
  type At,
  defaultText,
  elementAt,
  fieldAt,
  indent,
  isDefaultText,
  isScalar,
  type Longs,
  leastBytes,
  local,
  openScope,
  type Path,
  type Scope,
  scalarMethod,
} from './field-at.ts';

/** The code of an encoder; its last statement returns the function. */
export function encoderSource(schema: Schema, version: number, longs: Longs = 'number'): string {
  const scope = openScope(schema, version, longs);
  const root = new EncoderText(scope).struct(schema.fields, scope.root);
  return `${scope.functions.join('\n')}\nreturn ${root};\n`;
}

class EncoderText {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** Prints the function that writes a struct, and gives its name. */
  struct(fields: Shape, path: Path): string {
    const name = `write$${path.name}`;
    const lines: string[] = [];
    const tagged: { at: At; field: AnyField }[] = [];
    for (const [fieldName, field] of Object.entries(fields)) {
      const at = fieldAt(fieldName, field, path, this.#scope);
      const variable = local(fieldName);
      if (!at.present && field.traits.isIgnorable) continue;
      lines.push(
        `let ${variable} = $value.${fieldName};`,
        `if (${variable} === undefined) ${variable} = ${defaultText(field, this.#scope)};`,
      );
      if (!at.present)
        lines.push(
          `if (!(${isDefaultText(field, variable, this.#scope)})) ${this.#refusal(at, 'cannot be expressed')}`,
        );
      else if (at.tag !== undefined) tagged.push({ at, field });
      else lines.push(...this.#value(field.kind, variable, at));
    }
    if (this.#scope.flexible) lines.push(...this.#taggedFields(tagged));
    this.#scope.functions.push(`function ${name}($out, $value) {\n${indent(lines)}\n}`);
    return name;
  }

  #taggedFields(tagged: { at: At; field: AnyField }[]): string[] {
    if (tagged.length === 0) return ['$out.uvarint(0);'];
    const ordered = tagged.sort((a, b) => a.at.tag! - b.at.tag!);
    const lines = ['let $tags = 0;'];
    for (const { at, field } of ordered) {
      const variable = local(at.name);
      lines.push(
        `const $has_${at.name} = !(${isDefaultText(field, variable, this.#scope)});`,
        `if ($has_${at.name}) $tags++;`,
      );
    }
    lines.push('$out.uvarint($tags);');
    for (const { at, field } of ordered) {
      lines.push(`if ($has_${at.name}) {`, `  $out.uvarint(${at.tag});`);
      lines.push(...this.#taggedValue(field.kind, local(at.name), at).map((line) => `  ${line}`), '}');
    }
    return lines;
  }

  /** A tagged value with its size in front: known for fixed sizes, else found by writing it aside first. */
  #taggedValue(kind: Kind, variable: string, at: At): string[] {
    if (isScalar(kind)) {
      const size = leastBytes(kind, at, this.#scope);
      return [`$out.uvarint(${size});`, ...this.#value(kind, variable, at)];
    }
    const aside = this.#value(kind, variable, at).map((line) => `  ${line}`);
    return [
      'const $aside = $out.aside();',
      '{',
      '  const $out = $aside;',
      ...aside,
      '}',
      '$out.sized($aside);',
    ];
  }

  /** Statements that write the value of a variable. */
  #value(kind: Kind, variable: string, at: At): string[] {
    const write = this.#present(kind, variable, at);
    const isMarked = kind.type === 'struct' && at.nullable;
    const mark = !isMarked ? [] : [at.tag === undefined ? '$out.int8(1);' : '$out.uvarint(1);'];
    if (isScalar(kind)) return write;
    const onNull = at.nullable ? this.#nullText(kind, at) : this.#refusal(at, 'must not be null');
    return [
      `if (${variable} === null) ${onNull}`,
      'else {',
      ...[...mark, ...write].map((line) => `  ${line}`),
      '}',
    ];
  }

  #nullText(kind: Kind, at: At): string {
    if (kind.type === 'struct') return at.tag === undefined ? '$out.int8(-1);' : '$out.uvarint(0);';
    if (at.compact) return '$out.uvarint(0);';
    return kind.type === 'string' ? '$out.int16(-1);' : '$out.int32(-1);';
  }

  #present(kind: Kind, variable: string, at: At): string[] {
    if (isScalar(kind)) return [`$out.${scalarMethod(kind, this.#scope)}(${variable});`];
    switch (kind.type) {
      case 'struct':
        return [`${this.struct(kind.fields, at.path)}($out, ${variable});`];
      case 'array':
        return [`${this.#array(kind.of, at)}($out, ${variable});`];
      case 'string':
        return [`$out.${at.compact ? 'compactString' : 'string'}(${variable});`];
      case 'bytes':
        return [`$out.${at.compact ? 'compactBytes' : 'bytes'}(${variable});`];
      default:
        return [`$out.${at.compact ? 'compactRecords' : 'records'}(${variable});`];
    }
  }

  #array(of: AnyField, at: At): string {
    const name = `write$${at.path.name}$list`;
    const lines = [
      at.compact ? '$out.uvarint($list.length + 1);' : '$out.int32($list.length);',
      'for (let $i = 0; $i < $list.length; $i++) {',
      '  const $item = $list[$i];',
      ...this.#value(of.kind, '$item', elementAt(at)).map((line) => `  ${line}`),
      '}',
    ];
    this.#scope.functions.push(`function ${name}($out, $list) {\n${indent(lines)}\n}`);
    return name;
  }

  #refusal(at: At, why: string): string {
    const place = at.path.name.replaceAll('$', '.');
    return `$unwritable(${JSON.stringify(`${place} ${why} in version ${this.#scope.version}`)});`;
  }
}
