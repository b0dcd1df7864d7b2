/**
 * Transactions whose end is decided and not yet everywhere:
 *
 *    Prepare durable ──► a marker in each partition ──► all durable ──► Complete
 *                          │ └─ refused for now: again, after a pause
 *                          └─ refused for good: no Complete, the id stays in Prepare; the next load tries again
 *
 * Where nothing has to be waited for and the markers are few, all of it is over when `begin` returns.
 */
import { errorName, errors } from '../../protocol/errors.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type { MaybeLater } from '../journal/coordinator-shards.ts';
import { Deadlines } from '../journal/deadlines.ts';
import type { TransactionMarker } from '../journal/journal.ts';
import type { Logger } from '../observe/logger.ts';
import type { Markers } from './markers.ts';
import { partitionsOf, type Transaction } from './transaction.ts';
import type { TopicPartition } from './transaction-decisions.ts';

export interface EndingsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly markers: Markers;
  /** The leader epoch of the partition that the ids are in. */
  readonly coordinatorEpoch: () => number;
  /** Records Complete; NONE once that is durable, or why it is not. */
  readonly complete: (transactionalId: string) => MaybeLater<number>;
}

const none = errors.none.code;
/** The pause before a marker, or a Complete, that was refused for now is tried again; each time twice as long. */
const pauseMs = { first: 500, longest: 30_000 } as const;

/**
 * What a partition says that knows of a later epoch of the producer or of the coordinator. As in Kafka nothing more is done about such a
 * transaction: Complete would let its producer go on, while readers of that partition wait for a marker that cannot come.
 */
const refusedForGood: ReadonlySet<number> = new Set([
  errors.invalidProducerEpoch.code,
  errors.transactionCoordinatorFenced.code,
]);

/** What stands between a transaction and its end, for now or for good. */
export interface RefusedEnding {
  readonly transactionalId: string;
  /** TOPIC-PARTITION that would not have its marker; null: Complete could not be recorded. */
  readonly partition: string | null;
  readonly errorCode: number;
}

interface Ending {
  readonly transactionalId: string;
  readonly marker: TransactionMarker;
  /** Partitions without a marker that are to be tried. */
  missing: readonly TopicPartition[];
  attempt: number;
  isRefused: boolean;
  /** The last one. */
  refusal: RefusedEnding | null;
}

export class Endings {
  readonly #options: EndingsOptions;
  readonly #byId = new Map<string, Ending>();
  readonly #retries: Deadlines;
  /** Markers of an ending, or its Complete, that are being written. */
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: EndingsOptions) {
    this.#options = options;
    this.#retries = new Deadlines(options.clock);
  }

  /** Prepare is durable. `isResumed`: some markers may have been written before this load. */
  begin(transaction: Transaction, isResumed: boolean): void {
    const { transactionalId, state } = transaction;
    if (this.#byId.has(transactionalId)) return;
    const { markers, logger } = this.#options;
    const marker = this.#markerOf(transaction);
    const targets = partitionsOf(transaction);
    const missing = isResumed ? targets.filter((target) => !markers.isWritten(marker, target)) : targets;
    if (isResumed)
      logger.info('A transaction that was decided before is finished', {
        transactionalId,
        state,
        markers: missing.length,
      });
    const ending = { transactionalId, marker, missing, attempt: 0, isRefused: false, refusal: null };
    this.#byId.set(transactionalId, ending);
    this.#writeMarkers(ending);
  }

  /** Resolves when all that was begun has ended, or been refused: with what was. */
  async attempted(): Promise<readonly RefusedEnding[]> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return [...this.#byId.values()].flatMap(({ refusal }) => refusal ?? []);
  }

  /** What was begun has nothing to say any more; the next load takes it up. */
  clear(): void {
    this.#byId.clear();
    this.#retries.clear();
  }

  #markerOf({ producerId, producerEpoch, state, clientVersion }: Transaction): TransactionMarker {
    return {
      producerId,
      producerEpoch,
      committed: state === 'PrepareCommit',
      coordinatorEpoch: this.#options.coordinatorEpoch(),
      transactionVersion: clientVersion,
    };
  }

  #writeMarkers(ending: Ending): void {
    const { markers } = this.#options;
    this.#underWay += 1;
    const again: TopicPartition[] = [];
    const waiting: Promise<void>[] = [];
    for (const target of ending.missing) {
      // A topic that was deleted needs no marker.
      if (markers.isGone(target)) continue;
      const note = (errorCode: number): void => {
        if (errorCode !== none && this.#isCurrent(ending) && this.#isRetried(ending, target, errorCode))
          again.push(target);
      };
      const code = markers.write(ending.marker, target);
      if (code instanceof Promise) waiting.push(code.then(note));
      else note(code);
    }
    const next = (): void => {
      if (this.#isCurrent(ending)) {
        ending.missing = again;
        if (again.length > 0) this.#later(ending, () => this.#writeMarkers(ending));
        else if (!ending.isRefused) this.#complete(ending);
      }
      this.#done();
    };
    if (waiting.length === 0) next();
    else void Promise.all(waiting).then(next);
  }

  /** Notes that a marker was not written. */
  #isRetried(ending: Ending, { topic, partition }: TopicPartition, errorCode: number): boolean {
    const { transactionalId } = ending;
    const isForGood = refusedForGood.has(errorCode);
    if (isForGood) ending.isRefused = true;
    ending.refusal = { transactionalId, partition: `${topic}-${partition}`, errorCode };
    this.#options.logger[isForGood ? 'error' : 'warn'](
      isForGood
        ? 'A transaction stays undecided for readers of a partition that knows a later epoch, and its id unserved'
        : 'A transaction marker was not written yet',
      { transactionalId, partition: `${topic}-${partition}`, error: errorName(errorCode) },
    );
    return !isForGood;
  }

  #complete(ending: Ending): void {
    const { transactionalId } = ending;
    // The id may begin its next transaction as soon as Complete is on its way.
    this.#byId.delete(transactionalId);
    const recorded = (errorCode: number): void => {
      if (errorCode === none) return;
      this.#options.logger.warn('The end of a transaction could not be recorded yet', {
        transactionalId,
        error: errorName(errorCode),
      });
      ending.refusal = { transactionalId, partition: null, errorCode };
      this.#byId.set(transactionalId, ending);
      this.#later(ending, () => this.#complete(ending));
    };
    const code = this.#options.complete(transactionalId);
    if (!(code instanceof Promise)) return recorded(code);
    // An append that fails later costs the shard: the next load goes on from Prepare.
    this.#underWay += 1;
    void code.then(() => this.#done());
  }

  #done(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #later(ending: Ending, action: () => void): void {
    const delayMs = Math.min(pauseMs.longest, pauseMs.first * 2 ** ending.attempt);
    ending.attempt += 1;
    this.#retries.set(ending.transactionalId, delayMs, action);
  }

  #isCurrent(ending: Ending): boolean {
    return this.#byId.get(ending.transactionalId) === ending;
  }
}
