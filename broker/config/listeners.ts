/**
 * Where the broker listens and what it tells clients, from the texts of the keys around listeners:
 *
 *     listeners                       NAME://host:port,…        host empty: every interface; [::1] for IPv6; port 0: any free one
 *     advertised.listeners            NAME://host:port,…        what clients are told, by name
 *     listener.security.protocol.map  NAME:PROTOCOL,…           the protocol of each name
 *     controller.listener.names       NAME,…                    names that belong to the controller
 *
 * Names are compared in upper case. A controller listener is read and checked but not opened: nothing outside this process talks to the
 * controller. Only PLAINTEXT can be served yet; the other protocols are refused with their name.
 */
import type { BrokerSettings } from './broker-keys.ts';

export interface ListenerAddress {
  readonly name: string;
  /** Null: every interface. */
  readonly host: string | null;
  /** 0: any free port. */
  readonly port: number;
}

export interface Listeners {
  /** To be opened, at least one. */
  readonly open: readonly ListenerAddress[];
  /** Read, checked, not opened. */
  readonly controller: readonly ListenerAddress[];
  /**
   * What clients of a listener are told, by its name; port 0 stands for the port that was bound. A listener that is not here tells each
   * client the local address of its own connection.
   */
  readonly advertised: ReadonlyMap<string, { readonly host: string; readonly port: number }>;
}

export type ListenersResult =
  | { readonly ok: true; readonly listeners: Listeners }
  | { readonly ok: false; readonly message: string };

type Protocols = ReadonlyMap<string, string>;

class ListenerError extends Error {}

/** `isGiven` tells whether a key was set, as opposed to its default. */
export function readListeners(settings: BrokerSettings, isGiven: (key: string) => boolean): ListenersResult {
  try {
    return { ok: true, listeners: resolve(settings, isGiven) };
  } catch (error) {
    if (error instanceof ListenerError) return { ok: false, message: error.message };
    throw error;
  }
}

function resolve(settings: BrokerSettings, isGiven: (key: string) => boolean): Listeners {
  const controllerNames = settings['controller.listener.names'].map((name) => name.toUpperCase());
  const protocols = readProtocols(settings, isGiven, controllerNames);
  const all = parseAddresses('listeners', settings.listeners, protocols);
  refuseSharedPorts(all, settings.listeners);
  const open = all.filter(({ name }) => !controllerNames.includes(name));
  const controller = all.filter(({ name }) => controllerNames.includes(name));
  if (open.length === 0) {
    throw new ListenerError(
      'there must be at least one listener for clients; all listeners are in controller.listener.names',
    );
  }
  for (const { name } of open) refuseSecurity(name, protocols.get(name)!);
  if (isGiven('listeners') && isGiven('controller.listener.names'))
    requireControllers(settings, controller, controllerNames);
  const advertised = resolveAdvertised(settings, isGiven, protocols, all, controllerNames);
  const interBroker = settings['inter.broker.listener.name']?.toUpperCase();
  if (interBroker !== undefined && !open.some(({ name }) => name === interBroker)) {
    throw new ListenerError(`inter.broker.listener.name must be one of ${namesOf(open)}, not ${interBroker}`);
  }
  return { open, controller, advertised };
}

function readProtocols(
  settings: BrokerSettings,
  isGiven: (key: string) => boolean,
  controllerNames: readonly string[],
): Protocols {
  const key = 'listener.security.protocol.map';
  const protocols = new Map<string, string>();
  for (const item of settings[key].split(',')) {
    const pair = item.trim();
    if (pair === '') continue;
    const colon = pair.lastIndexOf(':');
    const protocol = pair
      .slice(colon + 1)
      .trim()
      .toUpperCase();
    if (colon < 1) throw new ListenerError(`${key}: ${pair} is not NAME:PROTOCOL`);
    if (!securityProtocols.includes(protocol)) {
      throw new ListenerError(
        `${key}: ${protocol} is not a security protocol; there are ${securityProtocols.join(', ')}`,
      );
    }
    protocols.set(pair.slice(0, colon).trim().toUpperCase(), protocol);
  }
  // Without a map of the user's own, controller listeners need no entry; Kafka does the same while nothing else than PLAINTEXT is used.
  if (!isGiven(key)) {
    for (const name of controllerNames) if (!protocols.has(name)) protocols.set(name, 'PLAINTEXT');
  }
  return protocols;
}

const securityProtocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];

/** As Kafka reads one listener; the last colon separates the port, brackets may stand around the host. */
const addressForm = /^(.*):\/\/\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$/;

function parseAddresses(key: string, texts: readonly string[], protocols: Protocols): ListenerAddress[] {
  const addresses = texts.map((text) => {
    const match = addressForm.exec(text);
    if (!match) throw new ListenerError(`${key}: ${text} is not NAME://host:port`);
    const name = match[1]!.toUpperCase();
    const port = Number(match[3]);
    if (port < 0 || port > 65_535) throw new ListenerError(`${key}: ${text} has no valid port`);
    if (!protocols.has(name)) {
      throw new ListenerError(`${key}: ${name} has no security protocol in listener.security.protocol.map`);
    }
    return { name, host: match[2] === '' ? null : match[2]!, port };
  });
  const names = addresses.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new ListenerError(`${key}: each listener needs a name of its own; ${twice} stands there twice`);
  return addresses;
}

/** One port may serve two listeners only if one has an IPv4 address and the other an IPv6 address. */
function refuseSharedPorts(addresses: readonly ListenerAddress[], texts: readonly string[]): void {
  for (const { port } of addresses) {
    const sharing = addresses.filter((other) => port !== 0 && other.port === port);
    if (sharing.length < 2) continue;
    const families = sharing.map(({ host }) => addressFamily(host));
    if (sharing.length === 2 && families.includes(4) && families.includes(6)) continue;
    throw new ListenerError(
      `listeners: each needs a port of its own, unless one of two has an IPv4 and the other an IPv6 address (${texts.join(',')})`,
    );
  }
}

function addressFamily(host: string | null): 4 | 6 | undefined {
  if (host === null) return undefined;
  if (host.includes(':')) return 6;
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) ? 4 : undefined;
}

function refuseSecurity(name: string, protocol: string): void {
  if (protocol === 'PLAINTEXT') return;
  throw new ListenerError(
    `listener ${name} uses ${protocol}, which is not served yet; only PLAINTEXT is, so bind it to an address that you trust`,
  );
}

/** A node that is also a controller has all its controller listeners among `listeners`. */
function requireControllers(
  settings: BrokerSettings,
  controller: readonly ListenerAddress[],
  names: readonly string[],
): void {
  if (!settings['process.roles'].includes('controller')) {
    if (controller.length === 0) return;
    throw new ListenerError(
      'controller.listener.names must not name one of listeners when process.roles is broker alone',
    );
  }
  const missing = names.filter((name) => !controller.some((address) => address.name === name));
  if (missing.length > 0) {
    throw new ListenerError(
      `controller.listener.names must only name listeners; ${missing.join(', ')} is not among them`,
    );
  }
}

function resolveAdvertised(
  settings: BrokerSettings,
  isGiven: (key: string) => boolean,
  protocols: Protocols,
  listeners: readonly ListenerAddress[],
  controllerNames: readonly string[],
): Listeners['advertised'] {
  const advertised = new Map<string, { host: string; port: number }>();
  const given = settings['advertised.listeners'];
  // A host that the user wrote into `listeners` is told to clients as it is, even if they came by another way, as in Kafka.
  const source =
    given !== null
      ? parseAddresses('advertised.listeners', given, protocols)
      : isGiven('listeners')
        ? listeners
        : [];
  for (const { name, host, port } of source) {
    if (given !== null && host === '0.0.0.0') {
      throw new ListenerError(
        'advertised.listeners cannot use 0.0.0.0; name an address that clients can reach',
      );
    }
    if (controllerNames.includes(name)) continue;
    if (!listeners.some((listener) => listener.name === name)) {
      throw new ListenerError(
        `advertised.listeners: ${name} is not one of listeners (${namesOf(listeners)})`,
      );
    }
    if (host !== null && !isWildcard(host)) advertised.set(name, { host, port });
  }
  if (given !== null && !source.some(({ name }) => !controllerNames.includes(name))) {
    throw new ListenerError('advertised.listeners must have at least one listener for clients');
  }
  return advertised;
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(host);
}

function namesOf(addresses: readonly ListenerAddress[]): string {
  return addresses.map(({ name }) => name).join(', ');
}

/** `listeners` with another host or port for its one listener for clients; undefined when it has several. */
export function replaceAddress(
  texts: readonly string[],
  controllerNames: readonly string[],
  replacement: { readonly host?: string; readonly port?: number },
): readonly string[] | undefined {
  const isController = (text: string) =>
    controllerNames.includes(text.slice(0, text.indexOf('://')).toUpperCase());
  if (texts.filter((text) => !isController(text)).length !== 1) return undefined;
  return texts.map((text) => {
    const match = addressForm.exec(text);
    if (isController(text) || !match) return text;
    const host = replacement.host ?? match[2]!;
    return `${match[1]}://${host.includes(':') ? `[${host}]` : host}:${replacement.port ?? match[3]}`;
  });
}
