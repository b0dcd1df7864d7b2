/**
 * What the printers of decoders and encoders share: what a field is at the version being compiled, its
 * default as an expression, and the fewest bytes it takes.
 */
import { isFlexible, type Schema } from './api.ts';
import { type AnyField, greatestLong, type Kind, zeroUuid } from './field.ts';
import { includes, intersection, type Versions } from './versions.ts';

/** What an int64 is in JavaScript: a number, or a bigint where all 64 bits must survive. */
export type Longs = 'number' | 'bigint';

/** One compilation: what holds for all fields of the message, and the functions printed so far. */
export interface Scope {
  readonly version: number;
  readonly flexible: boolean;
  readonly longs: Longs;
  readonly root: Path;
  readonly functions: string[];
}

/** A struct's place in the message, and the versions of all that encloses it. */
export interface Path {
  readonly name: string;
  readonly within: Versions;
}

export function openScope(schema: Schema, version: number, longs: Longs): Scope {
  if (!includes(schema.versions, version)) throw new RangeError(`${schema.name} has no version ${version}`);
  const root = { name: schema.name, within: schema.versions };
  return { version, flexible: isFlexible(schema, version), longs, root, functions: [] };
}

/** What a field is at the version being compiled. */
export interface At {
  readonly name: string;
  readonly path: Path;
  readonly present: boolean;
  readonly tag: number | undefined;
  readonly nullable: boolean;
  readonly compact: boolean;
}

export function fieldAt(name: string, field: AnyField, path: Path, scope: Scope): At {
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
export function elementAt(array: At): At {
  return { ...array, tag: undefined, nullable: false };
}

/** Whether a kind has a fixed size and no null. */
export function isScalar(kind: Kind): kind is { readonly type: keyof typeof scalarBytes } {
  return kind.type in scalarBytes;
}

/** The reader's and writer's method for a scalar: they are named after the kinds. */
export function scalarMethod(kind: { readonly type: keyof typeof scalarBytes }, scope: Scope): string {
  return kind.type === 'int64' && scope.longs === 'bigint' ? 'bigint64' : kind.type;
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

/**
 * The fewest bytes a value can take: what an array's count is checked against before anything is allocated.
 */
export function leastBytes(kind: Kind, at: At, scope: Scope): number {
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
export function defaultText(field: AnyField, scope: Scope): string {
  const { defaultValue } = field.traits;
  if (defaultValue === undefined) return zeroText(field.kind, scope);
  if (typeof defaultValue === 'bigint') return `${defaultValue}n`;
  if (field.kind.type === 'int64' && scope.longs === 'bigint') return `${exactLong(defaultValue as number)}n`;
  return JSON.stringify(defaultValue);
}

/** The long that a number stands for. */
function exactLong(value: number): bigint {
  return value >= greatestLong ? 2n ** 63n - 1n : BigInt(value);
}

function zeroText(kind: Kind, scope: Scope): string {
  switch (kind.type) {
    case 'struct': {
      const fields = Object.entries(kind.fields).map(
        ([name, field]) => `${name}: ${defaultText(field, scope)}`,
      );
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
    case 'int64':
      return scope.longs === 'bigint' ? '0n' : '0';
    default:
      return '0';
  }
}

/** A condition: the value of an expression is the field's default. */
export function isDefaultText(field: AnyField, value: string, scope: Scope): string {
  const { defaultValue } = field.traits;
  if (defaultValue !== undefined && !Array.isArray(defaultValue))
    return `${value} === ${defaultText(field, scope)}`;
  switch (field.kind.type) {
    case 'struct': {
      const parts = Object.entries(field.kind.fields).map(([name, inner]) => {
        const property = `${value}.${name}`;
        return `(${property} === undefined || ${isDefaultText(inner, property, scope)})`;
      });
      return [`${value} !== null`, ...parts].join(' && ');
    }
    case 'array':
      return `${value} !== null && ${value}.length === 0`;
    case 'bytes':
    case 'records':
      return `${value} !== null && ${value}.byteLength === 0`;
    default:
      return `${value} === ${zeroText(field.kind, scope)}`;
  }
}

const reservedWords = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export
   extends false finally for function if implements import in instanceof interface let new null package private
   protected public return static super switch this throw true try typeof var void while with yield`.split(
    /\s+/,
  ),
);

/** The variable that holds a field. */
export function local(name: string): string {
  return reservedWords.has(name) ? `${name}_` : name;
}

export function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
