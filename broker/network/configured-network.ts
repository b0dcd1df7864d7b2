/** The network as the configuration wants it: ports bound, limits read, addresses for clients. */
import type { Clock } from '../../storage/environment/clock.ts';
import { parseIpOverrides } from '../config/ip-overrides.ts';
import type { BrokerSettings, Configuration } from '../config/settings.ts';
import { LimitedLog } from '../observe/limited-log.ts';
import type { Logger } from '../observe/logger.ts';
import { RequestCounts } from '../observe/request-counts.ts';
import { Advertised } from './advertised.ts';
import { hostAndPort, isWildcard } from './hosts.ts';
import type { ConnectionLimits } from './limits.ts';
import { type BoundListener, Network } from './network.ts';
import type { Endpoint, Transport } from './transport.ts';

export interface BoundNetwork {
  readonly network: Network;
  readonly listeners: readonly BoundListener[];
  readonly advertised: Advertised;
  readonly counts: RequestCounts;
  readonly log: LimitedLog;
}

/** Binds every listener, and serves nobody yet. Throws a ListenError with nothing left bound. */
export async function bindPorts(options: {
  transport: Transport;
  clock: Clock;
  configuration: Configuration;
  logger: Logger;
}): Promise<BoundNetwork> {
  const { transport, clock, configuration, logger } = options;
  const { settings } = configuration;
  const counts = new RequestCounts();
  const log = new LimitedLog(logger, clock);
  const network = new Network({
    transport,
    clock,
    log,
    counts,
    limits: connectionLimits(settings),
    requestBytesMax: settings['socket.request.max.bytes'],
    backlog: settings['socket.listen.backlog.size'],
  });
  const listeners: BoundListener[] = [];
  try {
    for (const { name, host, port } of configuration.listeners.open)
      listeners.push(await network.listen({ name, host: host ?? '', port }));
  } catch (error) {
    await network.stop();
    throw error;
  }
  const advertised = new Map<string, Endpoint>();
  for (const [name, { host, port }] of configuration.listeners.advertised) {
    const bound = listeners.find((listener) => listener.name === name)?.endpoints[0];
    advertised.set(name, { host, port: port === 0 && bound !== undefined ? bound.port : port });
  }
  return { network, listeners, advertised: new Advertised(advertised), counts, log };
}

function connectionLimits(settings: BrokerSettings): () => ConnectionLimits {
  let overridesText = '';
  let overrides: ReadonlyMap<string, number> = new Map();
  return () => {
    const text = settings['max.connections.per.ip.overrides'];
    if (text !== overridesText) {
      const parsed = parseIpOverrides(text);
      if (typeof parsed !== 'string') overrides = parsed;
      overridesText = text;
    }
    return {
      connectionsMax: settings['max.connections'],
      connectionsMaxPerHost: settings['max.connections.per.ip'],
      connectionsMaxPerHostOverrides: overrides,
      idleMsMax: settings['connections.max.idle.ms'],
    };
  };
}

/** What the broker registration in the metadata log says. */
export function registeredEndpoints({
  listeners,
  advertised,
}: BoundNetwork): { name: string; host: string; port: number; securityProtocol: number }[] {
  const plaintext = 0;
  return listeners.map(({ name, endpoints }) => {
    const { host, port } = advertised.configured(name) ?? endpoints[0]!;
    return { name, host: isWildcard(host) ? 'localhost' : host, port, securityProtocol: plaintext };
  });
}

/** host:port of the first listener, as a client of this machine would write it. */
export function bootstrapServers(configuration: Configuration, listeners: readonly BoundListener[]): string {
  const host = configuration.listeners.open[0]!.host;
  const { port } = listeners[0]!.endpoints[0]!;
  return hostAndPort(host === null || isWildcard(host) ? 'localhost' : host, port);
}
