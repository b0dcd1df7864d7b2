/**
 * Places to go on from, as text that means nothing to whoever keeps it: after a page, behind an event of a change stream.
 *
 *     0         1      2             18                              -4          end
 *    | version | kind | topic id    | numbers, as varlongs          | CRC-32C   |     in base64url
 *
 * page:     partition, offset, where the partition ended when its first page began
 * snapshot: chosen partition + 1 or 0, partition, offset, then a boundary for the chosen partition, or for each, then a leader epoch + 1 for
 *           each boundary (both as differences)
 * live:     chosen partition + 1 or 0, then next offsets and leader epochs, in the same way
 */
import { crc32c } from '../../protocol/records/crc32c.ts';
import { RecordError } from '../../protocol/records/record-error.ts';
import { sizeOfVarlong, VarintReader, writeVarlong } from '../../protocol/records/varint.ts';
import { refuseRequest } from './refuse.ts';

const version = 2;
const kindAt = 1;
const topicIdAt = 2;
const topicIdBytes = 16;
const numbersAt = topicIdAt + topicIdBytes;
const crcBytes = 4;
const kinds = { page: 1, snapshot: 2, live: 3 } as const;

/** So many partitions' offsets make a token that still fits in a header line of HTTP: 8 bytes and an epoch each at most, by a third longer as text. */
export const tokenPartitionsMax = 1_000;

export interface PagePlace {
  readonly topicId: string;
  readonly partition: number;
  /** Of the next record that may be given. */
  readonly offset: number;
  /** Where the partition is over. */
  readonly upTo: number;
}

/** Where a change stream is. `offsets` are those of the chosen partition alone, or of all, by number. */
export interface StreamPlace {
  readonly topicId: string;
  /** null: all of them. */
  readonly chosen: number | null;
  /** null: the snapshot is over, and `offsets` are the next ones to be told. */
  readonly snapshot: {
    /** Partitions before it are told up to their boundary, this one up to `offset`. */
    readonly partition: number;
    readonly offset: number;
  } | null;
  /** In a snapshot the boundaries: what is above them is a change. */
  readonly offsets: readonly number[];
  /** Of the record before each of them the leader epoch; -1 where that is not known. */
  readonly epochs: readonly number[];
}

export function pageToken({ topicId, partition, offset, upTo }: PagePlace): string {
  return encode(kinds.page, topicId, [partition, offset, upTo]);
}

export function readPageToken(token: string): PagePlace {
  const { kind, topicId, numbers } = decode(token);
  const [partition, offset, upTo] = numbers;
  if (kind !== kinds.page || numbers.length !== 3 || !areOffsets(numbers)) return refuseToken();
  return { topicId, partition: partition!, offset: offset!, upTo: upTo! };
}

export function streamToken({ topicId, chosen, snapshot, offsets, epochs }: StreamPlace): string {
  const whose = chosen === null ? 0 : chosen + 1;
  const places = [...differences(offsets), ...differences(epochs.map((epoch) => epoch + 1))];
  return snapshot === null
    ? encode(kinds.live, topicId, [whose, ...places])
    : encode(kinds.snapshot, topicId, [whose, snapshot.partition, snapshot.offset, ...places]);
}

export function readStreamToken(token: string): StreamPlace {
  const { kind, topicId, numbers } = decode(token);
  const isSnapshot = kind === kinds.snapshot;
  if (!isSnapshot && kind !== kinds.live) return refuseToken();
  const [whose, partition, offset] = numbers;
  const places = numbers.slice(isSnapshot ? 3 : 1);
  const count = places.length / 2;
  const offsets = sums(places.slice(0, count));
  const epochs = sums(places.slice(count));
  const place = isSnapshot ? [partition!, offset!] : [];
  const isOdd = numbers.length < 1 + place.length || !Number.isInteger(count);
  if (isOdd || !areOffsets([whose!, ...place, ...offsets, ...epochs])) return refuseToken();
  return {
    topicId,
    chosen: whose === 0 ? null : whose! - 1,
    snapshot: isSnapshot ? { partition: partition!, offset: offset! } : null,
    offsets,
    epochs: epochs.map((epoch) => epoch - 1),
  };
}

function encode(kind: number, topicId: string, numbers: readonly number[]): string {
  let bytes = numbersAt + crcBytes;
  for (const number of numbers) bytes += sizeOfVarlong(number);
  const buffer = Buffer.allocUnsafe(bytes);
  buffer[0] = version;
  buffer[kindAt] = kind;
  buffer.write(topicId, topicIdAt, topicIdBytes, 'base64url');
  let at = numbersAt;
  for (const number of numbers) at = writeVarlong(buffer, at, number);
  buffer.writeUInt32BE(crc32c(buffer, 0, at), at);
  return buffer.toString('base64url');
}

function decode(token: string): { kind: number; topicId: string; numbers: number[] } {
  const buffer = Buffer.from(token, 'base64url');
  const end = buffer.length - crcBytes;
  // What is not of the alphabet is passed over in reading.
  if (end < numbersAt || buffer[0] !== version || buffer.toString('base64url') !== token)
    return refuseToken();
  if (buffer.readUInt32BE(end) !== crc32c(buffer, 0, end)) return refuseToken();
  const reader = new VarintReader(buffer, numbersAt, end);
  const numbers: number[] = [];
  try {
    while (reader.position < end) numbers.push(reader.readVarlong());
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    return refuseToken();
  }
  const topicId = buffer.toString('base64url', topicIdAt, numbersAt);
  return { kind: buffer[kindAt]!, topicId, numbers };
}

function refuseToken(): never {
  return refuseRequest('this is no position that was given out here');
}

function areOffsets(numbers: readonly number[]): boolean {
  return numbers.every((number) => Number.isSafeInteger(number) && number >= 0);
}

function differences(offsets: readonly number[]): number[] {
  return offsets.map((offset, n) => offset - (offsets[n - 1] ?? 0));
}

function sums(differences: readonly number[]): number[] {
  let sum = 0;
  return differences.map((difference) => (sum += difference));
}
