import { buildBatch } from '../../protocol/records/batch-builder.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type {
  AppendOrigin,
  AppendOutcome,
  LogRead,
  LogReadRefused,
  ReadOptions,
} from '../../storage/log/log-types.ts';
import type { Logger } from '../observe/logger.ts';
import { type LoadReport, replayLog } from './loader.ts';
import { PendingTransactions } from './pending-transactions.ts';
import type { Decision, EntryCodec, JournalOf, StateMachine } from './state-machine.ts';

/**
 * Ties a state machine to the log that holds its state.
 *
 *     run(decide) → entries → one batch → log.append ─┬─ done at once → replay → answer
 *                                                     └─ a promise    → replay → answer when it resolves
 *
 * Decisions run one after the other and enqueue their append before anything is awaited, so the order of the log is the
 * order of the replays. An answer, also of a decision that wrote nothing, waits for every append before it: nothing is
 * said that a crash could take back. When an append that was awaited fails, memory is ahead of the log: the journal is
 * offline, every waiting answer fails, and `load` is the way back. A batch that is refused at once changed nothing.
 *
 *     new ──load──► loading ──► ready ──failed append──► offline ──load──► …        close(): closed, for good
 */
export class Journal<Entry> implements JournalOf<Entry> {
  readonly #options: JournalOptions<Entry>;
  readonly #pending = new PendingTransactions<Entry>();
  #phase: 'new' | 'loading' | 'ready' | 'offline' | 'closed' = 'new';
  /** The last append that is under way; answers queue behind it. */
  #tail: Promise<void> | null = null;
  /** Where the next entry goes while appends are under way. */
  #expectedOffset = 0;
  #unknownTypes: ReadonlyMap<number, number> = new Map();

  constructor(options: JournalOptions<Entry>) {
    this.#options = options;
  }

  get isOffline(): boolean {
    return this.#phase === 'offline';
  }

  /** Whether `run` would decide now; if not, `load` is due or under way. */
  get isReady(): boolean {
    return this.#phase === 'ready';
  }

  /** How many records of which type the last load found that the codec does not know. They stay in the log. */
  get unknownTypes(): ReadonlyMap<number, number> {
    return this.#unknownTypes;
  }

  /** Entries of transactions whose marker has not come. */
  pendingEntries(): Iterable<Entry> {
    return this.#pending.entries();
  }

  /** Forgets undecided entries that a later one has made void; for `replay`, live and at load. */
  dropPending(matches: (entry: Entry) => boolean): void {
    this.#pending.drop(matches);
  }

  /** Replays the log from its start into the emptied machine. Rejects when the log cannot be read; then it is offline. */
  async load(): Promise<LoadReport> {
    if (this.#phase === 'loading' || this.#phase === 'closed')
      throw new JournalError(codes.unknownServerError, `journal is ${this.#phase}`);
    this.#phase = 'loading';
    try {
      await this.#tail?.catch(() => undefined);
      this.#tail = null;
      this.#pending.clear();
      this.#options.machine.clear();
      const report = await replayLog(this.#options.partition, {
        codec: this.#options.codec,
        machine: this.#options.machine,
        pending: this.#pending,
        isCancelled: () => this.#phase !== 'loading',
      });
      this.#unknownTypes = report.unknownTypes;
      this.#become('ready');
      return report;
    } catch (error) {
      this.#become('offline');
      throw error;
    }
  }

  /** Says that the machine already holds what the log says; for who has another way to read it (metadata snapshots). */
  startLoaded(): void {
    if (this.#phase === 'new') this.#phase = 'ready';
  }

  run<Answer>(decide: () => Decision<Entry, Answer>): Answer | Promise<Answer> {
    this.#assertReady();
    const { entries, answer } = decide();
    if (entries.length === 0) return this.#tail === null ? answer : this.#tail.then(() => answer);
    const timestampMs = this.#options.clock.nowMs();
    const { partition } = this.#options;
    const batch = this.#encode(entries, timestampMs);
    const firstOffset = this.#tail === null ? partition.endOffset : this.#expectedOffset;
    const outcome = partition.append(batch, {
      origin: this.#options.origin ?? 'coordinator',
      ownsBuffer: true,
    });
    if (!(outcome instanceof Promise)) {
      if (!outcome.ok) throw new JournalError(outcome.errorCode, outcome.message);
      this.#expectedOffset = outcome.lastOffset + 1;
      this.#replay(entries, outcome.baseOffset, timestampMs);
      return this.#tail === null ? answer : this.#tail.then(() => answer);
    }
    this.#expectedOffset = firstOffset + entries.length;
    this.#follow(outcome);
    this.#replay(entries, firstOffset, timestampMs);
    return this.#tail!.then(() => answer);
  }

  settled(): void | Promise<void> {
    if (this.#tail !== null) return this.#tail;
  }

  /** Refuses everything from now on; the machine keeps what it has. Waits for appends under way, whatever they come to. */
  async close(): Promise<void> {
    this.#phase = 'closed';
    await this.#tail?.catch(() => undefined);
  }

  #assertReady(): void {
    if (this.#phase === 'ready') return;
    const isLoading = this.#phase === 'new' || this.#phase === 'loading';
    throw new JournalError(
      isLoading ? codes.coordinatorLoadInProgress : codes.notCoordinator,
      `journal is ${this.#phase}`,
    );
  }

  #encode(entries: readonly Entry[], timestampMs: number): Buffer {
    const records = [];
    for (const entry of entries) records.push({ timestampMs, ...this.#options.codec.encode(entry) });
    const batch = buildBatch({ records });
    const maxBytes = this.#options.maxBatchBytes?.() ?? Infinity;
    if (batch.length > maxBytes)
      throw new JournalError(
        codes.messageTooLarge,
        `a batch of ${batch.length} bytes is larger than the ${maxBytes} that its topic takes`,
      );
    return batch;
  }

  #replay(entries: readonly Entry[], firstOffset: number, timestampMs: number): void {
    try {
      let offset = firstOffset;
      for (const entry of entries) this.#options.machine.replay(entry, { offset: offset++, timestampMs });
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Puts an append at the end of the queue of answers. */
  #follow(appending: Promise<AppendOutcome>): void {
    const before = this.#tail;
    const done = appending.then(async (outcome) => {
      if (!outcome.ok) throw new JournalError(outcome.errorCode, outcome.message);
      if (before !== null) await before;
    });
    this.#tail = done;
    done.then(
      () => {
        if (this.#tail === done) this.#tail = null;
      },
      (error: unknown) => {
        if (this.#tail === done) this.#tail = null;
        this.#fail(error);
      },
    );
  }

  #fail(cause: unknown): void {
    if (this.#phase !== 'ready') return;
    this.#become('offline');
    this.#options.logger.error('A journal is offline: what it holds in memory could not be written', {
      error: cause instanceof Error ? cause.message : String(cause),
    });
    this.#options.onOffline?.(cause);
  }

  #become(phase: 'ready' | 'offline'): void {
    if (this.#phase !== 'closed') this.#phase = phase;
  }
}

/** The log as a journal needs it; a Partition is one. */
export interface JournalLog {
  append(
    records: Buffer,
    options: { readonly origin: AppendOrigin; readonly ownsBuffer?: boolean },
  ): AppendOutcome | Promise<AppendOutcome>;
  read(offset: number, options: ReadOptions): LogRead | LogReadRefused;
  readonly logStartOffset: number;
  readonly endOffset: number;
  /** Up to where a load goes; left out: to the end. */
  readonly highWatermark?: number;
}

export interface JournalOptions<Entry> {
  readonly partition: JournalLog;
  readonly codec: EntryCodec<Entry>;
  readonly machine: StateMachine<Entry>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
  /** Left out: 'coordinator'. */
  readonly origin?: AppendOrigin;
  /** max.message.bytes of the topic: a decision that does not fit is refused with MESSAGE_TOO_LARGE and changes nothing. */
  readonly maxBatchBytes?: () => number;
  /** Told once when the journal goes offline; may `load` again later. */
  readonly onOffline?: (cause: unknown) => void;
}

/** Why nothing was written, or why it is not known whether it was. `errorCode` is Kafka's, of the append or the journal. */
export class JournalError extends Error {
  readonly errorCode: number;

  constructor(errorCode: number, message: string | null, options?: ErrorOptions) {
    super(message ?? `append refused with error ${errorCode}`, options);
    this.name = 'JournalError';
    this.errorCode = errorCode;
  }
}

const codes = {
  unknownServerError: -1,
  messageTooLarge: 10,
  coordinatorLoadInProgress: 14,
  notCoordinator: 16,
} as const;
