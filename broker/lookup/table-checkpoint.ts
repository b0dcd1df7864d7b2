/**
 * The table of a partition as a file in its directory, `kompakt-key-table`: written at a clean stop, so that the next start reads only
 * what has come since. Apache Kafka passes over files that it does not know. Little-endian.
 *
 *      0          8         12      16               40       56                64          72           76        80         84
 *     | KEYTABLE | version | crc   | topic id, text | seed   | indexed offset  | end offset | batch crc | leaves  | hash bits | leaf …
 *
 *   leaf:   0        4        8            12       16      20
 *          | crc    | depth  | used slots | tombs. | slots | slots × 20 (key-map.ts)
 *
 * - `crc` is CRC-32C of the header behind it; that of a leaf, of the leaf behind it.
 * - `end offset`: the log was so long. `batch crc`: CRC-32C of all bytes of the batch that ended there, place and epoch included.
 *   What decides about a transaction may lie between the indexed offset and there.
 *
 * It counts only after a clean stop of whoever had the directory last, when that last batch is as it was: then everything before it
 * is, but for what a cleaner, DeleteRecords or retention took, which the table can live with. In any other case, where the log was cleaned
 * behind it (table-feed.ts), and where anything is odd, the table is read from the log. It is written as other files are replaced: under another name, synced,
 * renamed.
 */
import { batchSizeInBytes } from '../../protocol/records/batch.ts';
import { crc32c } from '../../protocol/records/crc32c.ts';
import type { File, FileSystem } from '../../storage/environment/files.ts';
import { lastOffsetAt } from '../../storage/log/batch-walk.ts';
import type { Log } from '../../storage/log/log.ts';
import { hashBitsMax, KeyMap, type LeafContent, slotWords } from './key-map.ts';
import { hashSeedBytes } from './key-map-hash.ts';
import { bytesOf } from './read-record.ts';
import type { Slices } from './slices.ts';

export const keyTableFile = 'kompakt-key-table';

const magic = Buffer.from('KEYTABLE');
const version = 1;
const headerAt = {
  magic: 0,
  version: 8,
  crc: 12,
  topicId: 16,
  seed: 40,
  indexedOffset: 56,
  endOffset: 64,
  batchCrc: 72,
  leafCount: 76,
  hashBits: 80,
} as const;
const headerBytes = 84;
const topicIdBytes = headerAt.seed - headerAt.topicId;
const leafAt = { crc: 0, depth: 4, used: 8, tombstones: 12, slots: 16 } as const;
const leafBytes = 20;
/** More than a leaf can have. */
const slotsMax = 2 ** 24;

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

export interface StoredTable {
  readonly map: KeyMap;
  readonly indexedOffset: number;
}

/** The seed in a partition's file, for all of the topic to use; null without one. */
export function storedSeed(files: FileSystem, { directory, topicId }: Log): Buffer | null {
  try {
    const path = files.join(directory, keyTableFile);
    if (files.statSync(path) === null) return null;
    const file = files.openSync(path, 'read');
    try {
      const header = Buffer.alloc(headerBytes);
      file.readSync(header, 0, headerBytes, 0);
      return oddHeader(header, topicId) === null ? seedIn(header) : null;
    } finally {
      file.close();
    }
  } catch {
    return null;
  }
}

/**
 * What was stored, if it is this log's; else why it is not, null where nothing is stored. Never throws for what the file holds.
 */
export async function readTable(
  files: FileSystem,
  log: Log,
  seed: Buffer,
  slices: Slices,
  hashBits = hashBitsMax,
): Promise<StoredTable | string | null> {
  const path = files.join(log.directory, keyTableFile);
  try {
    if (!isLittleEndian || files.statSync(path) === null) return null;
    const file = files.openSync(path, 'read');
    try {
      return await readFrom(file, log, seed, slices, hashBits);
    } finally {
      file.close();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** False where the log is not one to store a table for. Throws FileError; an older file stays then. */
export async function writeTable(
  files: FileSystem,
  log: Log,
  seed: Buffer,
  { map, indexedOffset }: StoredTable,
  hashBits = hashBitsMax,
): Promise<boolean> {
  if (!isLittleEndian || !log.isOnDisk || log.isDeleted || map.hasShared) return false;
  const batchCrc = crcOfBatchBefore(log, log.endOffset);
  if (batchCrc === null) return false;
  const leaves = [...map.leaves()];
  const header = Buffer.alloc(headerBytes);
  magic.copy(header, headerAt.magic);
  header.writeUInt32LE(version, headerAt.version);
  header.write(log.topicId, headerAt.topicId, topicIdBytes, 'latin1');
  seed.copy(header, headerAt.seed);
  header.writeBigUInt64LE(BigInt(indexedOffset), headerAt.indexedOffset);
  header.writeBigUInt64LE(BigInt(log.endOffset), headerAt.endOffset);
  header.writeUInt32LE(batchCrc, headerAt.batchCrc);
  header.writeUInt32LE(leaves.length, headerAt.leafCount);
  header.writeUInt32LE(hashBits, headerAt.hashBits);
  header.writeUInt32LE(crc32c(header, headerAt.topicId, headerBytes), headerAt.crc);
  const path = files.join(log.directory, keyTableFile);
  await replace(files, path, log.directory, async (file) => {
    await file.write([header], 0);
    let position = headerBytes;
    for (const leaf of leaves) {
      const bytes = leafToBytes(leaf);
      await file.write([bytes], position);
      position += bytes.length;
    }
  });
  return true;
}

async function replace(
  files: FileSystem,
  path: string,
  directory: string,
  write: (file: File) => Promise<void>,
): Promise<void> {
  const file = files.openSync(`${path}.tmp`, 'create');
  try {
    if (file.size > 0) file.truncateSync(0);
    await write(file);
    await file.sync();
    file.renameTo(path);
  } catch (error) {
    file.close();
    // On a full disk the room is needed.
    files.removeFileSync(`${path}.tmp`);
    throw error;
  }
  file.close();
  await files.syncDirectory(directory);
}

async function readFrom(
  file: File,
  log: Log,
  seed: Buffer,
  slices: Slices,
  hashBits: number,
): Promise<StoredTable | string> {
  const header = Buffer.alloc(headerBytes);
  file.readSync(header, 0, headerBytes, 0);
  const odd = oddHeader(header, log.topicId) ?? foreignHeader(header, log, seed, hashBits);
  if (odd !== null) return odd;
  const leaves: LeafContent[] = [];
  let position = headerBytes;
  for (let left = header.readUInt32LE(headerAt.leafCount); left > 0; left--) {
    const leaf = await readLeaf(file, position);
    if (leaf === null) return `damaged at ${position}`;
    leaves.push(leaf);
    position += leafBytes + leaf.words.byteLength;
    if (slices.isOver) await slices.next();
  }
  const map = position === file.size ? KeyMap.from(leaves, hashBits) : null;
  if (map === null) return 'its parts do not fit together';
  return { map, indexedOffset: indexedOffsetIn(header) };
}

async function readLeaf(file: File, position: number): Promise<LeafContent | null> {
  const head = Buffer.alloc(leafBytes);
  if ((await file.read(head, 0, leafBytes, position)) < leafBytes) return null;
  const slots = head.readUInt32LE(leafAt.slots);
  const bytes = leafBytes + slots * slotWords * 4;
  if (slots === 0 || slots > slotsMax || position + bytes > file.size) return null;
  // Words must begin at a multiple of four, which the head's length is.
  const whole = Buffer.from(new ArrayBuffer(bytes));
  if ((await file.read(whole, 0, bytes, position)) < bytes) return null;
  if (crc32c(whole, leafAt.depth, bytes) !== whole.readUInt32LE(leafAt.crc)) return null;
  return {
    depth: whole.readUInt32LE(leafAt.depth),
    used: whole.readUInt32LE(leafAt.used),
    tombstones: whole.readUInt32LE(leafAt.tombstones),
    words: new Uint32Array(whole.buffer, whole.byteOffset + leafBytes, slots * slotWords),
  };
}

function leafToBytes({ depth, used, tombstones, words }: LeafContent): Buffer {
  const bytes = Buffer.allocUnsafe(leafBytes + words.byteLength);
  bytes.writeUInt32LE(depth, leafAt.depth);
  bytes.writeUInt32LE(used, leafAt.used);
  bytes.writeUInt32LE(tombstones, leafAt.tombstones);
  bytes.writeUInt32LE(words.length / slotWords, leafAt.slots);
  bytes.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength), leafBytes);
  bytes.writeUInt32LE(crc32c(bytes, leafAt.depth, bytes.length), leafAt.crc);
  return bytes;
}

/** What is wrong with a header, whichever log it is of. */
function oddHeader(header: Buffer, topicId: string): string | null {
  if (!header.subarray(0, magic.length).equals(magic)) return 'it is no key table';
  if (header.readUInt32LE(headerAt.version) !== version) return 'it is of another version';
  if (crc32c(header, headerAt.topicId, headerBytes) !== header.readUInt32LE(headerAt.crc))
    return 'its header is damaged';
  const stored = header.toString('latin1', headerAt.topicId, headerAt.topicId + topicId.length);
  return stored === topicId ? null : 'it is of another topic';
}

/** Why a header is not of the log as it is now. */
function foreignHeader(header: Buffer, log: Log, seed: Buffer, hashBits: number): string | null {
  if (!seedIn(header).equals(seed) || header.readUInt32LE(headerAt.hashBits) !== hashBits)
    return 'its keys are hashed in another way';
  if (indexedOffsetIn(header) > log.lastStableOffset) return 'it goes beyond what is decided';
  const endOffset = Number(header.readBigUInt64LE(headerAt.endOffset));
  if (crcOfBatchBefore(log, endOffset) === header.readUInt32LE(headerAt.batchCrc)) return null;
  return 'the log is another one where it ended then';
}

function seedIn(header: Buffer): Buffer {
  return Buffer.from(header.subarray(headerAt.seed, headerAt.seed + hashSeedBytes));
}

function indexedOffsetIn(header: Buffer): number {
  return Number(header.readBigUInt64LE(headerAt.indexedOffset));
}

/** Of the batch that ends at `offset`; null without one. */
function crcOfBatchBefore(log: Log, offset: number): number | null {
  if (offset <= log.logStartOffset) return null;
  const read = log.read(offset - 1, { maxBytes: 0, minOneBatch: true, upTo: 'end' });
  const region = read.ok ? read.regions[0] : undefined;
  if (region === undefined) return null;
  const bytes = bytesOf(region);
  if (batchSizeInBytes(bytes, 0) !== bytes.length || lastOffsetAt(bytes, 0) !== offset - 1) return null;
  return crc32c(bytes, 0, bytes.length);
}
