/**
 * The words a message is declared with: kinds (`int32`, `string`, `array(…)`, …) and what is said about a
 * field (`.in('3+')`, `.nullable()`, `.default(-1)`, `.tag(0)`, `.ignorable()`).
 *
 * A field is an immutable value; every modifier gives a new one, so `int32` itself can be used everywhere.
 * Its three type parameters are what a reader gets (always present), what a writer may pass, and whether the
 * writer may leave it out. A field may be left out where its schema names a default, a range of versions or a
 * tag.
 *
 * A nested field lives in the versions of its parent, narrowed by its own `.in`. The zero of a kind is its
 * default unless the schema says otherwise: 0, '', false, [], an empty buffer, a struct of defaults, the zero
 * UUID.
 */
import { everyVersion, noVersion, parseVersions, type Versions } from './versions.ts';

/**
 * Bytes that only the network layer can fetch, such as a region of a file: linked into a message, never
 * looked at.
 */
export interface OpaqueBytes {
  readonly byteLength: number;
}

/** The zero UUID in the text form that this project uses: 16 bytes, base64url, 22 characters. */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';

/** What Kafka's greatest long reads as. It writes as the greatest long again. */
export const greatestLong = 2 ** 63;

export type ScalarName =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'bigint64'
  | 'uint16'
  | 'uint32'
  | 'float64'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'records'
  | 'uuid';

export type Kind =
  | { readonly type: ScalarName }
  | { readonly type: 'array'; readonly of: AnyField }
  | { readonly type: 'struct'; readonly fields: Shape };

// biome-ignore lint/suspicious/noExplicitAny: a field of whatever type; the types are read off by inference
export type AnyField = Field<any, any, boolean>;

/** The fields of a struct, in wire order. */
export type Shape = { readonly [name: string]: AnyField };

interface Traits {
  readonly versions: Versions;
  readonly nullableIn: Versions;
  /** `undefined`: the zero of the kind. */
  readonly defaultValue: unknown;
  readonly tagNumber: number | undefined;
  readonly isIgnorable: boolean;
  readonly isCompact: boolean;
}

const plain: Traits = {
  versions: everyVersion,
  nullableIn: noVersion,
  defaultValue: undefined,
  tagNumber: undefined,
  isIgnorable: false,
  isCompact: true,
};

export class Field<Decoded, Init, Optional extends boolean> {
  /** Present in the types alone, for inference. */
  declare readonly types: { decoded: Decoded; init: Init; optional: Optional };
  readonly kind: Kind;
  readonly traits: Traits;

  constructor(kind: Kind, traits: Traits) {
    this.kind = kind;
    this.traits = traits;
  }

  /** Which versions carry the field; elsewhere it decodes to its default. */
  in(versions: string): Field<Decoded, Init, true> {
    return new Field(this.kind, { ...this.traits, versions: parseVersions(versions) });
  }

  /** Null is allowed, in every version that has the field or in those named. */
  nullable(versions?: string): Field<Decoded | null, Init | null, Optional> {
    const nullableIn = versions === undefined ? everyVersion : parseVersions(versions);
    return new Field(this.kind, { ...this.traits, nullableIn });
  }

  default(value: Init): Field<Decoded, Init, true> {
    return new Field(this.kind, { ...this.traits, defaultValue: value });
  }

  /** Written as a tagged field, and only when it differs from its default. `versions` as in `.in`. */
  tag(number: number, versions?: string): Field<Decoded, Init, true> {
    const carriedIn = versions === undefined ? this.traits.versions : parseVersions(versions);
    return new Field(this.kind, { ...this.traits, tagNumber: number, versions: carriedIn });
  }

  /** A value that a version cannot carry is dropped instead of refused. */
  ignorable(): Field<Decoded, Init, Optional> {
    return new Field(this.kind, { ...this.traits, isIgnorable: true });
  }

  /** Keeps fixed-size length prefixes in flexible versions too (the client id of the request header). */
  notCompact(): Field<Decoded, Init, Optional> {
    return new Field(this.kind, { ...this.traits, isCompact: false });
  }
}

/** A struct as its reader sees it: every field present. */
export type Decoded<S extends Shape> = { [Name in keyof S]: S[Name]['types']['decoded'] };

type OptionalNames<S extends Shape> = {
  [Name in keyof S]: S[Name]['types']['optional'] extends true ? Name : never;
}[keyof S];

/** A struct as its writer passes it: optional fields may be left out. */
export type Init<S extends Shape> = {
  readonly [Name in Exclude<keyof S, OptionalNames<S>>]: S[Name]['types']['init'];
} & { readonly [Name in OptionalNames<S>]?: S[Name]['types']['init'] | undefined };

function scalar<T, I = T>(type: ScalarName): Field<T, I, false> {
  return new Field({ type }, plain);
}

export const int8 = scalar<number>('int8');
export const int16 = scalar<number>('int16');
export const int32 = scalar<number>('int32');
export const uint16 = scalar<number>('uint16');
export const uint32 = scalar<number>('uint32');
export const float64 = scalar<number>('float64');
/**
 * A JavaScript number: exact within ±2^53, and Kafka's sentinels (the least and the greatest long) survive a
 * round trip.
 */
export const int64 = scalar<number>('int64');
/** For the rare field that needs all 64 bits. */
export const bigint64 = scalar<bigint>('bigint64');
export const boolean = scalar<boolean>('bool');
export const string = scalar<string>('string');
/** A view on the frame it came in: copy it to keep it. */
export const bytes = scalar<Buffer, Uint8Array>('bytes');
/** Record batches. Decodes to a view on the frame; what is written is linked into the output, not copied. */
export const records = scalar<Buffer, Uint8Array | OpaqueBytes>('records');
/** 22 characters of base64url. */
export const uuid = scalar<string>('uuid');

export function struct<const S extends Shape>(fields: S): Field<Decoded<S>, Init<S>, false> {
  return new Field({ type: 'struct', fields }, plain);
}

export function array<D, I>(of: Field<D, I, boolean>): Field<D[], readonly I[], false>;
export function array<const S extends Shape>(fields: S): Field<Decoded<S>[], readonly Init<S>[], false>;
/** An array of some kind, or of a struct whose fields stand here. */
export function array(of: AnyField | Shape): AnyField {
  return new Field({ type: 'array', of: of instanceof Field ? of : struct(of) }, plain);
}
