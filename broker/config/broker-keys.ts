/**
 * Every broker key: Kafka 4.4's and our own, put together from one file per area. A key is honoured unless its entry says otherwise
 * (`accepted`, `refuse`); a default that is not Kafka's stands in differences.ts too.
 */
import { cleanerKeys } from '../../compaction/config-keys.ts';
import type { ConfigKey, ConfigTable, ValuesOf } from '../../storage/config/define.ts';
import { consumerGroupKeys } from './keys/consumer-groups.ts';
import { dynamicOnlyKeys } from './keys/dynamic-only.ts';
import { groupKeys } from './keys/groups.ts';
import { httpKeys } from './keys/http.ts';
import { logKeys } from './keys/log.ts';
import { lookupRpcKeys } from './keys/lookup-rpc.ts';
import { networkKeys } from './keys/network.ts';
import { ownKeys } from './keys/own.ts';
import { quorumKeys } from './keys/quorum.ts';
import { remoteStorageKeys } from './keys/remote-storage.ts';
import { replicationKeys } from './keys/replication.ts';
import { saslKeys } from './keys/sasl.ts';
import { saslOauthKeys } from './keys/sasl-oauth.ts';
import { serverKeys } from './keys/server.ts';
import { shareGroupKeys } from './keys/share-groups.ts';
import { sslKeys } from './keys/ssl.ts';
import { streamsGroupKeys } from './keys/streams-groups.ts';
import { transactionKeys } from './keys/transactions.ts';
import { topicDefaultKeys } from './topic-defaults.ts';

/** The areas, in the order of the generated page. */
export const brokerKeyAreas = {
  'Kompakt’s own': ownKeys,
  'Lookups over TCP': lookupRpcKeys,
  HTTP: httpKeys,
  'The node': serverKeys,
  Network: networkKeys,
  'Defaults of topics': topicDefaultKeys,
  Logs: logKeys,
  Cleaner: cleanerKeys,
  Groups: groupKeys,
  'Consumer groups (KIP-848)': consumerGroupKeys,
  'Share groups': shareGroupKeys,
  'Streams groups': streamsGroupKeys,
  Transactions: transactionKeys,
  'Controller and metadata log': quorumKeys,
  Replication: replicationKeys,
  'Throttles (dynamic only)': dynamicOnlyKeys,
  'Remote storage': remoteStorageKeys,
  TLS: sslKeys,
  SASL: saslKeys,
  'SASL with OAuth': saslOauthKeys,
};

type Areas = typeof brokerKeyAreas;
type Intersect<Union> = (Union extends unknown ? (value: Union) => void : never) extends (
  value: infer All,
) => void
  ? All
  : never;
type BrokerTable = Intersect<Areas[keyof Areas]>;

export type BrokerKeyName = keyof BrokerTable;

/** The value of every broker key. One object per broker, changed in place when a dynamic config changes: do not copy values early. */
export type BrokerSettings = ValuesOf<BrokerTable>;

export const brokerKeys: { readonly [Name in BrokerKeyName]: ConfigKey } & ConfigTable = Object.assign(
  Object.create(null),
  ...Object.values(brokerKeyAreas),
);

/** The values when nothing is configured. A new object each time, since settings change in place. */
export function defaultBrokerSettings(): BrokerSettings {
  return Object.fromEntries(
    Object.entries(brokerKeys).map(([name, key]) => [name, key.default]),
  ) as BrokerSettings;
}
