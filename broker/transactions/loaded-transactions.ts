/**
 * One partition of `__transaction_state` at work: its machine, its journal, and the transactions whose end is decided and not yet
 * everywhere (endings.ts). The answer to EndTxn waits for Prepare alone. A load takes up what it finds decided.
 */
import { errorName, errors } from '../../protocol/errors.ts';
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { coordinatorCode } from '../journal/coordinator-code.ts';
import type { MaybeLater, Shard } from '../journal/coordinator-shards.ts';
import { Journal } from '../journal/journal.ts';
import { Reloading } from '../journal/reloading.ts';
import { answerOnly, type Decision } from '../journal/state-machine.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partition } from '../partitions/partition.ts';
import { Endings, type RefusedEnding } from './endings.ts';
import type { Markers } from './markers.ts';
import { isDecided, type Transaction } from './transaction.ts';
import { decideComplete } from './transaction-decisions.ts';
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
/** So many tombstones are written at once; a batch must also fit max.message.bytes. */
const tombstonesPerBatch = 100;

export class LoadedTransactions implements Shard {
  readonly #options: LoadedTransactionsOptions;
  readonly #machine = new TransactionMachine();
  readonly #journal: Journal<TransactionEntry>;
  readonly #endings: Endings;
  readonly #life: Reloading;

  constructor(options: LoadedTransactionsOptions) {
    this.#options = options;
    const { environment, logger, markers, partition } = options;
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
      clock: outsideClock(environment.clock),
      logger,
      what: 'Transactions',
      partition,
      journal: this.#journal,
      unload: () => this.#endings.clear(),
      loaded: () => this.#loaded(),
    });
    this.#endings = new Endings({
      clock: outsideClock(environment.clock),
      logger,
      markers,
      coordinatorEpoch: () => partition.leaderEpoch,
      complete: (transactionalId) => this.#complete(transactionalId),
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

  /** Resolves when all that the load found decided has ended, or been refused: with what was. */
  finished(): Promise<readonly RefusedEnding[]> {
    return this.#endings.attempted();
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

  /** Ids to be forgotten, as many at a time as are written at once. */
  *expired(isExpired: (transaction: Transaction) => boolean): Generator<readonly string[]> {
    if (!this.#journal.isReady) return;
    const ids = [...this.#machine.all()].filter(isExpired).map(({ transactionalId }) => transactionalId);
    for (let at = 0; at < ids.length; at += tombstonesPerBatch) yield ids.slice(at, at + tombstonesPerBatch);
  }

  /** Tombstones for those that nobody has used meanwhile. */
  forget(transactionalIds: readonly string[], isExpired: (transaction: Transaction) => boolean): void {
    const entries = (): TransactionEntry[] =>
      transactionalIds.flatMap((transactionalId) => {
        const current = this.#machine.get(transactionalId);
        return current !== undefined && isExpired(current) ? [{ transactionalId, value: null }] : [];
      });
    const refused = (errorCode: number): number => {
      const error = errorName(errorCode);
      this.#options.logger.warn('Transactional ids that expired stay for now', { error });
      return errorCode;
    };
    void this.#run<number>(() => ({ entries: entries(), answer: none }), refused);
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
          if (decided !== null) this.#end(decided);
          return given;
        }, refuse);
      if (decided !== null) this.#end(decided);
      return answer;
    } catch (error) {
      return refuse(error);
    }
  }

  #loaded(): void {
    for (const transaction of [...this.#machine.all()])
      if (isDecided(transaction)) this.#endings.begin(transaction, true);
  }

  #complete(transactionalId: string): MaybeLater<number> {
    const nowMs = this.#options.environment.clock.nowMs();
    return this.#run<number>(
      () => decideComplete(this.#machine.get(transactionalId)!, nowMs),
      (errorCode) => errorCode,
    );
  }

  /** Prepare is durable. */
  #end(transactionalId: string): void {
    const transaction = this.#machine.get(transactionalId);
    if (this.#life.isClosed || transaction === undefined || !isDecided(transaction)) return;
    this.#endings.begin(transaction, false);
  }
}

/** The id whose end an entry decides; null when none does. */
function decidedIn(entries: readonly TransactionEntry[]): string | null {
  for (const { transactionalId, value } of entries)
    if (value !== null && isDecided(value)) return transactionalId;
  return null;
}
