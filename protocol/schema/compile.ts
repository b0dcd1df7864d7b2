/**
 * Turns a schema at one version into a decoder and an encoder: plain JavaScript, made with `new Function` on first use and
 * kept. `decoderSource` and `encoderSource` print it. An interpreter of the same schema is three times slower; compiling
 * takes 0.1 ms, so a broker pays for the versions its clients speak and start-up pays for none.
 *
 * A decoder gives every object of a struct the same properties in the same order whatever the version, so that V8 sees one
 * hidden class. An encoder takes an omitted field for its default. The rules of a version:
 *
 *    the field is          its value is        decoder              encoder
 *    in the version        any                 reads it             writes it; null only where nullable
 *    tagged                its default         default, if absent   leaves it out
 *    not in the version    its default         default              leaves it out
 *    not in the version    another             -                    leaves it out if ignorable, else refuses
 */
import type { Reader } from '../wire/reader.ts';
import { UnwritableValue, type Writer } from '../wire/writer.ts';
import {
  type AnyApi,
  type AnyRecord,
  isFlexible,
  type RecordInit,
  type RecordOf,
  type RequestInit,
  type RequestOf,
  type ResponseInit,
  type ResponseOf,
  type Schema,
} from './api.ts';
import { type AnyField, type Kind, type Shape, zeroUuid } from './field.ts';
import { includes, intersection, type Versions } from './versions.ts';

export type Decoder<T> = (reader: Reader) => T;
export type Encoder<T> = (writer: Writer, value: T) => void;

interface Compiled {
  readonly decoders: Decoder<unknown>[];
  readonly encoders: Encoder<unknown>[];
}

const compiled = new WeakMap<Schema, Compiled>();

export function decoderOf<A extends AnyApi>(api: A, kind: 'request', version: number): Decoder<RequestOf<A>>;
export function decoderOf<A extends AnyApi>(
  api: A,
  kind: 'response',
  version: number,
): Decoder<ResponseOf<A>>;
/** The decoder of a request's or response's body at a version that the API has. */
export function decoderOf(api: AnyApi, kind: 'request' | 'response', version: number): Decoder<unknown> {
  return schemaDecoder(api[kind], version);
}

export function encoderOf<A extends AnyApi>(
  api: A,
  kind: 'request',
  version: number,
): Encoder<RequestInit<A>>;
export function encoderOf<A extends AnyApi>(
  api: A,
  kind: 'response',
  version: number,
): Encoder<ResponseInit<A>>;
/** The encoder of a request's or response's body at a version that the API has. */
export function encoderOf(api: AnyApi, kind: 'request' | 'response', version: number): Encoder<never> {
  return schemaEncoder(api[kind], version);
}

/** The decoder of a record's fields; whatever frames them (record type, version) has been read already. */
export function recordDecoder<R extends AnyRecord>(record: R, version: number): Decoder<RecordOf<R>> {
  return schemaDecoder(record, version) as Decoder<RecordOf<R>>;
}

/** The encoder of a record's fields, without what frames them. */
export function recordEncoder<R extends AnyRecord>(record: R, version: number): Encoder<RecordInit<R>> {
  return schemaEncoder(record, version) as Encoder<RecordInit<R>>;
}

function schemaDecoder(schema: Schema, version: number): Decoder<unknown> {
  const { decoders } = compiledFor(schema);
  return (decoders[version] ??= build(decoderSource(schema, version)) as Decoder<unknown>);
}

function schemaEncoder(schema: Schema, version: number): Encoder<never> {
  const { encoders } = compiledFor(schema);
  return (encoders[version] ??= build(encoderSource(schema, version)) as Encoder<unknown>);
}

function compiledFor(schema: Schema): Compiled {
  let entry = compiled.get(schema);
  if (entry === undefined) {
    entry = { decoders: [], encoders: [] };
    compiled.set(schema, entry);
  }
  return entry;
}

/** What generated code may refer to besides its arguments. */
const empty = Buffer.alloc(0);
function unwritable(message: string): never {
  throw new UnwritableValue(message);
}

function build(source: string): unknown {
  return new Function('$empty', '$unwritable', `'use strict';\n${source}`)(empty, unwritable);
}

/** The code of a decoder; its last statement returns the function. */
export function decoderSource(schema: Schema, version: number): string {
  const scope = openScope(schema, version);
  const root = new DecoderText(scope).struct(schema.fields, scope.root);
  return `${scope.functions.join('\n')}\nreturn ${root};\n`;
}

/** The code of an encoder; its last statement returns the function. */
export function encoderSource(schema: Schema, version: number): string {
  const scope = openScope(schema, version);
  const root = new EncoderText(scope).struct(schema.fields, scope.root);
  return `${scope.functions.join('\n')}\nreturn ${root};\n`;
}

/** One compilation: what holds for all fields of the message, and the functions printed so far. */
interface Scope {
  readonly version: number;
  readonly flexible: boolean;
  readonly root: Path;
  readonly functions: string[];
}

/** A struct's place in the message, and the versions of all that encloses it. */
interface Path {
  readonly name: string;
  readonly within: Versions;
}

function openScope(schema: Schema, version: number): Scope {
  if (!includes(schema.versions, version)) throw new RangeError(`${schema.name} has no version ${version}`);
  const root = { name: schema.name, within: schema.versions };
  return { version, flexible: isFlexible(schema, version), root, functions: [] };
}

/** What a field is at the version being compiled. */
interface At {
  readonly name: string;
  readonly path: Path;
  readonly present: boolean;
  readonly tag: number | undefined;
  readonly nullable: boolean;
  readonly compact: boolean;
}

function fieldAt(name: string, field: AnyField, path: Path, scope: Scope): At {
  const { traits } = field;
  const within = intersection(path.within, traits.versions);
  return {
    name,
    path: { name: `${path.name}$${name}`, within },
    present: includes(within, scope.version),
    tag: scope.flexible ? traits.tagNumber : undefined,
    nullable: includes(traits.nullableIn, scope.version),
    compact: scope.flexible && traits.isCompact,
  };
}

/** An element of an array is never null nor tagged, and lives as long as the array. */
function elementAt(array: At): At {
  return { ...array, tag: undefined, nullable: false };
}

const scalarMethods = {
  int8: 'int8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  bigint64: 'bigint64',
  uint16: 'uint16',
  uint32: 'uint32',
  float64: 'float64',
  bool: 'bool',
  uuid: 'uuid',
} as const;

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
      if (!at.present) lines.push(`const ${local(fieldName)} = ${defaultText(field)};`);
      else if (at.tag !== undefined) {
        lines.push(`let ${local(fieldName)} = ${defaultText(field)};`);
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
      'for (let $count = $in.uvarint(); $count > 0; $count--) {',
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
    switch (kind.type) {
      case 'struct':
        return this.#nullableStruct(`${this.struct(kind.fields, at.path)}($in)`, at);
      case 'array':
        return `${this.#array(kind.of, at)}($in)`;
      case 'string':
        return `$in.${form('String', at)}()`;
      case 'bytes':
      case 'records':
        return `$in.${form('Bytes', at)}()`;
      default:
        return `$in.${scalarMethods[kind.type]}()`;
    }
  }

  /** A nullable struct has an int8 before it, −1 for null; as a tagged field an unsigned varint, 0 for null. */
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

/** The reader's method for one of the four forms: string, nullableString, compactString, compactNullableString. */
function form(noun: string, at: At): string {
  const name = `${at.compact ? 'Compact' : ''}${at.nullable ? 'Nullable' : ''}${noun}`;
  return name[0]!.toLowerCase() + name.slice(1);
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
        `if (${variable} === undefined) ${variable} = ${defaultText(field)};`,
      );
      if (!at.present)
        lines.push(`if (!(${isDefaultText(field, variable)})) ${this.#refusal(at, 'cannot be expressed')}`);
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
        `const $has_${at.name} = !(${isDefaultText(field, variable)});`,
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
    if (kind.type in scalarMethods) {
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
    if (!canBeNull(kind)) return write;
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
    switch (kind.type) {
      case 'struct':
        return [`${this.struct(kind.fields, at.path)}($out, ${variable});`];
      case 'array':
        return [`${this.#array(kind.of, at)}($out, ${variable});`];
      case 'string':
        return [`$out.${at.compact ? 'compactString' : 'string'}(${variable});`];
      case 'bytes':
        return [`$out.${at.compact ? 'compactBytes' : 'bytes'}(${variable});`];
      case 'records':
        return [`$out.${at.compact ? 'compactRecords' : 'records'}(${variable});`];
      default:
        return [`$out.${scalarMethods[kind.type]}(${variable});`];
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

function canBeNull(kind: Kind): boolean {
  return !(kind.type in scalarMethods);
}

const scalarBytes = {
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  bigint64: 8,
  uint16: 2,
  uint32: 4,
  float64: 8,
  bool: 1,
  uuid: 16,
} as const;

/** The fewest bytes a value can take: what an array's count is checked against before anything is allocated. */
function leastBytes(kind: Kind, at: At, scope: Scope): number {
  switch (kind.type) {
    case 'struct': {
      if (at.nullable) return 1;
      let least = scope.flexible ? 1 : 0;
      for (const [name, field] of Object.entries(kind.fields)) {
        const inner = fieldAt(name, field, at.path, scope);
        if (inner.present && inner.tag === undefined) least += leastBytes(field.kind, inner, scope);
      }
      return least;
    }
    case 'string':
      return at.compact ? 1 : 2;
    case 'array':
    case 'bytes':
    case 'records':
      return at.compact ? 1 : 4;
    default:
      return scalarBytes[kind.type];
  }
}

/** A field's default as an expression; containers are made anew each time. */
function defaultText(field: AnyField): string {
  const { defaultValue } = field.traits;
  if (defaultValue === undefined) return zeroText(field.kind);
  if (typeof defaultValue === 'bigint') return `${defaultValue}n`;
  return JSON.stringify(defaultValue);
}

function zeroText(kind: Kind): string {
  switch (kind.type) {
    case 'struct': {
      const fields = Object.entries(kind.fields).map(([name, field]) => `${name}: ${defaultText(field)}`);
      return `({ ${fields.join(', ')} })`;
    }
    case 'array':
      return '[]';
    case 'bytes':
    case 'records':
      return '$empty';
    case 'string':
      return "''";
    case 'bool':
      return 'false';
    case 'uuid':
      return `'${zeroUuid}'`;
    case 'bigint64':
      return '0n';
    default:
      return '0';
  }
}

/** A condition: the value of an expression is the field's default. */
function isDefaultText(field: AnyField, value: string): string {
  const { defaultValue } = field.traits;
  if (defaultValue !== undefined && !Array.isArray(defaultValue)) return `${value} === ${defaultText(field)}`;
  switch (field.kind.type) {
    case 'struct': {
      const parts = Object.entries(field.kind.fields).map(([name, inner]) => {
        const property = `${value}.${name}`;
        return `(${property} === undefined || ${isDefaultText(inner, property)})`;
      });
      return [`${value} !== null`, ...parts].join(' && ');
    }
    case 'array':
      return `${value} !== null && ${value}.length === 0`;
    case 'bytes':
    case 'records':
      return `${value} !== null && ${value}.byteLength === 0`;
    default:
      return `${value} === ${zeroText(field.kind)}`;
  }
}

const reservedWords = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends false
   finally for function if implements import in instanceof interface let new null package private protected public return
   static super switch this throw true try typeof var void while with yield`.split(/\s+/),
);

/** The variable that holds a field. */
function local(name: string): string {
  return reservedWords.has(name) ? `${name}_` : name;
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
