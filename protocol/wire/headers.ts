/**
 * What stands between a frame's size and its body.
 *
 *    request header v1    | apiKey int16 | apiVersion int16 | correlationId int32 | clientId NULLABLE_STRING |
 *                   v2    … and tagged fields; the client id keeps its int16 length
 *                   v0    without the client id; only ControlledShutdown v0 had it, which is gone
 *    response header v0   | correlationId int32 |
 *                    v1   … and tagged fields
 *
 * A flexible version of an API has request header v2 and response header v1. The one exception is
 * ApiVersions, whose response header is always v0: a client asks before it knows which versions the broker
 * speaks.
 */
import { apiByKey } from '../messages/index.ts';
import { type AnyApi, defineRecord, isFlexible, type RequestInit, type ResponseInit } from '../schema/api.ts';
import { encoderOf } from '../schema/compile.ts';
import { int16, int32, string } from '../schema/field.ts';
import type { Reader } from './reader.ts';
import { type Chunk, Writer } from './writer.ts';

/**
 * The request header as a schema, for documentation and comparison; the functions below read and write it by
 * hand.
 */
export const requestHeader = defineRecord({
  name: 'RequestHeader',
  versions: '1-2',
  flexible: '2+',
  fields: {
    requestApiKey: int16,
    requestApiVersion: int16,
    correlationId: int32,
    clientId: string.nullable().notCompact(),
  },
});

/** The response header as a schema. */
export const responseHeader = defineRecord({
  name: 'ResponseHeader',
  versions: '0-1',
  flexible: '1+',
  fields: { correlationId: int32 },
});

export interface RequestHeader {
  /** Undefined when no API has the key. */
  readonly api: AnyApi | undefined;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

const apiVersionsKey = 18;

export function requestHeaderVersion(api: AnyApi, version: number): 1 | 2 {
  return isFlexible(api.request, version) ? 2 : 1;
}

export function responseHeaderVersion(api: AnyApi, version: number): 0 | 1 {
  return api.key !== apiVersionsKey && isFlexible(api.response, version) ? 1 : 0;
}

/**
 * Reads a request header; the reader is then at the body. Whether tagged fields end the header depends on the
 * API, so with a key that nobody has the reader stops in front of them: nothing can be answered then anyway.
 * A version that is too new for us has the header of our newest, as in Kafka.
 */
export function decodeRequestHeader(reader: Reader): RequestHeader {
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const clientId = reader.nullableString();
  const api = apiByKey(apiKey);
  if (api !== undefined && requestHeaderVersion(api, apiVersion) === 2) reader.skipTaggedFields();
  return { api, apiKey, apiVersion, correlationId, clientId };
}

/** Reads a response header, and gives the correlation id; the reader is then at the body. */
export function decodeResponseHeader(reader: Reader, api: AnyApi, version: number): number {
  const correlationId = reader.int32();
  if (responseHeaderVersion(api, version) === 1) reader.skipTaggedFields();
  return correlationId;
}

/** A whole request frame, its size included. */
export function encodeRequest<A extends AnyApi>(
  api: A,
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  request: RequestInit<A>,
): Chunk[] {
  const writer = new Writer();
  writer.int32(0);
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(header.correlationId);
  if (header.clientId === null) writer.int16(-1);
  else writer.string(header.clientId);
  if (requestHeaderVersion(api, version) === 2) writer.uvarint(0);
  encoderOf(api, 'request', version)(writer, request);
  return writer.finishFrame();
}

/** A whole response frame, its size included. `bytesMax`: see Writer. */
export function encodeResponse<A extends AnyApi>(
  api: A,
  version: number,
  correlationId: number,
  response: ResponseInit<A>,
  bytesMax?: number,
): Chunk[] {
  const writer = new Writer(bytesMax);
  writer.int32(0);
  writer.int32(correlationId);
  if (responseHeaderVersion(api, version) === 1) writer.uvarint(0);
  encoderOf(api, 'response', version)(writer, response);
  return writer.finishFrame();
}
