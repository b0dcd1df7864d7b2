/**
 * Turns a schema at one version into a decoder and an encoder: plain JavaScript, made with `new Function` on
 * first use and kept. decoder-source.ts and encoder-source.ts print it. An interpreter of the same schema is
 * three times slower; compiling takes 0.1 ms, so a broker pays for the versions its clients speak and
 * start-up pays for none.
 *
 * A decoder gives every object of a struct the same properties in the same order whatever the version, so
 * that V8 sees one hidden class. An encoder takes an omitted field for its default. The rules of a version:
 *
 *    the field is          its value is        decoder              encoder
 *    in the version        any                 reads it             writes it; null only where nullable
 *    tagged                its default         default, if absent   leaves it out
 *    not in the version    its default         default              leaves it out
 *    not in the version    another             -                    leaves it out if ignorable, else refuses
 */
import type { Reader } from '../wire/reader.ts';
import { UnwritableValue, type Writer } from '../wire/writer.ts';
import type {
  AnyApi,
  AnyRecord,
  RecordInit,
  RecordOf,
  RequestInit,
  RequestOf,
  ResponseInit,
  ResponseOf,
  Schema,
} from './api.ts';
import { decoderSource } from './decoder-source.ts';
import { encoderSource } from './encoder-source.ts';

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

/**
 * A codec that reads and writes every int64 as a bigint: for tools that show exact values. Not kept, so
 * compiled per call.
 */
export function exactCodec(
  schema: Schema,
  version: number,
): { decode: Decoder<unknown>; encode: Encoder<unknown> } {
  return {
    decode: build(decoderSource(schema, version, 'bigint')) as Decoder<unknown>,
    encode: build(encoderSource(schema, version, 'bigint')) as Encoder<unknown>,
  };
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
