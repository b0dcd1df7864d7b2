/** Finds in requests what is served without a part of it, or refused by its handler for want of a feature. */
import type { messages } from '../../protocol/messages/index.ts';
import type { AnyApi, RequestOf } from '../../protocol/schema/api.ts';
import { type ConfigTable, keyNamed, parseValue } from '../../storage/config/define.ts';
import { topicKeys } from '../../storage/config/topic-keys.ts';
import { brokerKeys } from '../config/broker-keys.ts';
import { clientMetricsKeys } from '../config/client-metrics-keys.ts';
import { groupConfigKeys } from '../config/group-keys.ts';
import { baseKeyOf } from '../config/listener-keys.ts';
import { type BrokerSettings, reasonIgnored } from '../config/settings.ts';
import { configResourceTypes } from '../metadata/cluster-state.ts';
import type { GapSubjectName } from './gap-subjects.ts';
import { type GapNote, sentence } from './gaps.ts';

type Found = (note: GapNote) => void;
type Settings = Pick<BrokerSettings, 'kompakt.replication.factor.cap'>;
type Inspect<A extends AnyApi> = (request: RequestOf<A>, found: Found, settings: Settings) => void;

/** What to look for in requests of an API, by the name of its message. */
const inspections: { readonly [Name in keyof typeof messages]?: Inspect<(typeof messages)[Name]> } = {
  fetch({ rackId, replicaId, replicaState }, found) {
    if (rackId !== '')
      found({
        kind: 'feature',
        name: 'Fetch from a near rack',
        outcome: 'ignored',
        why: 'There is one node to read from.',
        subject: 'racks',
      });
    if (replicaId >= 0 || replicaState.replicaId >= 0)
      found({
        kind: 'feature',
        name: 'Fetch by a follower',
        outcome: 'refused',
        why: 'A cluster of one has no followers.',
        subject: 'one-node',
      });
  },
  findCoordinator({ keyType }, found) {
    if (keyType === 2) found(refused('FindCoordinator of a share partition', 'share-groups'));
  },
  createTopics({ topics }, found, settings) {
    for (const { configs, replicationFactor, assignments } of topics) {
      for (const { name, value } of configs) configGap(topicKeys, name, value, found);
      if (replicationFactor > 1 || assignments.some(({ brokerIds }) => brokerIds.length > 1))
        found(replicas(settings));
    }
  },
  alterConfigs({ resources }, found) {
    for (const { resourceType, configs } of resources)
      for (const { name, value } of configs) resourceGap(resourceType, name, value, found);
  },
  incrementalAlterConfigs({ resources }, found) {
    for (const { resourceType, configs } of resources)
      for (const { name, value, configOperation } of configs)
        if (configOperation === setOperation) resourceGap(resourceType, name, value, found);
  },
  alterPartitionReassignments(_request, found) {
    found(
      refused('AlterPartitionReassignments', 'one-node', 'There is no other node to move a partition to.'),
    );
  },
  alterReplicaLogDirs(_request, found) {
    found(refused('AlterReplicaLogDirs', 'one-node', 'There is one log directory.'));
  },
  describeAcls: security('DescribeAcls'),
  createAcls: security('CreateAcls'),
  deleteAcls: security('DeleteAcls'),
  createDelegationToken: security('CreateDelegationToken'),
  renewDelegationToken: security('RenewDelegationToken'),
  expireDelegationToken: security('ExpireDelegationToken'),
  describeDelegationToken: security('DescribeDelegationToken'),
  saslHandshake: security('SaslHandshake'),
  saslAuthenticate: security('SaslAuthenticate'),
};

const setOperation = 0;

/** Null: nothing of this API is left out. */
export function inspectionOf(
  api: AnyApi,
): ((request: unknown, found: Found, settings: Settings) => void) | null {
  const name = `${api.name.charAt(0).toLowerCase()}${api.name.slice(1)}`;
  return ((inspections as Record<string, unknown>)[name] as Inspect<never> | undefined as never) ?? null;
}

function refused(name: string, subject: GapSubjectName, why = 'This broker does not serve it.'): GapNote {
  return { kind: 'api', name, outcome: 'refused', why, subject };
}

function security(name: string) {
  const note = refused(name, 'security', 'Security is not served yet.');
  return (_request: unknown, found: Found): void => found(note);
}

function replicas(settings: Settings): GapNote {
  const isCapped = settings['kompakt.replication.factor.cap'];
  return {
    kind: 'feature',
    name: 'CreateTopics with several replicas',
    outcome: isCapped ? 'ignored' : 'refused',
    why: isCapped
      ? 'One node can hold one replica, and kompakt.replication.factor.cap says to go on with that.'
      : 'One node can hold one replica.',
    subject: 'one-node',
  };
}

const tables: { readonly [resourceType: number]: ConfigTable } = {
  [configResourceTypes.topic]: topicKeys,
  [configResourceTypes.group]: groupConfigKeys,
  [configResourceTypes.clientMetrics]: clientMetricsKeys,
};

function resourceGap(resourceType: number, name: string, value: string | null, found: Found): void {
  if (resourceType === configResourceTypes.broker) return brokerGap(name, value, found);
  const table = tables[resourceType];
  if (table !== undefined) configGap(table, name, value, found);
}

function brokerGap(name: string, value: string | null, found: Found): void {
  if (keyNamed(brokerKeys, name) !== undefined) return configGap(brokerKeys, name, value, found);
  const reason = reasonIgnored(name);
  if (reason !== undefined) return found(ignoredKey(name, reason));
  const base = baseKeyOf(name);
  if (base === undefined || keyNamed(brokerKeys, base) === undefined)
    found({
      kind: 'config',
      name,
      outcome: 'ignored',
      why: 'Nobody knows this key.',
      subject: 'unknown-configuration-keys',
    });
}

function configGap(table: ConfigTable, name: string, value: string | null, found: Found): void {
  const key = keyNamed(table, name);
  if (key === undefined)
    return found({
      kind: 'config',
      name,
      outcome: 'refused',
      why: 'Nobody knows this key.',
      subject: 'unknown-configuration-keys',
    });
  if (key.accepted !== undefined) return found(ignoredKey(name, key.accepted));
  if (value === null || key.refuse === undefined) return;
  const parsed = parseValue(name, key, value);
  const why = parsed.ok ? key.refuse(parsed.value) : undefined;
  if (why === undefined) return;
  found({
    kind: 'config',
    name: `${name}=${value}`,
    outcome: 'refused',
    why: sentence(why),
    subject: 'keys',
  });
}

function ignoredKey(name: string, reason: string): GapNote {
  return { kind: 'config', name, outcome: 'ignored', why: sentence(reason), subject: 'keys' };
}
