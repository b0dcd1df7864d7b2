/**
 * Declares messages: an API (request and response together) or a single record schema.
 *
 * There is one object shape for all versions of a message. A field outside its version decodes to its
 * default; encoding another value than the default into a version that cannot carry it is an error unless the
 * field is ignorable. The codecs are compiled on first use; see compile.ts.
 */
import type { Decoded, Init, Shape } from './field.ts';
import { includes, parseVersions, type Versions } from './versions.ts';

/** What a codec is compiled from. */
export interface Schema<S extends Shape = Shape> {
  readonly name: string;
  readonly versions: Versions;
  /** The versions with compact lengths and tagged fields; empty for old messages that never got them. */
  readonly flexible: Versions;
  readonly fields: S;
}

export type Listener = 'broker' | 'controller';

export interface Api<Q extends Shape = Shape, S extends Shape = Shape, Name extends string = string> {
  readonly key: number;
  readonly name: Name;
  readonly versions: Versions;
  readonly flexible: Versions;
  /** What Kafka's broker lists in ApiVersions, which is not always what it can decode. */
  readonly advertised: Versions;
  /** A version that Kafka may still change and does not offer; undefined when all are stable. */
  readonly unstable: number | undefined;
  readonly listeners: readonly Listener[];
  readonly request: Schema<Q>;
  readonly response: Schema<S>;
}

/** The schema of a record of an internal topic, or of a blob that clients exchange. */
export interface RecordSchema<S extends Shape = Shape, Name extends string = string> extends Schema<S> {
  readonly name: Name;
  /**
   * The number that tells its kind of record apart within its topic; undefined where there is one kind only.
   */
  readonly type: number | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: any API, whatever its shapes
export type AnyApi = Api<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: any record, whatever its shape
export type AnyRecord = RecordSchema<any>;

export type RequestOf<A extends AnyApi> = Decoded<A['request']['fields']>;
export type ResponseOf<A extends AnyApi> = Decoded<A['response']['fields']>;
export type RequestInit<A extends AnyApi> = Init<A['request']['fields']>;
export type ResponseInit<A extends AnyApi> = Init<A['response']['fields']>;
export type RecordOf<R extends AnyRecord> = Decoded<R['fields']>;
export type RecordInit<R extends AnyRecord> = Init<R['fields']>;

interface ApiText<Q extends Shape, S extends Shape, Name extends string> {
  key: number;
  name: Name;
  versions: string;
  flexible: string;
  unstable?: number;
  advertised?: string;
  listeners?: readonly Listener[];
  request: Q;
  response: S;
}

/** Declares an API. `flexible: 'none'` is an API that never got compact lengths. */
export function defineApi<const Q extends Shape, const S extends Shape, const Name extends string>(
  text: ApiText<Q, S, Name>,
): Api<Q, S, Name> {
  const versions = parseVersions(text.versions);
  const flexible = parseVersions(text.flexible);
  return {
    key: text.key,
    name: text.name,
    versions,
    flexible,
    advertised: text.advertised === undefined ? versions : parseVersions(text.advertised),
    unstable: text.unstable,
    listeners: text.listeners ?? ['broker'],
    request: { name: `${text.name}Request`, versions, flexible, fields: text.request },
    response: { name: `${text.name}Response`, versions, flexible, fields: text.response },
  };
}

interface RecordText<S extends Shape, Name extends string> {
  name: Name;
  type?: number;
  versions: string;
  flexible: string;
  fields: S;
}

/** Declares a record of an internal topic, or a blob that clients exchange. */
export function defineRecord<const S extends Shape, const Name extends string>(
  text: RecordText<S, Name>,
): RecordSchema<S, Name> {
  const versions = parseVersions(text.versions);
  const flexible = parseVersions(text.flexible);
  return { name: text.name, type: text.type, versions, flexible, fields: text.fields };
}

/**
 * Whether a version of a schema has compact lengths and tagged fields; a version too new to be known has them
 * too.
 */
export function isFlexible(schema: { readonly flexible: Versions }, version: number): boolean {
  return includes(schema.flexible, version);
}
