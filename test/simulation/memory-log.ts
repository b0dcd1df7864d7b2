/**
 * A journal's log without a log: batches in one memory file, offsets assigned, appends that answer at once, later or with
 * a refusal, as the test says. For tests of journals and state machines; storage/log has its own.
 */
import type { JournalLog } from '../../broker/journal/journal.ts';
import { batchBytesAt, batchSizeInBytes, lastOffset, setBaseOffset } from '../../protocol/records/batch.ts';
import type { File } from '../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
import type { AppendOutcome, LogRead, LogReadRefused, ReadOptions } from '../../storage/log/log-types.ts';

/** Below 0, where no segment has its own. */
let lastContentId = 0;

export class MemoryLog implements JournalLog {
  logStartOffset = 0;
  endOffset = 0;
  /** 'later': appends wait for `complete` or `fail`; a code: they are refused with it at once. */
  mode: 'now' | 'later' | number = 'now';
  /** Regions that were read and not released. */
  openRegions = 0;
  readonly #file: File;
  #contentId = --lastContentId;
  #queue: { readonly batch: Buffer; readonly resolve: (outcome: AppendOutcome) => void }[] = [];

  constructor() {
    this.#file = new MemoryFileSystem({ clock: { nowMs: () => 0 } }).openSync('/log', 'create');
  }

  get waiting(): number {
    return this.#queue.length;
  }

  append(records: Buffer): AppendOutcome | Promise<AppendOutcome> {
    if (typeof this.mode === 'number') return this.#refused(this.mode);
    if (this.mode === 'now') return this.write(records);
    return new Promise((resolve) => this.#queue.push({ batch: records, resolve }));
  }

  /** Lets the next waiting append (or all of them) be written. */
  complete(count: number = this.#queue.length): void {
    for (const { batch, resolve } of this.#queue.splice(0, count)) resolve(this.write(batch));
  }

  /** Refuses all waiting appends. */
  fail(errorCode: number): void {
    for (const { resolve } of this.#queue.splice(0)) resolve(this.#refused(errorCode));
  }

  /** Writes a batch as it is, offsets assigned (unless they are given, to leave a hole). */
  write(batch: Buffer, baseOffset: number = this.endOffset): AppendOutcome {
    setBaseOffset(batch, 0, baseOffset);
    this.#file.writeSync([batch], this.#file.size);
    this.endOffset = lastOffset(batch, 0) + 1;
    return {
      ok: true,
      baseOffset,
      lastOffset: this.endOffset - 1,
      logAppendTimeMs: -1,
      logStartOffset: this.logStartOffset,
      duplicate: false,
    };
  }

  /** All bytes, for tests that look at or spoil them. */
  bytes(): Buffer {
    const bytes = Buffer.alloc(this.#file.size);
    this.#file.readSync(bytes, 0, bytes.length, 0);
    return bytes;
  }

  overwrite(bytes: Buffer, position: number): void {
    this.#file.writeSync([bytes], position);
    this.#contentId = --lastContentId;
  }

  read(offset: number, options: ReadOptions): LogRead | LogReadRefused {
    const bytes = this.bytes();
    let position = 0;
    while (position < bytes.length && lastOffset(bytes, position) < offset)
      position += batchSizeInBytes(bytes, position);
    const first = position < bytes.length ? batchBytesAt(bytes, position, bytes.length) : 0;
    const wanted = options.minOneBatch ? Math.max(first, options.maxBytes) : options.maxBytes;
    const byteLength = Math.min(wanted, bytes.length - position);
    this.openRegions += 1;
    const region = {
      file: this.#file,
      position,
      byteLength,
      contentId: this.#contentId,
      contentEnd: position + byteLength,
      bytes: null,
      wasSlow: () => {},
      release: () => {
        this.openRegions -= 1;
      },
    };
    return { ok: true, regions: [region], byteLength, abortedTransactions: null };
  }

  #refused(errorCode: number): AppendOutcome {
    return { ok: false, errorCode, message: null, recordErrors: [], logStartOffset: this.logStartOffset };
  }
}
