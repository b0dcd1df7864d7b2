/**
 * The connections that each client has open and what each of them reads: what tells a member that lost one connection from a
 * member that died (member-connections.ts). A client is a client id on a host; several processes may look like one.
 *
 *   kafkajs        group and everything else │ Fetch          neither hurries to open again what is lost
 *   librdkafka     group │ Metadata, Fetch
 *   Java           group │ Metadata │ Fetch
 *
 * A process that dies loses all its connections in the same moment. So a member lives while a connection of its client is open
 * that reads the member's partitions, unless one that read them was closed when the member's own was: then the open one is
 * another process's.
 */
import type { CallerConnection, FetchedPartitionName } from '../apis/handler.ts';

/** A client id that has so many connections open is used by everybody, and tells nothing about anybody. */
const openMax = 100;
/** So many closed connections are remembered, the latest ones, as long as they read no more than so many partitions together. */
const closedMax = 100;
const closedPartitionsMax = 200_000;

interface Closed {
  readonly clientKey: string;
  readonly read: readonly FetchedPartitionName[];
  readonly atMs: number;
}

export type IsAmong = (partition: FetchedPartitionName) => boolean;

export const clientKeyOf = (clientId: string | null, clientHost: string): string =>
  `${clientId ?? ''}\0${clientHost}`;

export class ClientConnections {
  readonly #nowMs: () => number;
  readonly #open = new Map<string, Set<CallerConnection>>();
  readonly #closed: Closed[] = [];
  #closedPartitions = 0;

  /** `nowMs`: the monotonic clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How many are open. */
  get size(): number {
    let count = 0;
    for (const connections of this.#open.values()) count += connections.size;
    return count;
  }

  opened(clientKey: string, connection: CallerConnection): void {
    if (connection.isClosed) return;
    const connections = this.#open.get(clientKey);
    if (connections === undefined) this.#open.set(clientKey, new Set([connection]));
    else connections.add(connection);
    connection.onClose(() => this.#gone(clientKey, connection));
  }

  /** Whether a connection of the client reads one of these partitions, and none that did was closed from `sinceMs` to `untilMs`. */
  isReading(clientKey: string, isAmong: IsAmong, { sinceMs, untilMs }: { sinceMs: number; untilMs: number }) {
    const connections = this.#open.get(clientKey);
    if (connections === undefined || connections.size > openMax) return false;
    const hasDied = this.#closed.some(
      ({ clientKey: key, atMs, read }) =>
        key === clientKey && atMs >= sinceMs && atMs <= untilMs && read.some(isAmong),
    );
    if (hasDied) return false;
    for (const { latestFetch } of connections) if (latestFetch?.some(isAmong) === true) return true;
    return false;
  }

  #gone(clientKey: string, connection: CallerConnection): void {
    const connections = this.#open.get(clientKey);
    connections?.delete(connection);
    if (connections?.size === 0) this.#open.delete(clientKey);
    if (connection.latestFetch === null) return;
    this.#closed.push({ clientKey, read: connection.latestFetch, atMs: this.#nowMs() });
    this.#closedPartitions += connection.latestFetch.length;
    while (this.#closed.length > closedMax || this.#closedPartitions > closedPartitionsMax)
      this.#closedPartitions -= this.#closed.shift()!.read.length;
  }
}
