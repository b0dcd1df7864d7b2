/**
 * One partition of `__transaction_state` at work: its machine, its journal, and the transactions whose end is decided and not yet
 * everywhere:
 *
 *    Prepare durable ──► a marker in each partition ──► all durable ──► Complete
 *                          └─ refused for now: again, after a pause
 *
 * Where nothing has to be waited for, all of it is over before the answer to EndTxn leaves; the answer waits for Prepare alone. A load
 * takes up what it finds decided.
 */
import { errorName, errors } from '../../protocol/errors.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { coordinatorCode } from '../journal/coordinator-code.ts';
import type { MaybeLater, Shard } from '../journal/coordinator-shards.ts';
import { Deadlines } from '../journal/deadlines.ts';
import { Journal, type TransactionMarker } from '../journal/journal.ts';
import { Reloading } from '../journal/reloading.ts';
import { answerOnly, type Decision } from '../journal/state-machine.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partition } from '../partitions/partition.ts';
import type { Markers } from './markers.ts';
import { isDecided, type Transaction } from './transaction.ts';
import { decideComplete, isExpired, type TopicPartition } from './transaction-decisions.ts';
import { type TransactionEntry, transactionEntryCodec } from './transaction-entries.ts';
import { TransactionMachine } from './transaction-machine.ts';

export interface LoadedTransactionsOptions {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly markers: Markers;
  readonly partition: Partition;
  /** Level of transaction.version. */
  readonly version: () => number;
}

const none = errors.none.code;
/** The pause before a marker, or a Complete, that was refused for now is tried again; each time twice as long. */
const finishRetryMs = { first: 500, longest: 30_000 } as const;
/** So many tombstones are written at once; a batch must also fit max.message.bytes. */
const tombstonesPerBatch = 100;

/** A partition that is gone needs no marker, one that knows a later epoch of the producer will take none. */
const finalRefusals: ReadonlySet<number> = new Set([
  errors.unknownTopicOrPartition.code,
  errors.invalidProducerEpoch.code,
  errors.transactionCoordinatorFenced.code,
]);

export class LoadedTransactions implements Shard {
  readonly #options: LoadedTransactionsOptions;
  readonly #machine = new TransactionMachine();
  readonly #journal: Journal<TransactionEntry>;
  /** Ids whose markers or Complete are under way. */
  readonly #finishing = new Set<string>();
  readonly #retries: Deadlines;
  /** What was begun before a load has nothing to say after it. */
  #loadCount = 0;
  readonly #life: Reloading;

  constructor(options: LoadedTransactionsOptions) {
    this.#options = options;
    const { environment, logger, partition } = options;
    this.#retries = new Deadlines(environment.clock);
    this.#journal = new Journal<TransactionEntry>({
      partition,
      codec: transactionEntryCodec(options.version),
      machine: this.#machine,
      clock: environment.clock,
      logger,
      maxBatchBytes: () => partition.log.settings['max.message.bytes'],
      onOffline: () => this.#life.lost(),
    });
    this.#life = new Reloading({
      clock: environment.clock,
      logger,
      what: 'Transactions',
      partition,
      journal: this.#journal,
      unload: () => this.#unload(),
      loaded: () => this.#loaded(),
    });
  }

  get isReady(): boolean {
    return this.#journal.isReady;
  }

  ready(): Promise<number> {
    return this.#life.ready();
  }

  close(): Promise<void> {
    return this.#life.close();
  }

  get(transactionalId: string): Transaction | undefined {
    return this.#machine.get(transactionalId);
  }

  all(): Iterable<Transaction> {
    return this.#machine.all();
  }

  /** What `read` finds now, once all of that is as durable as the policy wants. */
  read<Answer>(
    read: (shard: LoadedTransactions) => Answer,
    refused: (errorCode: number) => Answer,
  ): MaybeLater<Answer> {
    return this.#run(() => answerOnly(read(this)), refused);
  }

  /** Decides against the present state, writes what is to be written, and answers when that is durable. */
  decide<Answer>(
    transactionalId: string,
    decide: (current: Transaction | undefined) => Decision<TransactionEntry, Answer>,
    refused: (errorCode: number) => Answer,
  ): MaybeLater<Answer> {
    return this.#run(() => decide(this.#machine.get(transactionalId)), refused);
  }

  /** Tombstones for ids that nobody has used for so long. */
  expire(nowMs: number, expirationMs: number): void {
    if (!this.#journal.isReady) return;
    const entries: TransactionEntry[] = [];
    for (const transaction of this.#machine.all())
      if (isExpired(transaction, nowMs, expirationMs))
        entries.push({ transactionalId: transaction.transactionalId, value: null });
    for (let at = 0; at < entries.length; at += tombstonesPerBatch) {
      const batch = entries.slice(at, at + tombstonesPerBatch);
      void this.#run<number>(
        () => ({ entries: batch, answer: none }),
        (errorCode) => {
          this.#options.logger.warn('Transactional ids that expired stay for now', {
            error: errorName(errorCode),
          });
          return errorCode;
        },
      );
    }
  }

  #run<Answer>(
    decide: () => Decision<TransactionEntry, Answer>,
    refused: (errorCode: number) => Answer,
  ): MaybeLater<Answer> {
    const refuse = (error: unknown): Answer => refused(coordinatorCode(error));
    let decided: string | null = null;
    try {
      const answer = this.#journal.run(() => {
        const decision = decide();
        decided = decidedIn(decision.entries);
        return decision;
      });
      if (answer instanceof Promise)
        return answer.then((given) => {
          if (decided !== null) this.#finish(decided, false);
          return given;
        }, refuse);
      if (decided !== null) this.#finish(decided, false);
      return answer;
    } catch (error) {
      return refuse(error);
    }
  }

  #loaded(): void {
    for (const transaction of [...this.#machine.all()])
      if (isDecided(transaction)) this.#finish(transaction.transactionalId, true);
  }

  #unload(): void {
    this.#loadCount += 1;
    this.#finishing.clear();
    this.#retries.clear();
  }

  /** Prepare is durable: the markers, and then Complete. `isResumed`: some may have been written before the start. */
  #finish(transactionalId: string, isResumed: boolean): void {
    const transaction = this.#machine.get(transactionalId);
    if (this.#life.isClosed || transaction === undefined || !isDecided(transaction)) return;
    if (this.#finishing.has(transactionalId)) return;
    this.#finishing.add(transactionalId);
    const marker = this.#markerOf(transaction);
    const targets: TopicPartition[] = [];
    for (const [topic, indexes] of transaction.partitions)
      for (const partition of indexes) targets.push({ topic, partition });
    const missing = isResumed
      ? targets.filter((target) => !this.#options.markers.isWritten(marker, target))
      : targets;
    if (isResumed)
      this.#options.logger.info('A transaction that was decided before the start is finished', {
        transactionalId,
        state: transaction.state,
        markers: missing.length,
      });
    this.#writeMarkers(transactionalId, marker, missing);
  }

  #markerOf(transaction: Transaction): TransactionMarker {
    const { producerId, producerEpoch, state, clientVersion } = transaction;
    return {
      producerId,
      producerEpoch,
      committed: state === 'PrepareCommit',
      coordinatorEpoch: this.#options.partition.leaderEpoch,
      transactionVersion: clientVersion,
    };
  }

  #writeMarkers(
    transactionalId: string,
    marker: TransactionMarker,
    targets: readonly TopicPartition[],
    attempt = 0,
  ): void {
    const again: TopicPartition[] = [];
    const waiting: Promise<void>[] = [];
    const note = (target: TopicPartition, errorCode: number): void => {
      if (errorCode === none) return;
      const isFinal = finalRefusals.has(errorCode);
      if (!isFinal) again.push(target);
      this.#options.logger[isFinal ? 'info' : 'warn']('A transaction marker was not written', {
        transactionalId,
        partition: `${target.topic}-${target.partition}`,
        error: errorName(errorCode),
        isTriedAgain: !isFinal,
      });
    };
    for (const target of targets) {
      const code = this.#options.markers.write(marker, target);
      if (code instanceof Promise) waiting.push(code.then((errorCode) => note(target, errorCode)));
      else note(target, code);
    }
    const load = this.#loadCount;
    const next = (): void => {
      if (load !== this.#loadCount || this.#life.isClosed) return;
      if (again.length === 0) this.#complete(transactionalId);
      else
        this.#retries.set(transactionalId, pauseMs(attempt), () =>
          this.#writeMarkers(transactionalId, marker, again, attempt + 1),
        );
    };
    if (waiting.length === 0) next();
    else void Promise.all(waiting).then(next);
  }

  #complete(transactionalId: string, attempt = 0): void {
    const { clock } = this.#options.environment;
    const tryLater = (errorCode: number): null => {
      if (!this.#journal.isReady) return null;
      this.#options.logger.warn('The end of a transaction could not be recorded yet', {
        transactionalId,
        error: errorName(errorCode),
      });
      this.#retries.set(transactionalId, pauseMs(attempt), () =>
        this.#complete(transactionalId, attempt + 1),
      );
      return null;
    };
    void this.#run<null>(() => {
      const decision = decideComplete(this.#machine.get(transactionalId)!, clock.nowMs());
      this.#finishing.delete(transactionalId);
      return decision;
    }, tryLater);
  }
}

function pauseMs(attempt: number): number {
  return Math.min(finishRetryMs.longest, finishRetryMs.first * 2 ** attempt);
}

/** The id whose end an entry decides; null when none does. */
function decidedIn(entries: readonly TransactionEntry[]): string | null {
  for (const { transactionalId, value } of entries)
    if (value !== null && isDecided(value)) return transactionalId;
  return null;
}
