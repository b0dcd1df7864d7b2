import type { Caller } from '../apis/handler.ts';
import type { Endpoint } from './transport.ts';

/**
 * Where clients are told to connect. By default that is the address they already used (the local address of the accepted socket),
 * so that loopback, a LAN address and IPv6 work without configuration; `advertised.listeners` says otherwise per listener.
 */
export interface AdvertisedEndpoints {
  endpointFor(caller: Pick<Caller, 'listenerName' | 'connection'>): Endpoint;
}
