import { recordCount } from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type { AppendOutcome } from '../../storage/log/log-types.ts';
import type { Decision, EntryPosition } from '../journal/state-machine.ts';

/**
 * Writes the decisions about cluster metadata, one after the other: decide, append, sync, and only then replay and tell
 * the listeners. Other than a coordinator's journal (journal/journal.ts) it shows nothing that is not on the disk: a topic
 * that a crash could take back must not have been seen by a producer. So a failed append leaves memory as it was, and the
 * next decision may succeed.
 *
 *     run(a) ── decide ─ append ─ sync ─ replay ─ publish ─ answer
 *     run(b) ………… waits ………………………………………………………… decide ─ …
 */
export class MetadataJournal {
  readonly #log: MetadataLog;
  readonly #machine: MetadataTarget;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #onWritten: (bytes: number, timestampMs: number) => void;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: {
    log: MetadataLog;
    machine: MetadataTarget;
    clock: Pick<Clock, 'nowMs'>;
    /** A batch of so many bytes is in the log and in memory, and nothing else is on its way. */
    onWritten?: (bytes: number, timestampMs: number) => void;
  }) {
    this.#log = options.log;
    this.#machine = options.machine;
    this.#clock = options.clock;
    this.#onWritten = options.onWritten ?? (() => {});
  }

  /**
   * `decide` sees every earlier decision in force, and where its first entry will be. Rejects with a MetadataWriteError
   * when nothing was written; with a listener's error when all was.
   */
  run<Answer>(decide: (firstOffset: number) => Decision<Buffer, Answer>): Promise<Answer> {
    const next = this.#last.then(() => this.#run(decide));
    this.#last = next.then(forget, forget);
    return next;
  }

  /** Of the metadata log. */
  get endOffset(): number {
    return this.#log.endOffset;
  }

  /** After all that is under way; later decisions are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
  }

  /** The start: a control batch, and in the same append the entries, which follow it. */
  begin(control: Buffer, entriesAt: (firstOffset: number) => readonly Buffer[]): Promise<void> {
    const next = this.#last.then(() =>
      this.#write(entriesAt(this.#log.endOffset + recordCount(control, 0)), control),
    );
    this.#last = next.then(forget, forget);
    return next;
  }

  async #run<Answer>(decide: (firstOffset: number) => Decision<Buffer, Answer>): Promise<Answer> {
    if (this.#isClosed) throw new MetadataWriteError(notController, 'the metadata log is closed');
    const { entries, answer } = decide(this.#log.endOffset);
    if (entries.length > 0) await this.#write(entries, null);
    return answer;
  }

  async #write(entries: readonly Buffer[], control: Buffer | null): Promise<void> {
    const timestampMs = this.#clock.nowMs();
    const data = buildBatch({ records: entries.map((value) => ({ timestampMs, key: null, value })) });
    const batches = control === null ? data : Buffer.concat([control, data]);
    const { length } = batches;
    const outcome = await this.#log.append(batches);
    if (!outcome.ok) throw new MetadataWriteError(outcome.errorCode, outcome.message);
    let offset = outcome.lastOffset - entries.length + 1;
    for (const value of entries) this.#machine.replay(value, { offset: offset++, timestampMs });
    try {
      this.#machine.publish();
    } finally {
      this.#onWritten(length, timestampMs);
    }
  }
}

/** The metadata log as its journal needs it: an append resolves when it is synced. */
export interface MetadataLog {
  append(batch: Buffer): AppendOutcome | Promise<AppendOutcome>;
  readonly endOffset: number;
}

/** What replays entries; the ClusterMachine. */
export interface MetadataTarget {
  replay(value: Buffer, position: EntryPosition): void;
  publish(): void;
}

/** An answer may be large: it is not kept until the next one. */
const forget = (): void => {};

/** Nothing was written; `errorCode` is Kafka's. */
export class MetadataWriteError extends Error {
  readonly errorCode: number;

  constructor(errorCode: number, message: string | null) {
    super(message ?? `append refused with error ${errorCode}`);
    this.name = 'MetadataWriteError';
    this.errorCode = errorCode;
  }
}

const notController = 41;
