/**
 * The configuration under which an Apache Kafka goes on with a directory of ours: who it is, where it listens, what one node needs, and
 * whatever was given to us that Kafka knows.
 */
import { propertyLine } from '../../storage/directory/java-properties.ts';
import type { Configuration } from '../config/settings.ts';
import { controllerName, controllerPort } from '../metadata/voters.ts';
import { isWildcard } from '../network/hosts.ts';

export interface ServerProperties {
  /** The file. */
  readonly text: string;
  /** As its own clients write it. */
  readonly bootstrapServers: string;
  readonly controller: { readonly name: string; readonly host: string; readonly port: number };
}

export interface ServerPropertiesOptions {
  readonly configuration: Configuration;
  readonly nodeId: number;
  /** Absolute. */
  readonly directory: string;
}

/** Begins each file that we have written, and may write again. */
export const serverPropertiesMark = '# Written by `kompakt graduate`';
const defaultPort = 9092;

export function serverPropertiesFor(options: ServerPropertiesOptions): ServerProperties {
  const { configuration, nodeId, directory } = options;
  const open = configuration.listeners.open.map(({ name, host, port }) => ({
    name,
    host: host === null || isWildcard(host) ? 'localhost' : host,
    bound: host ?? 'localhost',
    port: port === 0 ? defaultPort : port,
  }));
  const given = configuration.listeners.controller[0];
  const [first] = open;
  const controller = {
    name: given?.name ?? configuration.settings['controller.listener.names'][0] ?? controllerName,
    host: first!.host,
    port: given?.port || freePort(open.map(({ port }) => port)),
  };
  const address = (name: string, host: string, port: number) => `${name}://${bracketed(host)}:${port}`;
  const identity: [string, string][] = [
    ['process.roles', 'broker,controller'],
    ['node.id', String(nodeId)],
    ['controller.quorum.bootstrap.servers', `${bracketed(controller.host)}:${controller.port}`],
    ['controller.listener.names', controller.name],
    [
      'listeners',
      [
        ...open.map(({ name, bound, port }) => address(name, bound, port)),
        address(controller.name, first!.bound, controller.port),
      ].join(','),
    ],
    [
      'advertised.listeners',
      [...open, controller].map(({ name, host, port }) => address(name, host, port)).join(','),
    ],
    [
      'listener.security.protocol.map',
      [...open, controller].map(({ name }) => `${name}:PLAINTEXT`).join(','),
    ],
    ['log.dirs', directory],
  ];
  const written = new Set([...identity, ...oneNode].map(([key]) => key));
  const taken = [...configuration.staticTexts].filter(([key]) => isKafkas(key) && !written.has(key));
  const names = new Set(taken.map(([key]) => key));
  const lines = [
    `${serverPropertiesMark}: Apache Kafka goes on with this directory under it.`,
    ...identity.map(lineOf),
    '',
    '# One node holds one replica; take these lines away when there are three.',
    ...oneNode
      .filter(([key]) => !names.has(key))
      .map(([key, value]) => lineOf([key, configuration.staticTexts.get(key) ?? value])),
    ...(taken.length === 0 ? [] : ['', '# As it was given to Kompakt.', ...taken.map(lineOf)]),
  ];
  return {
    text: `${lines.join('\n')}\n`,
    bootstrapServers: `${bracketed(first!.host)}:${first!.port}`,
    controller,
  };
}

const lineOf = ([key, value]: readonly [string, string]): string => propertyLine(key, value);

const oneNode: readonly [string, string][] = [
  ['offsets.topic.replication.factor', '1'],
  ['transaction.state.log.replication.factor', '1'],
  ['transaction.state.log.min.isr', '1'],
  ['share.coordinator.state.topic.replication.factor', '1'],
  ['share.coordinator.state.topic.min.isr', '1'],
  ['group.initial.rebalance.delay.ms', '0'],
];

/** Ours alone, or another name of what stands there already. */
function isKafkas(key: string): boolean {
  const other = ['log.dir', 'broker.id', 'controller.quorum.voters', 'metadata.log.dir'];
  return !key.startsWith('kompakt.') && !other.includes(key);
}

function freePort(taken: readonly number[]): number {
  let port = controllerPort;
  while (taken.includes(port)) port += 1;
  return port;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
