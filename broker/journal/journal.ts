import { buildBatch, type NewBatch } from '../../protocol/records/batch-builder.ts';
import { buildEndTransactionMarker } from '../../protocol/records/control.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type {
  AppendOptions,
  AppendOrigin,
  AppendOutcome,
  LogRead,
  LogReadRefused,
  ReadOptions,
} from '../../storage/log/log-types.ts';
import { checkMarker, type KnownProducer } from '../../storage/log/producer-state.ts';
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
 * `runInTransaction` writes entries of a producer's transaction: they wait, unseen, for the marker that `endTransaction`
 * writes, and are replayed or dropped then. Whether the log will take such a batch is checked here first, against the producer as it
 * will be once the appends under way are done: a refusal that came later would find memory ahead.
 *
 *     new ──load──► loading ──► ready ──failed append──► offline ──load──► …        close(): closed, for good
 */
export class Journal<Entry> implements JournalOf<Entry> {
  readonly #options: JournalOptions<Entry>;
  readonly #pending = new PendingTransactions<Entry>();
  /** Producers as the appends under way will leave them. */
  readonly #producers = new Map<number, KnownProducer>();
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

  /** Another one whenever these are others. */
  get pendingRevision(): number {
    return this.#pending.revision;
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
      this.#producers.clear();
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
    const batch = this.#encode(entries, timestampMs);
    this.#append(batch, entries.length, (firstOffset) => this.#replay(entries, firstOffset, timestampMs));
    return this.#tail === null ? answer : this.#tail.then(() => answer);
  }

  /** As `run`, but the entries belong to a producer's transaction and count from its COMMIT marker on. */
  runInTransaction<Answer>(
    { producerId, producerEpoch }: TransactionalProducer,
    decide: () => Decision<Entry, Answer>,
  ): Answer | Promise<Answer> {
    this.#assertReady();
    const { entries, answer } = decide();
    if (entries.length === 0) return this.#tail === null ? answer : this.#tail.then(() => answer);
    const known = this.#producer(producerId);
    if (producerEpoch < known.epoch)
      throw new JournalError(codes.invalidProducerEpoch, `epoch ${producerEpoch} is behind ${known.epoch}`);
    const timestampMs = this.#options.clock.nowMs();
    const batch = this.#encode(entries, timestampMs, { producerId, producerEpoch, isTransactional: true });
    this.#append(batch, entries.length, (firstOffset) => {
      let offset = firstOffset;
      for (const entry of entries) {
        this.#pending.add(producerId, entry, { offset: offset++, timestampMs });
        this.#options.machine.pend?.(entry);
      }
      const isOpen = known.transactionFirstOffset >= 0;
      this.#note(producerId, {
        ...known,
        epoch: producerEpoch,
        transactionFirstOffset: isOpen ? known.transactionFirstOffset : firstOffset,
      });
    });
    return this.#tail === null ? answer : this.#tail.then(() => answer);
  }

  /** Writes the marker that ends a producer's transaction, and replays or drops what it had pending. */
  endTransaction(marker: TransactionMarker): void | Promise<void> {
    this.#assertReady();
    const { producerId, producerEpoch, coordinatorEpoch, committed, transactionVersion } = marker;
    const refusal = checkMarker(
      {
        producerId,
        epoch: producerEpoch,
        coordinatorEpoch,
        transactionVersion,
        offset: this.#expectedOffset,
      },
      this.#producer(producerId),
    );
    if (refusal !== null) throw new JournalError(refusal.errorCode, refusal.message);
    const batch = buildEndTransactionMarker({ ...marker, timestampMs: this.#options.clock.nowMs() });
    const replay = (): void => {
      const decided = this.#pending.take(producerId);
      if (committed) for (const { entry, position } of decided) this.#options.machine.replay(entry, position);
      this.#note(producerId, { epoch: producerEpoch, coordinatorEpoch, transactionFirstOffset: -1 });
    };
    this.#append(batch, 1, replay, { transactionVersion });
    return this.settled();
  }

  settled(): void | Promise<void> {
    if (this.#tail !== null) return this.#tail;
  }

  /** Refuses everything from now on; the machine keeps what it has. Waits for appends under way, whatever they come to. */
  async close(): Promise<void> {
    this.#phase = 'closed';
    await this.#tail?.catch(() => undefined);
  }

  /** Enqueues a batch; `replay` hears at once where it is or will be. Throws when it is refused at once. */
  #append(
    batch: Buffer,
    recordCount: number,
    replay: (firstOffset: number) => void,
    options: Pick<AppendOptions, 'transactionVersion'> = {},
  ): void {
    const { partition, origin = 'coordinator' } = this.#options;
    const firstOffset = this.#tail === null ? partition.endOffset : this.#expectedOffset;
    const outcome = partition.append(batch, { ...options, origin, ownsBuffer: true });
    if (outcome instanceof Promise) {
      this.#expectedOffset = firstOffset + recordCount;
      this.#follow(outcome);
      this.#replayOrFail(() => replay(firstOffset));
    } else {
      if (!outcome.ok) throw new JournalError(outcome.errorCode, outcome.message);
      this.#expectedOffset = outcome.lastOffset + 1;
      this.#replayOrFail(() => replay(outcome.baseOffset));
    }
  }

  #producer(producerId: number): KnownProducer {
    return (
      this.#producers.get(producerId) ?? this.#options.partition.producer?.(producerId) ?? unknownProducer
    );
  }

  /** Kept while an append is under way: afterwards the log knows. */
  #note(producerId: number, known: KnownProducer): void {
    if (this.#tail !== null) this.#producers.set(producerId, known);
  }

  #assertReady(): void {
    if (this.#phase === 'ready') return;
    const isLoading = this.#phase === 'new' || this.#phase === 'loading';
    throw new JournalError(
      isLoading ? codes.coordinatorLoadInProgress : codes.notCoordinator,
      `journal is ${this.#phase}`,
    );
  }

  #encode(entries: readonly Entry[], timestampMs: number, producer: Partial<NewBatch> = {}): Buffer {
    const records = [];
    for (const entry of entries) records.push({ timestampMs, ...this.#options.codec.encode(entry) });
    const batch = buildBatch({ ...producer, records });
    const maxBytes = this.#options.maxBatchBytes?.() ?? Infinity;
    if (batch.length > maxBytes)
      throw new JournalError(
        codes.messageTooLarge,
        `a batch of ${batch.length} bytes is larger than the ${maxBytes} that its topic takes`,
      );
    return batch;
  }

  #replay(entries: readonly Entry[], firstOffset: number, timestampMs: number): void {
    let offset = firstOffset;
    for (const entry of entries) this.#options.machine.replay(entry, { offset: offset++, timestampMs });
  }

  #replayOrFail(replay: () => void): void {
    try {
      replay();
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
    const over = (): void => {
      if (this.#tail !== done) return;
      this.#tail = null;
      this.#producers.clear();
    };
    done.then(over, (error: unknown) => {
      over();
      this.#fail(error);
    });
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
    options: Omit<AppendOptions, 'leaderEpoch'>,
  ): AppendOutcome | Promise<AppendOutcome>;
  /** What the log knows of a producer; left out where there are no transactions. */
  producer?(producerId: number): KnownProducer | undefined;
  read(offset: number, options: ReadOptions): LogRead | LogReadRefused;
  readonly logStartOffset: number;
  readonly endOffset: number;
  /** Up to where a load goes; left out: to the end. */
  readonly highWatermark?: number;
}

/** Whose transaction entries belong to. */
export interface TransactionalProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface TransactionMarker extends TransactionalProducer {
  readonly committed: boolean;
  readonly coordinatorEpoch: number;
  readonly transactionVersion: number;
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

const unknownProducer: KnownProducer = { epoch: -1, coordinatorEpoch: -1, transactionFirstOffset: -1 };

const codes = {
  unknownServerError: -1,
  messageTooLarge: 10,
  coordinatorLoadInProgress: 14,
  notCoordinator: 16,
  invalidProducerEpoch: 47,
} as const;
