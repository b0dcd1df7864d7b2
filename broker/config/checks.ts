/** Rules that tie broker keys together, as Kafka checks them at start and at each dynamic change. Listeners have their own: listeners.ts. */
import { MiB } from '../../storage/config/define.ts';
import { isLoopback } from '../network/hosts.ts';
import { type BrokerKeyName, type BrokerSettings, brokerKeys } from './broker-keys.ts';
import { checkHttp } from './http-names.ts';
import { parseIpOverrides } from './ip-overrides.ts';
import { topicDefaults } from './topic-defaults.ts';

/** What is wrong with these settings together, or undefined. */
export function checkTogether(settings: BrokerSettings): string | undefined {
  return (
    checkQuorum(settings) ??
    checkLogTimes(settings) ??
    checkNetwork(settings) ??
    checkLookupRpc(settings) ??
    checkHttp(settings) ??
    checkReplication(settings) ??
    checkGroupBounds(settings)
  );
}

/** Pools of threads; that they may not be more at once is Kafka's rule, whether or not there are any here. */
const threadPools = [
  'num.io.threads',
  'num.network.threads',
  'num.replica.fetchers',
  'num.recovery.threads.per.data.dir',
  'background.threads',
  'log.cleaner.threads',
] as const;

/** What is wrong with a change of running settings, or undefined: a pool at most doubles, and keeps at least half of itself. */
export function checkChange(before: BrokerSettings, after: BrokerSettings): string | undefined {
  for (const name of threadPools) {
    const [from, to] = [before[name], after[name]];
    if (to < Math.floor(from / 2))
      return `${name} may at once become half of ${from} at the least, not ${to}`;
    if (to > from * 2) return `${name} may at once become twice ${from} at the most, not ${to}`;
  }
  return undefined;
}

/** Voters are not used, but ones that contradict the rest mean that this is the file of another node. */
function checkQuorum(settings: BrokerSettings): string | undefined {
  const nodeId = settings['node.id'];
  const voters = settings['controller.quorum.voters'].map((voter) => Number.parseInt(voter, 10));
  const isController = settings['process.roles'].includes('controller');
  if (isController && voters.length > 0 && !voters.includes(nodeId)) {
    return `controller.quorum.voters must name this node (node.id ${nodeId}), which is a controller`;
  }
  if (!isController && voters.includes(nodeId)) {
    return `controller.quorum.voters must not name this node (node.id ${nodeId}), which is not a controller`;
  }
  return undefined;
}

/** Shorter ones can be tried out from another machine. */
const tokenCharactersMin = 16;

function checkLookupRpc(settings: BrokerSettings): string | undefined {
  const host = settings['kompakt.lookup.rpc.host'];
  const token = settings['kompakt.lookup.rpc.token'];
  if (settings['kompakt.lookup.rpc.port'] === -1 || isLoopback(host)) return undefined;
  if (token !== null && token.length >= tokenCharactersMin) return undefined;
  return `kompakt.lookup.rpc.host=${host} is beyond this machine, which needs kompakt.lookup.rpc.token, of at least ${tokenCharactersMin} characters`;
}

function checkLogTimes(settings: BrokerSettings): string | undefined {
  const topic = topicDefaults(settings);
  if (topic['segment.ms'] < 1) return 'log.roll.ms must be at least 1';
  if (topic['segment.jitter.ms'] < 0) return 'log.roll.jitter.ms must not be negative';
  if (topic['retention.ms'] === 0) return 'log.retention.ms must be -1 (for ever) or at least 1';
  if (settings['log.cleaner.dedupe.buffer.size'] / settings['log.cleaner.threads'] <= MiB) {
    return 'log.cleaner.dedupe.buffer.size must be more than 1 MiB for each cleaner thread';
  }
  return undefined;
}

function checkNetwork(settings: BrokerSettings): string | undefined {
  const queuedBytes = settings['queued.max.request.bytes'];
  if (queuedBytes > 0 && queuedBytes < settings['socket.request.max.bytes']) {
    return 'queued.max.request.bytes must not be smaller than socket.request.max.bytes';
  }
  const overrides = parseIpOverrides(settings['max.connections.per.ip.overrides']);
  if (settings['max.connections.per.ip'] === 0 && typeof overrides !== 'string' && overrides.size === 0) {
    return 'max.connections.per.ip may be 0 only together with max.connections.per.ip.overrides';
  }
  const idleMs = settings['connections.max.idle.ms'];
  if (idleMs >= 0 && settings['connection.failed.authentication.delay.ms'] >= idleMs) {
    return 'connection.failed.authentication.delay.ms must be smaller than connections.max.idle.ms';
  }
  return undefined;
}

function checkReplication(settings: BrokerSettings): string | undefined {
  const waitMs = settings['replica.fetch.wait.max.ms'];
  if (waitMs > settings['replica.socket.timeout.ms']) {
    return 'replica.fetch.wait.max.ms must not be larger than replica.socket.timeout.ms';
  }
  if (waitMs > settings['replica.lag.time.max.ms']) {
    return 'replica.fetch.wait.max.ms must not be larger than replica.lag.time.max.ms';
  }
  return undefined;
}

/** group.X.min.Y ≤ group.X.Y ≤ group.X.max.Y, and a session outlives a heartbeat. */
function checkGroupBounds(settings: BrokerSettings): string | undefined {
  for (const name of Object.keys(brokerKeys) as BrokerKeyName[]) {
    const [, kind, bound, rest] = /^group\.(consumer|share|streams)\.(min|max)\.(.+)$/.exec(name) ?? [];
    if (rest === undefined) continue;
    const plain = `group.${kind}.${rest}` as BrokerKeyName;
    if (!Object.hasOwn(brokerKeys, plain)) continue;
    const value = settings[plain] as number;
    const limit = settings[name] as number;
    if (bound === 'min' && value < limit) return `${plain} must not be smaller than ${name}`;
    if (bound === 'max' && value > limit) return `${plain} must not be larger than ${name}`;
  }
  for (const kind of ['consumer', 'share', 'streams'] as const) {
    if (settings[`group.${kind}.heartbeat.interval.ms`] >= settings[`group.${kind}.session.timeout.ms`]) {
      return `group.${kind}.heartbeat.interval.ms must be smaller than group.${kind}.session.timeout.ms`;
    }
  }
  return undefined;
}
