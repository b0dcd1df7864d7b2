/**
 * The Lookup service over TCP (`kompakt.lookup.rpc.*`), for programs that cannot read the control file. Whoever may reach the port may call,
 * unless there is a token; beyond loopback there has to be one (config/lookup-address.ts).
 */
import { type ControlProtocol, controlFrame, controlProtocol } from '../../protocol/control/service.ts';
import { decode } from '../../protocol/protobuf.ts';
import { FrameSplitter } from '../../protocol/wire/frame.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import { SecretToken } from '../network/token.ts';
import type {
  ConnectionEvents,
  Endpoint,
  Listener,
  Transport,
  TransportConnection,
} from '../network/transport.ts';
import { LimitedLog } from '../observe/limited-log.ts';
import type { LookupCalls } from './rpc-calls.ts';
import { type LookupDoor, openLookup, openLookupMethod } from './rpc-door.ts';

export interface LookupListenerOptions extends LookupDoor {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  /** null: everybody who gets here. */
  readonly token: string | null;
}

/** More are closed at once. */
export const lookupConnectionsMax = 1_000;
/** Of the first frame, which holds a token. */
export const openingBytesMax = 4 * 1024;
/** So long may it take. */
export const openingMsMax = 10_000;

export class LookupListener {
  readonly #options: LookupListenerOptions;
  readonly #log: LimitedLog;
  readonly #connections = new Set<TransportConnection>();
  readonly #token: SecretToken | null;
  #listener!: Listener;
  #allClosed: (() => void) | null = null;

  private constructor(options: LookupListenerOptions) {
    this.#options = options;
    this.#token = options.token === null ? null : new SecretToken(options.token);
    this.#log = new LimitedLog(options.logger, options.clock);
  }

  /** Rejects with a ListenError. */
  static async open(options: LookupListenerOptions): Promise<LookupListener> {
    const server = new LookupListener(options);
    const { transport, host, port } = options;
    server.#listener = await transport.listen({
      host,
      port,
      accept: (connection) => server.#accept(connection),
    });
    return server;
  }

  /** As bound. */
  get local(): Endpoint {
    return this.#listener.local;
  }

  async close(): Promise<void> {
    await this.#listener.close();
    const gone = new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
    for (const connection of this.#connections) connection.end();
    if (this.#connections.size > 0) await gone;
  }

  #accept(connection: TransportConnection): ConnectionEvents | null {
    const { host: from } = connection.remote;
    if (this.#connections.size >= lookupConnectionsMax) {
      this.#log.warn('full', `more than ${lookupConnectionsMax} connections for lookups`, { from });
      return null;
    }
    this.#connections.add(connection);
    let calls: LookupCalls | null = null;
    let isOpening = false;
    const tooLate = this.#options.clock.schedule(openingMsMax, () => connection.destroy());
    const opening = new FrameSplitter(openingBytesMax, (frame) => {
      // Nobody may go on before the answer says how.
      if (isOpening) throw new Error('a second frame before the answer to the first');
      isOpening = true;
      this.#open(connection, Buffer.from(frame)).then(
        (opened) => {
          calls = opened;
          if (opened !== null) tooLate.cancel();
        },
        () => connection.destroy(),
      );
    });
    return {
      readInto: () => null,
      received: (bytes) => {
        if (calls !== null) return calls.received(bytes);
        try {
          opening.feed(bytes);
        } catch {
          connection.destroy();
        }
      },
      drained: () => calls?.drained(),
      closed: () => {
        tooLate.cancel();
        calls?.closed();
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#allClosed?.();
      },
    };
  }

  /** null: it was turned away, or has gone. Throws at what is no call. */
  async #open(connection: TransportConnection, frame: Buffer): Promise<LookupCalls | null> {
    const control = await controlProtocol();
    const { id, token, method } = decode(control.call, frame) as Record<'token' | 'method', string> & {
      id: number;
    };
    if (this.#token !== null && !this.#token.is(token)) {
      this.#log.warn('token', 'a connection for lookups had a wrong token', { from: connection.remote.host });
      return turnAway(control, connection, { id, error: 'the token is wrong' });
    }
    if (method !== openLookupMethod)
      return turnAway(control, connection, { id, error: `only ${openLookupMethod} is to be called here` });
    const calls = await openLookup(this.#options, control, connection, id);
    if (this.#connections.has(connection)) return calls;
    calls.closed();
    return null;
  }
}

function turnAway(control: ControlProtocol, connection: TransportConnection, reply: object): null {
  connection.send([controlFrame(control.reply, reply)]);
  connection.end();
  return null;
}
