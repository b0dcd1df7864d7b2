/**
 * From a listener's host to the addresses it is bound to.
 *
 *    localhost        127.0.0.1 and ::1, the same port on both; one of them alone where the other does not exist
 *    '' (Kafka's way of writing every interface)      :: for both families; 0.0.0.0 where there is no IPv6
 *    anything else    as it is
 */
import { ListenError, type Listener, type ListenOptions, type Transport } from './transport.ts';

export interface ListenerAddress {
  /** 'PLAINTEXT', or whatever `listeners` calls it. */
  readonly name: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** With port 0 the port that one address got may be taken on the other: so many times another one is tried. */
const portAttempts = 20;

type Rest = Pick<ListenOptions, 'accept' | 'backlog'>;

/** Binds all addresses of a listener, or none. */
export async function bindListener(
  transport: Transport,
  address: ListenerAddress,
  rest: Rest,
): Promise<Listener[]> {
  const { host, port } = address;
  if (host === 'localhost') return bindLoopback(transport, port, rest);
  if (host !== '') return [await transport.listen({ host, port, ...rest })];
  try {
    return [await transport.listen({ host: '::', port, ...rest })];
  } catch (error) {
    if (!isMissingAddress(error)) throw error;
    return [await transport.listen({ host: '0.0.0.0', port, ...rest })];
  }
}

async function bindLoopback(transport: Transport, port: number, rest: Rest): Promise<Listener[]> {
  for (let attempt = 1; ; attempt++) {
    const first = await unlessMissing(transport.listen({ host: '127.0.0.1', port, ...rest }));
    if (first === null) return [await transport.listen({ host: '::1', port, ...rest })];
    try {
      const second = await unlessMissing(transport.listen({ host: '::1', port: first.local.port, ...rest }));
      return second === null ? [first] : [first, second];
    } catch (error) {
      await first.close();
      const mayTryAgain = port === 0 && attempt < portAttempts && isTaken(error);
      if (!mayTryAgain) throw error;
    }
  }
}

async function unlessMissing(listening: Promise<Listener>): Promise<Listener | null> {
  try {
    return await listening;
  } catch (error) {
    if (isMissingAddress(error)) return null;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof ListenError && error.code === 'EADDRINUSE';
}

/** This machine has no such address, or no such family of addresses. */
function isMissingAddress(error: unknown): boolean {
  return error instanceof ListenError && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}
