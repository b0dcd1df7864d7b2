import { crc32 } from 'node:zlib';
import { codecById, codecIds } from '../../../protocol/records/compression.ts';

/** Messages of magic 0 and 1 as an old Kafka wrote them (the layout: protocol/records/legacy.ts); we only ever read them. */
export interface NewMessage {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** One message without a codec, or with one a wrapper around all. */
export function buildMessages(magic: 0 | 1, codec: number, messages: readonly NewMessage[]): Buffer {
  if (codec === codecIds.none)
    return Buffer.concat(messages.map((each) => message(magic, codecIds.none, each)));
  const first = messages[0]!.offset;
  const inner = messages.map((each) => {
    return message(magic, codecIds.none, magic === 0 ? each : { ...each, offset: each.offset - first });
  });
  const value = codecById(codec).compress(Buffer.concat(inner));
  const timestampMs = Math.max(...messages.map((each) => each.timestampMs));
  return message(magic, codec, { offset: messages.at(-1)!.offset, timestampMs, key: null, value });
}

function message(magic: 0 | 1, codec: number, { offset, timestampMs, key, value }: NewMessage): Buffer {
  const head = Buffer.from([magic, codec]);
  const time = Buffer.alloc(magic === 0 ? 0 : 8);
  if (magic === 1) time.writeBigInt64BE(BigInt(timestampMs));
  const checked = Buffer.concat([head, time, sized(key), sized(value)]);
  const front = Buffer.alloc(16);
  front.writeBigInt64BE(BigInt(offset), 0);
  front.writeInt32BE(4 + checked.length, 8);
  front.writeUInt32BE(crc32(checked), 12);
  return Buffer.concat([front, checked]);
}

function sized(bytes: Buffer | null): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes?.length ?? -1);
  return bytes === null ? size : Buffer.concat([size, bytes]);
}
