import { expect, test } from 'vitest';
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
  decodeConsumerBlob,
  encodeConsumerBlob,
} from '../../../protocol/messages/client/consumer-protocol.ts';
import { BrokenFrame } from '../../../protocol/wire/reader.ts';

test('a subscription begins with its version', () => {
  const blob = encodeConsumerBlob(consumerProtocolSubscription, 0, { topics: ['a'] });
  expect(blob.toString('hex')).toBe('000000000001000161ffffffff');
  expect(decodeConsumerBlob(consumerProtocolSubscription, blob)).toEqual({
    topics: ['a'],
    userData: null,
    ownedPartitions: [],
    generationId: -1,
    rackId: null,
  });
});

test('a version newer than ours is read as our newest, whatever follows', () => {
  const blob = encodeConsumerBlob(consumerProtocolSubscription, 3, { topics: ['a'], rackId: 'here' });
  blob.writeInt16BE(99);
  const newer = Buffer.concat([blob, Buffer.from('more')]);
  expect(decodeConsumerBlob(consumerProtocolSubscription, newer)).toMatchObject({
    topics: ['a'],
    rackId: 'here',
  });
});

test('what is no blob is a broken frame', () => {
  for (const hex of ['', '00', 'ffff00000000', '0000000000020001'])
    expect(() => decodeConsumerBlob(consumerProtocolAssignment, Buffer.from(hex, 'hex')), hex).toThrow(
      BrokenFrame,
    );
});

test('a blob of more topics than anybody has is not read', () => {
  const named = (count: number): Buffer => {
    const blob = Buffer.alloc(2 + 4 + 2 * count + 4);
    blob.writeInt32BE(count, 2);
    return blob;
  };
  expect(decodeConsumerBlob(consumerProtocolSubscription, named(10)).topics).toHaveLength(10);
  const read = () => decodeConsumerBlob(consumerProtocolSubscription, named(1_000_001));
  expect(read).toThrow('more than 1000000 array elements');
});
