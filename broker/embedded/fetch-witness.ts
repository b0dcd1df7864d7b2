/**
 * Which partitions each client fetches now, and whether it began to since its group became stable. Only then is it decided where it reads
 * from: a consumer that has its assignment still asks for its offsets, and one that begins at the end would miss what is written meanwhile.
 */

import { fetch } from '../../protocol/messages/data/fetch.ts';
import { microtask } from '../../storage/environment/clock.ts';
import type { Caller, CallerConnection } from '../apis/handler.ts';
import { clientKeyOf } from '../groups/client-connections.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { HookedRequest } from '../network/request-hook.ts';

/** Of a group, what tells its members' fetches from those before it became stable. */
type Moment = number;

export class FetchWitness {
  readonly #fetches = new Map<CallerConnection, { readonly clientKey: string; moment: Moment }>();
  readonly #stableSince = new Map<string, Moment>();
  readonly #listeners = new Set<() => void>();
  #moment: Moment = 0;

  /** Every request comes by. */
  saw({ api, caller }: HookedRequest): void {
    if (api.key !== fetch.key) return;
    this.#note(caller);
    // What it asks for is known when its handler has begun.
    if (this.#listeners.size > 0)
      microtask(() => {
        for (const listener of this.#listeners) listener();
      });
  }

  becameStable(groupId: string): void {
    this.#stableSince.set(groupId, ++this.#moment);
  }

  onFetch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether a client has fetched a partition since a group became stable. */
  fetches(
    groupId: string,
    client: { readonly clientId: string; readonly clientHost: string },
    partition: { readonly topic: string; readonly partition: number },
    cluster: Pick<ClusterState, 'topic'>,
  ): boolean {
    const clientKey = clientKeyOf(client.clientId, client.clientHost);
    const since = this.#stableSince.get(groupId) ?? 0;
    const topicId = cluster.topic(partition.topic)?.id;
    for (const [connection, fetched] of this.#fetches) {
      if (fetched.clientKey !== clientKey || fetched.moment < since) continue;
      const isAmong = connection.latestFetch?.some(
        (one) =>
          one.partition === partition.partition &&
          (one.topic === '' ? one.topicId === topicId : one.topic === partition.topic),
      );
      if (isAmong) return true;
    }
    return false;
  }

  clear(): void {
    this.#fetches.clear();
    this.#stableSince.clear();
  }

  #note({ clientId, clientHost, connection }: Caller): void {
    const moment = ++this.#moment;
    const known = this.#fetches.get(connection);
    if (known !== undefined) {
      known.moment = moment;
      return;
    }
    this.#fetches.set(connection, { clientKey: clientKeyOf(clientId, clientHost), moment });
    connection.onClose(() => this.#fetches.delete(connection));
  }
}
