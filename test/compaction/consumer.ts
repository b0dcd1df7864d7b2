import * as batch from '../../protocol/records/batch.ts';
import { controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import { type LogRecord, readRecords } from '../../protocol/records/record.ts';
import type { Log } from '../../storage/log/log.ts';

/** What a consumer makes of a log: each fetch answer taken apart as Kafka's clients do, the values kept by key. */
export class Consumer {
  position: number;
  readonly state = new Map<string, string>();
  readonly seen: LogRecord[] = [];
  readonly #isCommittedOnly: boolean;

  constructor(position: number, isCommittedOnly: boolean) {
    this.position = position;
    this.#isCommittedOnly = isCommittedOnly;
  }

  /** Reads on; false when there is nothing. */
  poll(log: Log, maxBytes = 2_000): boolean {
    const upTo = this.#isCommittedOnly ? 'stable' : 'high-watermark';
    const read = log.read(this.position, { maxBytes, minOneBatch: true, upTo });
    if (!read.ok) throw new Error(`the read of ${this.position} was refused with ${read.errorCode}`);
    if (read.byteLength === 0) return false;
    const bytes = Buffer.alloc(read.byteLength);
    for (const region of read.regions) {
      region.file.readSync(bytes, 0, region.byteLength, region.position);
      region.release();
    }
    const aborted = [...(read.abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
    const hidden = new Set<number>();
    const from = this.position;
    for (let at = 0; batch.batchBytesAt(bytes, at, bytes.length) > 0; ) {
      const lastOffset = batch.lastOffset(bytes, at);
      while (aborted[0] && aborted[0].firstOffset <= lastOffset) hidden.add(aborted.shift()!.producerId);
      this.#take(bytes, at, from, hidden);
      this.position = Math.max(this.position, lastOffset + 1);
      at += batch.batchSizeInBytes(bytes, at);
    }
    if (this.position === from) throw new Error(`no whole batch at ${from}`);
    return true;
  }

  drain(log: Log): this {
    while (this.poll(log));
    return this;
  }

  #take(bytes: Buffer, at: number, from: number, hidden: Set<number>): void {
    const producerId = batch.producerId(bytes, at);
    const records = readRecords(bytes, at).filter(({ offset }) => offset >= from);
    if (batch.isControl(bytes, at)) {
      if (records[0] && controlTypeOf(records[0]) === controlTypes.abort) hidden.delete(producerId);
      return;
    }
    if (batch.isTransactional(bytes, at) && hidden.has(producerId)) return;
    for (const record of records) {
      this.seen.push(record);
      const key = record.key?.toString();
      if (key === undefined) continue;
      if (record.value === null) this.state.delete(key);
      else this.state.set(key, record.value.toString());
    }
  }
}

/** Every batch of a log as it stands in its files, from the log start on. */
export function rawBatches(log: Log): Buffer[] {
  const found: Buffer[] = [];
  for (let offset = log.logStartOffset; offset < log.endOffset; ) {
    const read = log.read(offset, { maxBytes: 1 << 20, minOneBatch: true, upTo: 'end' });
    if (!read.ok) throw new Error(`the read of ${offset} was refused with ${read.errorCode}`);
    if (read.byteLength === 0) break;
    for (const region of read.regions) {
      const bytes = Buffer.alloc(region.byteLength);
      region.file.readSync(bytes, 0, bytes.length, region.position);
      region.release();
      for (let at = 0; at < bytes.length; at += batch.batchSizeInBytes(bytes, at)) {
        found.push(bytes.subarray(at, at + batch.batchSizeInBytes(bytes, at)));
        offset = batch.lastOffset(bytes, at) + 1;
      }
    }
  }
  return found;
}
