/** Lookups over TCP as the configuration wants them; what does it is loaded only then. */
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { BrokerSettings } from '../config/settings.ts';
import { hostAndPort, isLoopback } from '../network/hosts.ts';
import type { Transport } from '../network/transport.ts';
import type { LookupDoor } from './rpc-door.ts';
import type { LookupListener } from './rpc-listener.ts';

export interface LookupListenerParts extends LookupDoor {
  readonly environment: Environment;
  readonly transport: Transport;
  readonly settings: BrokerSettings;
}

/** null: there is to be none. Rejects with a ListenError. */
export async function openLookupListener(parts: LookupListenerParts): Promise<LookupListener | null> {
  const { lookups, callBytesMax, logger, environment, transport, settings } = parts;
  const port = settings['kompakt.lookup.rpc.port'];
  if (port === -1) return null;
  const { LookupListener } = await import('./rpc-listener.ts');
  const host = settings['kompakt.lookup.rpc.host'];
  const token = settings['kompakt.lookup.rpc.token'];
  const clock = outsideClock(environment.clock);
  const listener = await LookupListener.open({
    ...{ lookups, callBytesMax, logger, transport, clock, host, port, token },
  });
  const where = hostAndPort(listener.local.host, listener.local.port);
  if (isLoopback(host)) logger.info(`lookups over TCP on ${where}`);
  else logger.warn(`lookups over TCP on ${where}, for whoever has the token, which is not encrypted`);
  return listener;
}
