/** What lies in data directories, and what a broker shows of its own. */
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { listOffsets } from '../../../protocol/messages/data/list-offsets.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import { batchBytesAt, isControl, lastOffset } from '../../../protocol/records/batch.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import { RecordError } from '../../../protocol/records/record-error.ts';
import type { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import type { SimulatedClient } from '../world.ts';

export interface FoundRecord {
  readonly text: string;
  readonly isControl: boolean;
}
/** Offset → record. */
export type Records = Map<number, FoundRecord>;

/** Takes the records of whole batches, up to what is none; gives the offset behind the last one. */
function collect(bytes: Buffer, into: Records): number {
  let next = 0;
  for (let at = 0; ; ) {
    const batchBytes = bytesOfBatch(bytes, at);
    if (batchBytes === 0) return next;
    for (const { offset, key, value, timestamp } of readRecords(bytes, at))
      into.set(offset, { text: `${timestamp} ${key} ${value}`, isControl: isControl(bytes, at) });
    next = lastOffset(bytes, at) + 1;
    at += batchBytes;
  }
}

/** 0: there is none. */
function bytesOfBatch(bytes: Buffer, at: number): number {
  try {
    return batchBytesAt(bytes, at, bytes.length);
  } catch (error) {
    if (error instanceof RecordError) return 0;
    throw error;
  }
}

/** Every partition's records, as its segments hold them, by the partition's directory. */
export function recordsIn(files: MemoryFileSystem, directory: string): Map<string, Records> {
  const found = new Map<string, Records>();
  for (const name of files.listSync(directory)) {
    const inside = files.join(directory, name);
    if (files.statSync(inside)?.kind !== 'directory' || !/^.+-\d+$/.test(name)) continue;
    const records: Records = new Map();
    for (const file of files.listSync(inside))
      if (/^\d{20}\.log$/.test(file)) collect(files.readFileSync(files.join(inside, file)), records);
    found.set(name, records);
  }
  return found;
}

/** Every file below, with its bytes. */
export function bytesIn(files: MemoryFileSystem, directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of files.listSync(directory)) {
    const path = files.join(directory, name);
    if (files.statSync(path)?.kind === 'file') found.set(path, files.readFileSync(path).toString('latin1'));
    else for (const [below, bytes] of bytesIn(files, path)) found.set(below, bytes);
  }
  return found;
}

export interface ShownPartition {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly records: Records;
}

/** All that a broker has, by the name of the partition. */
export async function shownBy(client: SimulatedClient): Promise<Map<string, ShownPartition>> {
  const known = await client.request(metadata, 9, { topics: null, allowAutoTopicCreation: false });
  const found = new Map<string, ShownPartition>();
  for (const { name, partitions } of known!.topics)
    for (const { partitionIndex } of partitions)
      found.set(`${name}-${partitionIndex}`, await shownOf(client, name!, partitionIndex));
  return found;
}

async function shownOf(client: SimulatedClient, topic: string, partition: number): Promise<ShownPartition> {
  const offsetAt = async (timestamp: number): Promise<number> => {
    const topics = [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }];
    const answer = await client.request(listOffsets, 5, { replicaId: -1, isolationLevel: 0, topics });
    const { errorCode, offset } = answer!.topics[0]!.partitions[0]!;
    if (errorCode !== 0)
      throw new Error(`${topic}-${partition} does not say where it is: error ${errorCode}`);
    return offset;
  };
  const [startOffset, endOffset] = [await offsetAt(-2), await offsetAt(-1)];
  const records: Records = new Map();
  for (let fetchOffset = startOffset; fetchOffset < endOffset; ) {
    const partitions = [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }];
    const topics = [{ topic, partitions }];
    const answer = await client.request(fetch, 11, { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, topics });
    const { errorCode, records: bytes } = answer!.responses[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(`${topic}-${partition} cannot be read: error ${errorCode}`);
    const next = bytes === null ? 0 : collect(bytes as Buffer, records);
    if (next <= fetchOffset) break;
    fetchOffset = next;
  }
  for (const offset of records.keys()) if (offset < startOffset) records.delete(offset);
  return { startOffset, endOffset, records };
}
