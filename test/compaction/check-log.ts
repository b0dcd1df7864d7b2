import assert from 'node:assert/strict';
import * as batch from '../../protocol/records/batch.ts';
import { type LogRecord, readRecords } from '../../protocol/records/record.ts';
import type { Log } from '../../storage/log/log.ts';
import { Consumer, rawBatches } from './consumer.ts';
import type { History, WrittenRecord } from './history.ts';

/** What must hold of a log however often it was cleaned, and whatever happened meanwhile. */
export function checkLog(log: Log, history: History): void {
  const batches = rawBatches(log);
  checkBatches(log, batches, history);
  const { lastStableOffset, logStartOffset } = log;
  const committed = new Consumer(logStartOffset, true).drain(log);
  assert.deepEqual(committed.state, history.state(logStartOffset, lastStableOffset, false));
  for (const { offset } of committed.seen) {
    const transaction = history.records.get(offset)?.transaction;
    assert.ok(transaction == null || transaction.isCommitted, `aborted data at ${offset} is shown`);
  }
  assert.deepEqual(
    stateOf(batches, history, logStartOffset),
    history.state(logStartOffset, log.endOffset, true),
  );
  checkReads(log, batches);
}

/** Batches ascend and are whole; each record in them is what was written at its offset. */
function checkBatches(log: Log, batches: readonly Buffer[], history: History): void {
  // The log may start in the midst of a batch.
  let next = batches[0] ? batch.baseOffset(batches[0], 0) : log.logStartOffset;
  for (const bytes of batches) {
    const baseOffset = batch.baseOffset(bytes, 0);
    assert.ok(batch.isValidCrc(bytes, 0), `the checksum at ${baseOffset}`);
    assert.ok(baseOffset >= next, `the batch at ${baseOffset} begins below ${next}`);
    const records = readRecords(bytes, 0);
    next = baseOffset;
    for (const { offset } of records) {
      assert.ok(offset >= next, `offset ${offset} comes after ${next}`);
      next = offset + 1;
    }
    assert.ok(next <= batch.lastOffset(bytes, 0) + 1);
    next = batch.lastOffset(bytes, 0) + 1;
    if (batch.isControl(bytes, 0)) checkMarker(bytes, history);
    else for (const record of records) checkRecord(record, history);
  }
  assert.equal(next, log.endOffset);
}

function checkMarker(bytes: Buffer, history: History): void {
  const offset = batch.baseOffset(bytes, 0);
  const transaction = history.transactions.find((each) => each.markerOffset === offset);
  assert.equal(batch.producerId(bytes, 0), transaction?.producerId, `the marker at ${offset}`);
}

function checkRecord(record: LogRecord, history: History): void {
  const written = history.records.get(record.offset);
  assert.deepEqual(described(record), written && plain(written), `the record at ${record.offset}`);
}

function described({ offset, timestamp, key, value, headers }: LogRecord) {
  return {
    offset,
    timestampMs: timestamp,
    key: key?.toString() ?? null,
    value: value?.toString() ?? null,
    headers: headers.map((header) => [header.key, header.value?.toString() ?? null]),
  };
}

function plain({ transaction: _, ...record }: WrittenRecord) {
  return record;
}

/** What a read_uncommitted consumer makes of it that knows which transactions were aborted. */
function stateOf(batches: readonly Buffer[], history: History, from: number): Map<string, string> {
  const state = new Map<string, string>();
  for (const { offset, key, value, transaction } of dataIn(batches, history)) {
    if (
      offset < from ||
      key === null ||
      (transaction !== null && transaction.markerOffset >= 0 && !transaction.isCommitted)
    )
      continue;
    if (value === null) state.delete(key);
    else state.set(key, value);
  }
  return state;
}

/** The records that are left, as they were written. */
export function dataIn(batches: readonly Buffer[], history: History): WrittenRecord[] {
  return batches
    .filter((bytes) => !batch.isControl(bytes, 0))
    .flatMap((bytes) => readRecords(bytes, 0))
    .map(({ offset }) => history.records.get(offset)!);
}

/** A read from any offset begins with the batch that holds it, or the first one behind. */
function checkReads(log: Log, batches: readonly Buffer[]): void {
  const lastOffsets = batches.map((bytes) => batch.lastOffset(bytes, 0));
  for (let offset = log.logStartOffset; offset < log.endOffset; offset += 3) {
    const read = log.read(offset, { maxBytes: 1, minOneBatch: true, upTo: 'end' });
    if (!read.ok) throw new Error(`the read of ${offset} was refused with ${read.errorCode}`);
    const [region] = read.regions;
    const bytes = Buffer.alloc(region!.byteLength);
    region!.file.readSync(bytes, 0, bytes.length, region!.position);
    region!.release();
    assert.equal(
      batch.lastOffset(bytes, 0),
      lastOffsets.find((last) => last >= offset),
    );
  }
}

/**
 * What a pass over everything below `checkpoint` has left there: of each key one record at most, nothing aborted, nothing without
 * a key.
 */
export function checkClean(log: Log, history: History, checkpoint: number): void {
  const left = dataIn(rawBatches(log), history).filter(({ offset }) => offset < checkpoint);
  const keys = left.map(({ key }) => key);
  assert.deepEqual(keys, [...new Set(keys)]);
  assert.ok(!keys.includes(null));
  for (const { transaction, offset } of left)
    assert.ok(transaction === null || transaction.isCommitted, `aborted data at ${offset} is left`);
}

/** The producers that may go on, and where. */
export function sequencesOf(log: Log): unknown[] {
  return Array.from(log.producers(), ({ producerId, epoch, lastSequence, transactionFirstOffset }) => ({
    producerId,
    epoch,
    lastSequence,
    transactionFirstOffset,
  }))
    .filter(({ lastSequence }) => lastSequence >= 0)
    .sort((a, b) => a.producerId - b.producerId);
}
