/**
 * How many clients may be connected: in all (`max.connections`) and from one address (`max.connections.per.ip` and its
 * overrides). As in Kafka, the second closes a connection at once, and the first lets it wait until another one goes.
 */

/** Limits as the configuration says now; they may change while we run. */
export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly connectionsMaxPerHost: number;
  /** By address in plain form ('127.0.0.1', '::1'). */
  readonly connectionsMaxPerHostOverrides: ReadonlyMap<string, number>;
  readonly idleMsMax: number;
}

/** Connections that wait in front of `max.connections`: open, unread, unanswered. More are closed at once. */
export const waitingConnectionsMax = 512;

export class ConnectionCounts {
  readonly #perHost = new Map<string, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  hasRoom(limits: ConnectionLimits): boolean {
    return this.#total < limits.connectionsMax;
  }

  /** Whether one more from this address is too many. */
  isHostFull(host: string, limits: ConnectionLimits): boolean {
    const max = limits.connectionsMaxPerHostOverrides.get(host) ?? limits.connectionsMaxPerHost;
    return (this.#perHost.get(host) ?? 0) >= max;
  }

  add(host: string): void {
    this.#total += 1;
    this.#perHost.set(host, (this.#perHost.get(host) ?? 0) + 1);
  }

  remove(host: string): void {
    this.#total -= 1;
    const left = (this.#perHost.get(host) ?? 0) - 1;
    if (left > 0) this.#perHost.set(host, left);
    else this.#perHost.delete(host);
  }
}
