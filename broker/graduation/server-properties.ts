/**
 * The configurations under which Apache Kafka goes on with a directory of ours: who the node is, where it listens, and whatever was given
 * to us that Kafka knows; and the same for the two brokers that may join it.
 *
 *    first      has the directory, is the only voter, holds one replica of everything
 *    joining    another node.id, its own place and directory
 */
import { propertyLine } from '../../storage/directory/java-properties.ts';
import type { Configuration } from '../config/settings.ts';
import { controllerName, controllerPort } from '../metadata/voters.ts';
import { hostAndPort, isWildcard } from '../network/hosts.ts';
import { StartError } from '../start-error.ts';

export interface KafkaNode {
  readonly nodeId: number;
  /** `server.properties`, or with the node's number in it. */
  readonly fileName: string;
  readonly text: string;
  /** As its own clients write it. */
  readonly bootstrapServers: string;
  readonly controller: { readonly name: string; readonly host: string; readonly port: number };
}

export interface KafkaNodesOptions {
  readonly configuration: Configuration;
  readonly nodeId: number;
  /** Absolute. */
  readonly directory: string;
  /** Where the other two will be; left out: on the machine of the first, at other ports. */
  readonly joining?: readonly [JoiningAddress, JoiningAddress] | undefined;
}

export interface JoiningAddress {
  readonly host: string;
  readonly port: number;
}

/** Begins each file that we have written, and may write again. */
export const serverPropertiesMark = '# Written by `kompakt graduate`';
const defaultPort = 9092;
const greatestPort = 65_535;
/** Between the ports of two brokers on one machine. */
const portStep = 10;

/**
 * The node that has the directory, and behind it the two that may join. Each knows the controllers of all three: alone the first asks
 * nobody, but when it is no voter any more, it stops in order only if it finds those who are.
 */
export function kafkaNodesFor(options: KafkaNodesOptions): readonly [KafkaNode, ...KafkaNode[]] {
  const { configuration, nodeId, directory, joining } = options;
  const own = placeOf(configuration);
  const port = own.listeners[0]!.advertised.port;
  const step = port + 3 * portStep > greatestPort ? -portStep : portStep;
  const others = [1, 2].map((number) => {
    const to = joining?.[number - 1];
    return to === undefined ? shifted(own, null, number * step) : shifted(own, to.host, to.port - port);
  });
  const quorum = [own, ...others].map(({ controller }) => addressText(controller.advertised));
  const first = propertiesOf(own, {
    nodeId,
    directory,
    quorum,
    more: [
      '# One node holds one replica; take these lines away when there are three.',
      ...oneNode.map(([key, value]) => propertyLine(key, configuration.staticTexts.get(key) ?? value)),
    ],
    configuration,
  });
  const rest = others.map((place, at) => {
    const id = nodeId + 1 + at;
    return propertiesOf(place, {
      nodeId: id,
      directory: `${directory}-${id}`,
      quorum,
      more: [propertyLine(...rebalanceDelay(configuration))],
      configuration,
      fileName: `server-${id}.properties`,
    });
  });
  return [first, ...rest];
}

interface Address {
  readonly host: string;
  readonly port: number;
}

interface Listener {
  readonly name: string;
  /** Host empty: every interface. */
  readonly bound: Address;
  readonly advertised: Address;
}

interface Place {
  /** At least one. */
  readonly listeners: readonly Listener[];
  readonly controller: Listener;
}

function placeOf({ listeners: { open, controller, advertised }, settings }: Configuration): Place {
  const listeners = open.map(({ name, host, port: given }): Listener => {
    const port = given === 0 ? defaultPort : given;
    const told = advertised.get(name);
    return {
      name,
      bound: { host: host ?? '', port },
      advertised: {
        host: told?.host ?? (host === null || isWildcard(host) ? 'localhost' : host),
        port: told?.port || port,
      },
    };
  });
  const [first] = listeners;
  const [given] = controller;
  const name = given?.name ?? settings['controller.listener.names'][0] ?? controllerName;
  const port = given?.port || freePort(listeners.map(({ bound }) => bound.port));
  const told = advertised.get(name);
  return {
    listeners,
    controller: {
      name,
      bound: { host: first!.bound.host, port },
      advertised: { host: told?.host ?? first!.advertised.host, port: told?.port || port },
    },
  };
}

/** The same listeners on another machine (null: on this one), at other ports. */
function shifted({ listeners, controller }: Place, host: string | null, by: number): Place {
  const moved = ({ name, bound, advertised }: Listener): Listener => ({
    name,
    bound: { host: host === null || isWildcard(bound.host) ? bound.host : host, port: portOf(bound, by) },
    advertised: { host: host ?? advertised.host, port: portOf(advertised, by) },
  });
  return { listeners: listeners.map(moved), controller: moved(controller) };
}

function portOf({ port }: Address, by: number): number {
  const moved = port + by;
  if (moved >= 1 && moved <= greatestPort) return moved;
  throw new StartError(
    `a broker that joins keeps the distances between the ports of this one's listeners, and ${port} would become ${moved}`,
  );
}

interface NodeOptions {
  readonly nodeId: number;
  readonly directory: string;
  readonly quorum: readonly string[];
  /** Lines between who it is and what was given. */
  readonly more: readonly string[];
  readonly configuration: Configuration;
  readonly fileName?: string;
}

function propertiesOf({ listeners, controller }: Place, options: NodeOptions): KafkaNode {
  const { nodeId, directory, quorum, more, configuration, fileName = 'server.properties' } = options;
  const all = [...listeners, controller];
  const identity: readonly (readonly [string, string])[] = [
    ['process.roles', 'broker,controller'],
    ['node.id', String(nodeId)],
    ['controller.quorum.bootstrap.servers', quorum.join(',')],
    ['controller.listener.names', controller.name],
    ['listeners', all.map(({ name, bound }) => `${name}://${addressText(bound)}`).join(',')],
    [
      'advertised.listeners',
      all.map(({ name, advertised }) => `${name}://${addressText(advertised)}`).join(','),
    ],
    ['listener.security.protocol.map', all.map(({ name }) => `${name}:PLAINTEXT`).join(',')],
    ['log.dirs', directory],
  ];
  const written = new Set([...identity, ...oneNode].map(([key]) => key));
  const given = [...configuration.staticTexts].filter(([key]) => isKafkas(key) && !written.has(key));
  const lines = [
    `${serverPropertiesMark}: node ${nodeId} of the cluster.`,
    ...identity.map((entry) => propertyLine(...entry)),
    '',
    ...more,
    ...(given.length === 0 ? [] : ['', '# As it was given to Kompakt.']),
    ...given.map((entry) => propertyLine(...entry)),
  ];
  return {
    nodeId,
    fileName,
    text: `${lines.join('\n')}\n`,
    bootstrapServers: addressText(listeners[0]!.advertised),
    controller: { name: controller.name, ...controller.advertised },
  };
}

const rebalanceDelayKey = 'group.initial.rebalance.delay.ms';

/** As it was here, where nobody waits for more members. */
function rebalanceDelay({ staticTexts }: Configuration): [string, string] {
  return [rebalanceDelayKey, staticTexts.get(rebalanceDelayKey) ?? '0'];
}

const oneNode: readonly (readonly [string, string])[] = [
  ['offsets.topic.replication.factor', '1'],
  ['transaction.state.log.replication.factor', '1'],
  ['transaction.state.log.min.isr', '1'],
  ['share.coordinator.state.topic.replication.factor', '1'],
  ['share.coordinator.state.topic.min.isr', '1'],
  [rebalanceDelayKey, '0'],
];

/** Neither ours alone, nor another name of what stands there already. */
function isKafkas(key: string): boolean {
  const other = ['log.dir', 'broker.id', 'controller.quorum.voters', 'metadata.log.dir'];
  return !key.startsWith('kompakt.') && !other.includes(key);
}

function freePort(taken: readonly number[]): number {
  let port = controllerPort;
  while (taken.includes(port)) port += 1;
  return port;
}

function addressText({ host, port }: Address): string {
  return hostAndPort(host, port);
}
