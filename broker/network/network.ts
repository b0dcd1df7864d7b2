/**
 * The listeners and all connections: who gets in, who has been silent for too long, and closing everything at the end.
 *
 *    accepted ──▶ too many from this address ──▶ closed at once
 *        │
 *        ├──▶ room under max.connections ──▶ open ──▶ idle for too long, broken, gone ──▶ closed
 *        │                                     ▲
 *        └──▶ none: waits, unread ─────────────┘ when another one goes
 *
 * Ports are bound early in a start, so that one that is taken is known before anything is written; connections that come
 * before `serve` wait in the same way.
 *
 * One timer watches the idle time of all connections; it runs only while there are any.
 */
import type { Clock, Timer } from '../../storage/environment/clock.ts';
import type { LimitedLog } from '../observe/limited-log.ts';
import type { RequestCounts } from '../observe/request-counts.ts';
import { Connection, type ConnectionContext, type FrameHandler } from './connection.ts';
import { hostAndPort } from './hosts.ts';
import { ConnectionCounts, type ConnectionLimits, waitingConnectionsMax } from './limits.ts';
import { bindListener, type ListenerAddress } from './listeners.ts';
import type { ConnectionEvents, Endpoint, Listener, Transport, TransportConnection } from './transport.ts';

export interface NetworkOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: LimitedLog;
  readonly counts: RequestCounts;
  readonly limits: () => ConnectionLimits;
  readonly requestBytesMax: number;
  readonly backlog: number;
}

/** A listener that is bound: one for each address that its name stands for. */
export interface BoundListener {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

/** Idle connections are looked for this often, as a part of the idle time and within these bounds. */
const idleChecksPerLimit = 4;
const idleCheckMsMin = 10;
const idleCheckMsMax = 10_000;

export class Network {
  readonly #options: NetworkOptions;
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<Connection>();
  readonly #counts = new ConnectionCounts();
  /** First come, first served. */
  readonly #waiting: { transport: TransportConnection; open: () => void }[] = [];
  #frames: FrameHandler | null = null;
  #idleCheck: Timer | null = null;
  #isStopped = false;
  #allClosed: (() => void) | null = null;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Binds one listener; throws a ListenError, after which `stop` closes those bound before. */
  async listen(address: ListenerAddress): Promise<BoundListener> {
    const { transport, clock, log, requestBytesMax, backlog } = this.#options;
    const context: ConnectionContext = {
      listenerName: address.name,
      requestBytesMax,
      frames: {
        handle: (frame, connection, ownsBytes) => this.#frames!.handle(frame, connection, ownsBytes),
        strange: (protocol) => this.#frames!.strange?.(protocol),
      },
      clock,
      log,
      closed: (connection) => this.#closed(connection),
    };
    const accept = (connection: TransportConnection) => this.#accept(connection, context);
    const bound = await bindListener(transport, address, { backlog, accept });
    this.#listeners.push(...bound);
    return { name: address.name, endpoints: bound.map(({ local }) => local) };
  }

  /** From here on connections are read, and their frames go there. */
  serve(frames: FrameHandler): void {
    this.#frames = frames;
    this.#openWaiting();
  }

  /** Stops accepting, closes every connection, and resolves when the last one is gone. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
    for (const { transport } of this.#waiting.splice(0)) transport.destroy();
    const gone = new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
    for (const connection of this.#connections) connection.close();
    if (this.#connections.size > 0) await gone;
    this.#idleCheck?.cancel();
    this.#idleCheck = null;
  }

  #accept(transport: TransportConnection, context: ConnectionContext): ConnectionEvents | null {
    const { limits, log, counts } = this.#options;
    const { host } = transport.remote;
    if (this.#isStopped) return null;
    if (this.#counts.isHostFull(host, limits())) {
      counts.connectionsRefused += 1;
      log.warn(
        `per-ip ${host}`,
        `refused a connection from ${host}: it has max.connections.per.ip of them already`,
      );
      return null;
    }
    if (this.#waiting.length === 0 && this.#hasRoom()) return this.#open(transport, context);
    if (this.#waiting.length >= waitingConnectionsMax) {
      counts.connectionsRefused += 1;
      return null;
    }
    if (this.#frames !== null) {
      const from = hostAndPort(host, transport.remote.port);
      log.warn('max.connections', `a connection from ${from} waits: max.connections is reached`);
    }
    return this.#wait(transport, context);
  }

  #open(transport: TransportConnection, context: ConnectionContext): Connection {
    const connection = new Connection(transport, context);
    this.#connections.add(connection);
    this.#counts.add(transport.remote.host);
    this.#options.counts.connectionsAccepted += 1;
    this.#idleCheck ??= this.#scheduleIdleCheck();
    return connection;
  }

  /** A connection that is not read until there is room; its events are those of the one that it becomes. */
  #wait(transport: TransportConnection, context: ConnectionContext): ConnectionEvents {
    let opened: Connection | null = null;
    const entry = {
      transport,
      open: () => {
        opened = this.#open(transport, context);
        transport.resume();
      },
    };
    transport.pause();
    this.#waiting.push(entry);
    return {
      readInto: () => opened?.readInto() ?? null,
      received: (bytes) => opened?.received(bytes),
      drained: () => opened?.drained(),
      closed: (byUs) => {
        if (opened !== null) {
          opened.closed(byUs);
          return;
        }
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
      },
    };
  }

  #closed(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.#counts.remove(connection.remote.host);
    if (this.#connections.size === 0) this.#allClosed?.();
    this.#openWaiting();
  }

  #openWaiting(): void {
    while (!this.#isStopped && this.#waiting.length > 0 && this.#hasRoom()) this.#waiting.shift()!.open();
  }

  #hasRoom(): boolean {
    return this.#frames !== null && this.#counts.hasRoom(this.#options.limits());
  }

  #scheduleIdleCheck(): Timer {
    const { clock, limits } = this.#options;
    const { idleMsMax } = limits();
    const wanted = idleMsMax < 0 ? idleCheckMsMax : idleMsMax / idleChecksPerLimit;
    return clock.schedule(Math.min(Math.max(wanted, idleCheckMsMin), idleCheckMsMax), () =>
      this.#closeIdle(),
    );
  }

  #closeIdle(): void {
    const { clock, limits } = this.#options;
    const nowMs = clock.monotonicMs();
    const { idleMsMax } = limits();
    if (idleMsMax >= 0)
      for (const connection of this.#connections)
        if (connection.idleMs(nowMs) >= idleMsMax) connection.close();
    // max.connections may have been raised meanwhile.
    this.#openWaiting();
    this.#idleCheck = this.#connections.size > 0 && !this.#isStopped ? this.#scheduleIdleCheck() : null;
  }
}
