/** Headers and whole frames that Kafka's own classes wrote. */
import { expect, test } from 'vitest';
import { apiByKey } from '../../protocol/messages/index.ts';
import type { AnyApi, RequestInit, ResponseInit } from '../../protocol/schema/api.ts';
import { decoderOf } from '../../protocol/schema/compile.ts';
import { FrameSplitter } from '../../protocol/wire/frame.ts';
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequest,
  encodeResponse,
  requestHeader,
  requestHeaderVersion,
  responseHeader,
  responseHeaderVersion,
} from '../../protocol/wire/headers.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import type { Chunk } from '../../protocol/wire/writer.ts';
import { checkBody, type VectorLine, vectorLines } from './kafka-json.ts';

const headers = { RequestHeader: requestHeader, ResponseHeader: responseHeader } as const;

test('17 headers, as their schemas say', () => {
  const lines = vectorLines('api/_headers.jsonl');
  expect(lines.length).toBe(17);
  for (const line of lines)
    checkBody(
      headers[line.api as keyof typeof headers],
      line,
      Buffer.from(line.hex, 'hex'),
      `${line.api} ${line.case}`,
    );
});

test('635 frames', () => {
  const lines = vectorLines('api/_frames.jsonl');
  for (const line of lines) checkFrame(line, `${line.api} ${line.kind} v${line.version} ${line.case}`);
  expect(lines.length).toBe(635);
  expect(lines.filter((line) => line.kind === 'request').length).toBe(314);
});

function checkFrame(line: VectorLine, what: string): void {
  const api = apiByKey(line.key)!;
  const frame = onlyFrame(Buffer.from(line.hex, 'hex'), what);
  const reader = new Reader(frame);
  if (line.kind === 'request') checkRequest(api, line, reader, what);
  else checkResponse(api, line, reader, what);
  expect(reader.remaining, what).toBe(0);
  const schema = line.kind === 'request' ? api.request : api.response;
  checkBody(schema, line, bodyOf(frame, line, api), what);
}

function checkRequest(api: AnyApi, line: VectorLine, reader: Reader, what: string): void {
  expect(requestHeaderVersion(api, line.version), what).toBe(line.headerVersion);
  const header = decodeRequestHeader(reader);
  const { requestApiKey, requestApiVersion, correlationId, clientId } = line.header as Record<
    string,
    unknown
  >;
  expect(header, what).toEqual({
    api,
    apiKey: requestApiKey,
    apiVersion: requestApiVersion,
    correlationId,
    clientId,
  });
  const request = decoderOf(api, 'request', line.version)(reader);
  const again = encodeRequest(api, line.version, header, request as RequestInit<AnyApi>);
  expect(hex(again), what).toBe(line.hex);
}

function checkResponse(api: AnyApi, line: VectorLine, reader: Reader, what: string): void {
  expect(responseHeaderVersion(api, line.version), what).toBe(line.headerVersion);
  const correlationId = decodeResponseHeader(reader, api, line.version);
  expect({ correlationId }, what).toEqual(line.header);
  const response = decoderOf(api, 'response', line.version)(reader);
  const again = encodeResponse(api, line.version, correlationId, response as ResponseInit<AnyApi>);
  expect(hex(again), what).toBe(line.hex);
}

function onlyFrame(bytes: Buffer, what: string): Buffer {
  const frames: Buffer[] = [];
  new FrameSplitter(1 << 20, (frame) => frames.push(frame)).feed(bytes);
  expect(frames.length, what).toBe(1);
  return frames[0]!;
}

function bodyOf(frame: Buffer, line: VectorLine, api: AnyApi): Buffer {
  const reader = new Reader(frame);
  if (line.kind === 'request') decodeRequestHeader(reader);
  else decodeResponseHeader(reader, api, line.version);
  return reader.view(reader.remaining);
}

function hex(chunks: Chunk[]): string {
  return Buffer.concat(chunks as Buffer[]).toString('hex');
}
