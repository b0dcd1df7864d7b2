import type { Caller } from '../apis/handler.ts';
import type { Endpoint } from './transport.ts';

/**
 * Where clients are told to connect. By default that is the address they already used (the local address of the accepted socket),
 * so that loopback, a LAN address and IPv6 work without configuration; `advertised.listeners` says otherwise per listener.
 */
export interface AdvertisedEndpoints {
  endpointFor(caller: Pick<Caller, 'listenerName' | 'connection'>): Endpoint;
}

/** `advertised.listeners` where it names a listener, else the address that the client came by. */
export class Advertised implements AdvertisedEndpoints {
  readonly #byListener: ReadonlyMap<string, Endpoint>;

  /** Ports are those that were bound. */
  constructor(byListener: ReadonlyMap<string, Endpoint>) {
    this.#byListener = byListener;
  }

  /** What the configuration says of a listener, if anything. */
  configured(listenerName: string): Endpoint | undefined {
    return this.#byListener.get(listenerName);
  }

  endpointFor({ listenerName, connection }: Pick<Caller, 'listenerName' | 'connection'>): Endpoint {
    return this.#byListener.get(listenerName) ?? connection.local;
  }
}
