import { expect, test } from 'vitest';
import { apiVersions } from '../../../protocol/messages/cluster/api-versions.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { offsetDelete } from '../../../protocol/messages/groups/offset-delete.ts';
import {
  decodeRequestHeader,
  encodeRequest,
  requestHeaderVersion,
  responseHeaderVersion,
} from '../../../protocol/wire/headers.ts';
import { BrokenFrame, Reader } from '../../../protocol/wire/reader.ts';

test('a flexible version has tagged fields in its header; ApiVersions answers without', () => {
  expect([3, 4, 99].map((version) => requestHeaderVersion(heartbeat, version))).toEqual([1, 2, 2]);
  expect([3, 4, 99].map((version) => responseHeaderVersion(heartbeat, version))).toEqual([0, 1, 1]);
  expect([0, 3, 99].map((version) => requestHeaderVersion(apiVersions, version))).toEqual([1, 2, 2]);
  expect([0, 3, 99].map((version) => responseHeaderVersion(apiVersions, version))).toEqual([0, 0, 0]);
  expect(requestHeaderVersion(offsetDelete, 0)).toBe(1);
});

test('a request in a version that nobody knows still has a header', () => {
  const reader = new Reader(Buffer.from('00120063000000070001610105000101', 'hex'));
  const header = decodeRequestHeader(reader);
  expect(header).toEqual({ api: apiVersions, apiKey: 18, apiVersion: 99, correlationId: 7, clientId: 'a' });
  expect(reader.remaining).toBe(2);
});

test('a request with a key that nobody has is read as far as its client id', () => {
  const header = decodeRequestHeader(new Reader(Buffer.from('03e8000000000007ffff', 'hex')));
  expect(header).toEqual({ api: undefined, apiKey: 1000, apiVersion: 0, correlationId: 7, clientId: null });
});

test.each(['', '0012', '00120003000000', '0012000300000007000561', '00120003000000070001610105ff'])(
  'a header of %j is broken',
  (hex) => {
    expect(() => decodeRequestHeader(new Reader(Buffer.from(hex, 'hex')))).toThrow(BrokenFrame);
  },
);

test('a client id may be missing', () => {
  const request = { groupId: 'g', generationId: 1, memberId: 'm' };
  const [frame] = encodeRequest(heartbeat, 0, { correlationId: 1, clientId: null }, request);
  expect((frame as Buffer).subarray(4, 14).toString('hex')).toBe('000c000000000001ffff');
});
