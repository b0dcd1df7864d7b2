/**
 * Routes transactional ids to their partition of `__transaction_state`, loads those partitions, aborts what takes too long, forgets
 * what nobody uses, and offers what the transaction APIs need. Everything about an id happens in its shard.
 */
import { errors } from '../../protocol/errors.ts';
import { turn } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { GroupCoordinator } from '../groups/group-coordinator.ts';
import { PeriodicTask } from '../housekeeping/periodic.ts';
import { CoordinatorShards, type MaybeLater } from '../journal/coordinator-shards.ts';
import type { Decision } from '../journal/state-machine.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import { transactionVersionFeature } from '../metadata/features.ts';
import type { MetadataController } from '../metadata/metadata-controller.ts';
import { transactionStateTopic } from '../metadata/topic-names.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { RefusedEnding } from './endings.ts';
import { LoadedTransactions } from './loaded-transactions.ts';
import { Markers } from './markers.ts';
import type { ProducerIds } from './producer-ids.ts';
import type { Transaction } from './transaction.ts';
import {
  type Circumstances,
  decideAddPartitions,
  decideEnd,
  decideFence,
  decideInit,
  type EndRequest,
  type InitRequest,
  isExpired,
  isOpenIn,
  isTimedOut,
  type NeedsProducerId,
  needsProducerId,
  noProducer,
  type ProducerAnswer,
  type ProducerClaim,
  type TopicPartition,
  verifyPartitions,
} from './transaction-decisions.ts';
import type { TransactionEntry } from './transaction-entries.ts';

export interface TransactionCoordinatorOptions {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly cluster: ClusterState;
  readonly metadata: Pick<MetadataController, 'ensureInternalTopic'>;
  readonly partitions: Partitions;
  readonly groups: GroupCoordinator;
  readonly producerIds: ProducerIds;
  readonly logger: Logger;
}

const none = errors.none.code;
/** So many aborts are decided in one turn of the event loop. */
const abortsPerTurn = 25;
const asItIs = (errorCode: number): number => errorCode;

export class TransactionCoordinator {
  /** Writes markers for whoever may: WriteTxnMarkers. */
  readonly markers: Markers;
  readonly #options: TransactionCoordinatorOptions;
  readonly #shards: CoordinatorShards<LoadedTransactions>;
  readonly #unsubscribe: () => void;
  #tasks: readonly PeriodicTask[] = [];
  #isClosing = false;

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options;
    const { environment, cluster, partitions, groups, logger } = options;
    const markers = new Markers({ clock: environment.clock, partitions, groups });
    this.markers = markers;
    this.#shards = new CoordinatorShards({
      topic: transactionStateTopic,
      cluster,
      partitions,
      open: (partition) =>
        new LoadedTransactions({ environment, logger, markers, partition, version: () => this.#version }),
    });
    this.#unsubscribe = cluster.onChange((change) => {
      if (change.kind === 'topic-deleted' && change.topic.name === transactionStateTopic)
        this.#shards.forget();
    });
  }

  /** Loads every partition that has records, finishes what was decided, and starts what is done again and again. */
  async start(): Promise<void> {
    await this.#shards.loadAll();
    const { environment, settings, logger } = this.#options;
    const task = (name: string, intervalMs: () => number, run: () => Promise<void>): PeriodicTask =>
      new PeriodicTask({
        name,
        clock: environment.clock,
        logger,
        firstMs: intervalMs(),
        intervalMs,
        run,
      });
    this.#tasks = [
      task(
        'aborting transactions that took too long',
        () => settings['transaction.abort.timed.out.transaction.cleanup.interval.ms'],
        () => this.abortTimedOut(),
      ),
      task(
        'forgetting transactional ids',
        () => settings['transaction.remove.expired.transaction.cleanup.interval.ms'],
        () => this.expire(),
      ),
    ];
  }

  /**
   * In the place of `start`, where nobody is served: ends what was decided. Resolves with the endings that were refused, or with the code
   * of a partition that cannot be read or written.
   */
  async finishDecided(): Promise<readonly RefusedEnding[] | number> {
    await this.#shards.loadAll();
    const loaded = await this.#shards.allReady();
    if (typeof loaded === 'number') return loaded;
    const refused = await Promise.all(loaded.map((shard) => shard.finished()));
    const left = await this.#shards.allReady();
    return typeof left === 'number' ? left : refused.flat();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#unsubscribe();
    await Promise.all(this.#tasks.map((task) => task.stop()));
    await this.#shards.close();
  }

  /** NONE when this transactional id can be served; makes `__transaction_state` on first need. */
  async coordinatorError(transactionalId: string): Promise<number> {
    const topic = await this.#options.metadata.ensureInternalTopic(transactionStateTopic);
    const notAvailable = (): number => errors.coordinatorNotAvailable.code;
    if ('errorCode' in topic) return notAvailable();
    return this.#shards.with(transactionalId, () => none, notAvailable);
  }

  init(request: InitRequest): MaybeLater<ProducerAnswer> {
    const { transactionalId, timeoutMs } = request;
    if (transactionalId === '') return noProducer(errors.invalidRequest.code);
    if (timeoutMs <= 0 || timeoutMs > this.#options.settings['transaction.max.timeout.ms'])
      return noProducer(errors.invalidTransactionTimeout.code);
    return this.#decide(transactionalId, (current, at) => decideInit(current, request, at));
  }

  addPartitions(
    claim: ProducerClaim,
    partitions: readonly TopicPartition[],
    clientVersion: number,
  ): MaybeLater<number> {
    const { transactionalId } = claim;
    if (transactionalId === '') return errors.invalidRequest.code;
    const nowMs = this.#options.environment.clock.nowMs();
    return this.#shards.with<number>(
      transactionalId,
      (shard) =>
        shard.decide(
          transactionalId,
          (current) => decideAddPartitions(current, claim, partitions, clientVersion, nowMs),
          asItIs,
        ),
      asItIs,
    );
  }

  /** A code for each partition. */
  verify(claim: ProducerClaim, partitions: readonly TopicPartition[]): MaybeLater<readonly number[]> {
    const { transactionalId } = claim;
    const all = (errorCode: number): readonly number[] => partitions.map(() => errorCode);
    if (transactionalId === '') return all(errors.invalidRequest.code);
    return this.#shards.with<readonly number[]>(
      transactionalId,
      (shard) => shard.read(() => verifyPartitions(shard.get(transactionalId), claim, partitions), all),
      all,
    );
  }

  /** NONE while a producer may append to a partition, or why it may not; asked at the very moment. */
  appendError(claim: ProducerClaim, partition: TopicPartition): number {
    const { transactionalId } = claim;
    const shard = this.#shards.now(transactionalId);
    // Lost since it was asked: nobody knows, and it may be asked again.
    if (shard === undefined) return errors.notCoordinator.code;
    return isOpenIn(shard.get(transactionalId), claim, partition) ? none : errors.invalidTxnState.code;
  }

  end(request: EndRequest): MaybeLater<ProducerAnswer> {
    if (request.transactionalId === '') return noProducer(errors.invalidRequest.code);
    return this.#decide(request.transactionalId, (current, at) => decideEnd(current, request, at));
  }

  /** Undefined when the id is not known; a code when its shard cannot be asked. */
  describe(transactionalId: string): MaybeLater<Transaction | undefined | number> {
    if (transactionalId === '') return errors.invalidRequest.code;
    return this.#shards.with<Transaction | undefined | number>(
      transactionalId,
      (shard) => shard.read<Transaction | undefined | number>(() => shard.get(transactionalId), asItIs),
      asItIs,
    );
  }

  /** Every transactional id, or the code of a shard that cannot be asked. */
  async list(): Promise<readonly Transaction[] | number> {
    const shards = await this.#shards.allReady();
    if (typeof shards === 'number') return shards;
    const found = await Promise.all(
      shards.map((shard) => shard.read<readonly Transaction[] | number>(() => [...shard.all()], asItIs)),
    );
    return found.find((ids) => typeof ids === 'number') ?? (found as (readonly Transaction[])[]).flat();
  }

  /** Aborts transactions that are open for longer than their producers said; run by the clock. */
  async abortTimedOut(): Promise<void> {
    const { clock } = this.#options.environment;
    const nowMs = clock.nowMs();
    const due: Transaction[] = [];
    for (const shard of this.#shards)
      if (shard.isReady)
        for (const transaction of shard.all()) if (isTimedOut(transaction, nowMs)) due.push(transaction);
    for (const [n, transaction] of due.entries()) {
      if (n > 0 && n % abortsPerTurn === 0) await turn(clock);
      if (this.#isClosing) return;
      this.#abortIfTimedOut(transaction, nowMs);
    }
  }

  #abortIfTimedOut({ transactionalId, producerId, producerEpoch }: Transaction, nowMs: number): void {
    // It may have ended since it was found.
    let isStillDue = false;
    const aborted = this.#decide(transactionalId, (current, at) => {
      isStillDue = current !== undefined && isTimedOut(current, nowMs);
      return isStillDue ? decideFence(current!, at) : { entries: [], answer: noProducer(none) };
    });
    void Promise.resolve(aborted).then(({ errorCode }) => {
      if (!isStillDue) return;
      const fields = { transactionalId, producerId, producerEpoch, errorCode };
      this.#options.logger.info('A transaction took too long and is aborted', fields);
    });
  }

  /** Forgets ids past `transactional.id.expiration.ms`; run by the clock. */
  async expire(): Promise<void> {
    const { environment, settings } = this.#options;
    const { clock } = environment;
    for (const shard of this.#shards) {
      const isExpiredNow = (transaction: Transaction): boolean =>
        isExpired(transaction, clock.nowMs(), settings['transactional.id.expiration.ms']);
      for (const batch of shard.expired(isExpiredNow)) {
        if (this.#isClosing) return;
        shard.forget(batch, isExpiredNow);
        await turn(clock);
      }
    }
  }

  get #version(): number {
    return this.#options.cluster.features.levels.get(transactionVersionFeature) ?? 0;
  }

  /** Decides; where that takes a new producer id, once more with one at hand. */
  #decide(
    transactionalId: string,
    decide: (
      current: Transaction | undefined,
      at: Circumstances,
    ) => Decision<TransactionEntry, ProducerAnswer | NeedsProducerId>,
  ): MaybeLater<ProducerAnswer> {
    const attempt = (newProducerId: number | null): MaybeLater<ProducerAnswer | NeedsProducerId> => {
      const at = {
        nowMs: this.#options.environment.clock.nowMs(),
        newProducerId,
        version: this.#version,
      };
      return this.#shards.with<ProducerAnswer | NeedsProducerId>(
        transactionalId,
        (shard) => shard.decide(transactionalId, (current) => decide(current, at), noProducer),
        noProducer,
      );
    };
    const again = async (): Promise<ProducerAnswer> => {
      const newProducerId = await this.#options.producerIds.next();
      if (newProducerId === null) return noProducer(errors.coordinatorNotAvailable.code);
      const answer = await attempt(newProducerId);
      return answer === needsProducerId ? noProducer(errors.unknownServerError.code) : answer;
    };
    const first = attempt(null);
    if (first instanceof Promise)
      return first.then((answer) => (answer === needsProducerId ? again() : answer));
    return first === needsProducerId ? again() : first;
  }
}
