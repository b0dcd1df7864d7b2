/** How far the last transaction of a simulated broker has come, as nothing but its files tell it. */
import { isDecided, type Transaction } from '../../broker/transactions/transaction.ts';
import { transactionEntryCodec } from '../../broker/transactions/transaction-entries.ts';
import { ApiError } from '../../protocol/errors.ts';
import * as batch from '../../protocol/records/batch.ts';
import { readRecords } from '../../protocol/records/record.ts';
import type { MemoryFileSystem } from '../../storage/environment/memory-files.ts';

export const stages = ['open', 'prepared', 'some markers', 'all markers', 'complete'] as const;
export type Stage = (typeof stages)[number];

type Files = Pick<MemoryFileSystem, 'listSync' | 'readFileSync' | 'statSync'>;

const dataDirectory = '/data';
const stateDirectory = '__transaction_state-0';
const codec = transactionEntryCodec(() => 2);

/** The whole, undamaged batches of a partition, as far as there is none missing between them. */
function* batchesOf(files: Files, partition: string): Generator<{ bytes: Buffer; at: number }> {
  const path = `${dataDirectory}/${partition}`;
  if (files.statSync(path) === null) return;
  const names = files.listSync(path).filter((name) => name.endsWith('.log'));
  for (const name of names.sort()) {
    const bytes = files.readFileSync(`${path}/${name}`);
    for (let at = 0; at < bytes.length; at += batch.batchSizeInBytes(bytes, at)) {
      if (!isWhole(bytes, at)) return;
      yield { bytes, at };
    }
  }
}

function isWhole(bytes: Buffer, at: number): boolean {
  try {
    return batch.batchBytesAt(bytes, at, bytes.length) > 0 && batch.isValidCrc(bytes, at);
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}

/** Where each partition ends now. */
export function endsOf(files: Files): Map<string, number> {
  const partitions = files.listSync(dataDirectory).filter((name) => /-\d+$/.test(name));
  return new Map(
    partitions.map((partition) => {
      let end = 0;
      for (const { bytes, at } of batchesOf(files, partition)) end = batch.lastOffset(bytes, at) + 1;
      return [partition, end];
    }),
  );
}

/**
 * The stage of what has come since `before`, whose Prepare names its partitions. Throws when a step is there before what must precede it:
 * a marker without its Prepare, a Complete without all markers.
 */
export function stageSince(files: Files, before: ReadonlyMap<string, number>): Stage {
  let prepared: Transaction | null = null;
  let isComplete = false;
  for (const { bytes, at } of batchesOf(files, stateDirectory)) {
    if (batch.baseOffset(bytes, at) < before.get(stateDirectory)!) continue;
    for (const { key, value } of readRecords(bytes, at)) {
      const transaction = codec.decode(key, value)?.value ?? null;
      if (transaction === null) continue;
      if (isDecided(transaction)) prepared = transaction;
      else if (transaction.state === 'Ongoing' || transaction.state === 'Empty') prepared = null;
      isComplete = transaction.state.startsWith('Complete');
    }
  }
  const partitions = [...before.keys()].filter((name) => name !== stateDirectory);
  const marked = partitions.filter((partition) => hasMarker(files, partition, before, prepared));
  if (prepared === null) {
    if (marked.length > 0) throw new Error(`${marked.join(' ')} are marked, but nothing is decided`);
    return 'open';
  }
  const expected = [...prepared.partitions].flatMap(([topic, indexes]) =>
    indexes.map((index) => `${topic}-${index}`),
  );
  const missing = expected.filter((partition) => !marked.includes(partition));
  if (isComplete && missing.length > 0) throw new Error(`complete without markers in ${missing.join(' ')}`);
  if (isComplete) return 'complete';
  if (missing.length === 0) return 'all markers';
  return missing.length < expected.length ? 'some markers' : 'prepared';
}

/** Of the transaction, or of any if none is decided. */
function hasMarker(
  files: Files,
  partition: string,
  before: ReadonlyMap<string, number>,
  transaction: Transaction | null,
): boolean {
  for (const { bytes, at } of batchesOf(files, partition)) {
    if (batch.baseOffset(bytes, at) < before.get(partition)! || !batch.isControl(bytes, at)) continue;
    if (transaction === null || batch.producerId(bytes, at) === transaction.producerId) return true;
  }
  return false;
}
