import { crc32c } from '../../protocol/records/crc32c.ts';
import {
  readInt16,
  readInt32,
  readInt64,
  writeInt16,
  writeInt32,
  writeInt64,
} from '../../protocol/records/int64.ts';
import { ProducerState } from './producer-state.ts';

/**
 * The producers of a partition as of one offset: `NNN.snapshot`, taken at each roll and clean close so that a start need
 * not read the log for them. Big-endian:
 *
 *    0    2       6       10
 *    | ver|  crc  | count | entries, 46 bytes each              ver = 1; crc = CRC-32C over everything from byte 6 on
 *
 *    0               8    10      14              22      26              34      38              46
 *    |  producerId   | ep.|lastSeq|  lastOffset   |offset |  timestamp    | coord.| first offset  |
 *    |               |    |       |  of data      | delta |  of the last  | epoch | of open txn   |
 *
 * Only the last batch of a producer is kept; lastSeq and lastOffset are -1 when it has none in its epoch.
 *
 * The order of the entries means nothing to a reader, but it is the one that Kafka would write: that of a Java HashMap of
 * Longs. So a snapshot of the same producers is the same file, byte for byte.
 */
const at = { version: 0, crc: 2, count: 6, entries: 10 } as const;
const entryAt = {
  producerId: 0,
  epoch: 8,
  lastSequence: 10,
  lastOffset: 14,
  offsetDelta: 22,
  timestamp: 26,
  coordinatorEpoch: 34,
  transactionFirstOffset: 38,
} as const;
const entryBytes = 46;
const version = 1;

/** The bytes of the file. */
export function encodeSnapshot(producers: Iterable<ProducerState>): Buffer {
  const ordered = inHashMapOrder([...producers]);
  const bytes = Buffer.alloc(at.entries + ordered.length * entryBytes);
  writeInt16(bytes, at.version, version);
  writeInt32(bytes, at.count, ordered.length);
  let place: number = at.entries;
  for (const producer of ordered) {
    writeInt64(bytes, place + entryAt.producerId, producer.producerId);
    writeInt16(bytes, place + entryAt.epoch, producer.epoch);
    writeInt32(bytes, place + entryAt.lastSequence, producer.lastSequence);
    writeInt64(bytes, place + entryAt.lastOffset, producer.lastDataOffset);
    writeInt32(bytes, place + entryAt.offsetDelta, producer.lastOffsetDelta);
    writeInt64(bytes, place + entryAt.timestamp, producer.lastTimestampMs);
    writeInt32(bytes, place + entryAt.coordinatorEpoch, producer.coordinatorEpoch);
    writeInt64(bytes, place + entryAt.transactionFirstOffset, producer.transactionFirstOffset);
    place += entryBytes;
  }
  writeInt32(bytes, at.crc, crc32c(bytes, at.count, bytes.length));
  return bytes;
}

/** The producers in a file, or a sentence saying why it is not usable. */
export function decodeSnapshot(bytes: Buffer): ProducerState[] | string {
  if (bytes.length < at.entries) return `it has ${bytes.length} bytes`;
  const found = readInt16(bytes, at.version);
  if (found !== version) return `its version is ${found}`;
  if (readInt32(bytes, at.crc) >>> 0 !== crc32c(bytes, at.count, bytes.length))
    return 'its checksum is wrong';
  const count = readInt32(bytes, at.count);
  if (bytes.length !== at.entries + count * entryBytes) return `it cannot hold ${count} producers`;
  const producers: ProducerState[] = [];
  for (let place: number = at.entries; place < bytes.length; place += entryBytes) {
    const producer = new ProducerState(readInt64(bytes, place + entryAt.producerId));
    const lastOffset = readInt64(bytes, place + entryAt.lastOffset);
    const timestampMs = readInt64(bytes, place + entryAt.timestamp);
    producer.epoch = readInt16(bytes, place + entryAt.epoch);
    producer.coordinatorEpoch = readInt32(bytes, place + entryAt.coordinatorEpoch);
    producer.transactionFirstOffset = readInt64(bytes, place + entryAt.transactionFirstOffset);
    producer.lastTimestampMs = timestampMs;
    if (lastOffset >= 0) {
      const lastSequence = readInt32(bytes, place + entryAt.lastSequence);
      const offsetDelta = readInt32(bytes, place + entryAt.offsetDelta);
      producer.batches = [{ lastSequence, lastOffset, offsetDelta, timestampMs }];
    }
    producers.push(producer);
  }
  return producers;
}

/** By bucket, within a bucket as they came in; the table has grown as far as it must for so many. */
function inHashMapOrder(producers: ProducerState[]): ProducerState[] {
  let buckets = 16;
  while (producers.length > buckets * 0.75) buckets *= 2;
  const bucketOf = (producer: ProducerState): number => {
    const low = producer.producerId | 0;
    const high = Math.floor(producer.producerId / 4_294_967_296) | 0;
    const hash = low ^ high;
    return (hash ^ (hash >>> 16)) & (buckets - 1);
  };
  return producers.sort((a, b) => bucketOf(a) - bucketOf(b));
}
