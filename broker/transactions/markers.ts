/** Ends a transaction in the partitions it has written: a marker in each, which also applies or drops the offsets that it committed. */
import { errors } from '../../protocol/errors.ts';
import { buildEndTransactionMarker } from '../../protocol/records/control.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type { GroupCoordinator } from '../groups/group-coordinator.ts';
import type { MaybeLater } from '../journal/coordinator-shards.ts';
import type { TransactionMarker } from '../journal/journal.ts';
import { consumerOffsetsTopic } from '../metadata/topic-names.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { TopicPartition } from './transaction-decisions.ts';

export interface MarkersOptions {
  readonly clock: Pick<Clock, 'nowMs' | 'defer'>;
  readonly partitions: Partitions;
  readonly groups: Pick<GroupCoordinator, 'endTransaction'>;
}

/** So many markers are written in one turn of the event loop: 0.1 to 0.4 ms each. The others wait for the next. */
export const markersPerTurn = 25;

export class Markers {
  readonly #options: MarkersOptions;
  readonly #waiting: (() => void)[] = [];
  #leftInTurn = markersPerTurn;

  constructor(options: MarkersOptions) {
    this.#options = options;
  }

  /** NONE once the marker is as durable as the policy says, or why there is none. */
  write(marker: TransactionMarker, target: TopicPartition): MaybeLater<number> {
    if (this.#leftInTurn === 0)
      return new Promise((resolve) => {
        this.#waiting.push(() => resolve(this.write(marker, target)));
      });
    if (this.#leftInTurn === markersPerTurn) this.#options.clock.defer(() => this.#nextTurn());
    this.#leftInTurn -= 1;
    return this.#writeNow(marker, target);
  }

  #nextTurn(): void {
    this.#leftInTurn = markersPerTurn;
    for (const write of this.#waiting.splice(0, markersPerTurn)) write();
  }

  #writeNow(marker: TransactionMarker, { topic, partition: index }: TopicPartition): MaybeLater<number> {
    const { clock, partitions, groups } = this.#options;
    const partition = partitions.get(topic, index);
    if (partition === undefined) return errors.unknownTopicOrPartition.code;
    // The group coordinator writes its topic itself: what it has pending is decided with the same step.
    if (topic === consumerOffsetsTopic) return groups.endTransaction(index, marker);
    partition.refusedBeginnings.forget(marker.producerId);
    const outcome = partition.append(buildEndTransactionMarker({ ...marker, timestampMs: clock.nowMs() }), {
      origin: 'coordinator',
      ownsBuffer: true,
      transactionVersion: marker.transactionVersion,
    });
    return outcome instanceof Promise ? outcome.then(codeOf) : codeOf(outcome);
  }

  /** Whether a partition is no more: its topic was deleted. */
  isGone({ topic, partition }: TopicPartition): boolean {
    const { partitions } = this.#options;
    const isHere = partitions.get(topic, partition) !== undefined;
    return (
      !isHere && partitions.missingCode(topic, '', false, partition) === errors.unknownTopicOrPartition.code
    );
  }

  /** Whether a partition knows that this transaction is over: asked after a start, so that no marker is written twice. */
  isWritten({ producerId, producerEpoch }: TransactionMarker, { topic, partition }: TopicPartition): boolean {
    const known = this.#options.partitions.get(topic, partition)?.producer(producerId);
    return known !== undefined && known.transactionFirstOffset < 0 && known.epoch >= producerEpoch;
  }
}

function codeOf(outcome: { readonly ok: true } | { readonly ok: false; readonly errorCode: number }): number {
  return outcome.ok ? errors.none.code : outcome.errorCode;
}
