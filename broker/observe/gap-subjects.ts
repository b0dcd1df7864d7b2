/** What Apache Kafka has and this broker has not, by subject: the texts of GAPS.md, and where each gap that a client meets is explained. */

export interface GapSubject {
  readonly title: string;
  readonly text: string;
}

/** By its anchor in GAPS.md, which is its title in small letters with dashes. */
export const gapSubjects = {
  'consumer-groups-of-the-new-protocol': {
    title: 'Consumer groups of the new protocol',
    text: 'Groups with `group.protocol=consumer` (KIP-848) are not served yet. Classic groups are: leave `group.protocol` at `classic`, which is the default of most clients. Configs of such groups are kept without effect.',
  },
  'share-groups': {
    title: 'Share groups',
    text: 'Queues on topics (KIP-932) are not served yet: neither their groups, nor their coordinator, nor their state. A consumer group gives each partition to one member.',
  },
  'streams-groups': {
    title: 'Streams groups',
    text: 'Kafka Streams with `group.protocol=streams` (KIP-1071) is not served yet. With `classic`, its default, it works, transactions included.',
  },
  security: {
    title: 'Security',
    text: 'TLS, SASL, ACLs, delegation tokens and SCRAM credentials are not served yet. Everybody who reaches a listener may do everything, so it listens on this machine alone unless it is told otherwise. A client must use `security.protocol=PLAINTEXT`.',
  },
  'client-quotas': {
    title: 'Client quotas',
    text: 'Nobody is throttled, so quotas cannot be set. How a client takes being throttled can be tried with `broker.fault({ throttleMs })`.',
  },
  'client-telemetry': {
    title: 'Client telemetry',
    text: "Brokers that collect their clients' metrics (KIP-714) are a thing of large clusters. Clients notice that it is not there and go on.",
  },
  'one-node': {
    title: 'One node',
    text: 'A cluster here has one node, which is broker and controller. Nothing is replicated, moved or elected: a replication factor above 1 is refused, or made 1 under `kompakt.replication.factor.cap`; requests between nodes have nobody to come from.',
  },
  racks: {
    title: 'Racks',
    text: 'A consumer that says its rack (`client.rack`) is to read from a near replica (KIP-392). There is one, so it reads from that.',
  },
  versions: {
    title: 'Versions',
    text: 'Served are the versions of Apache Kafka 4.4, which dropped those from before Kafka 2.1. [APIS.md](../../protocol/APIS.md) lists them. A client asks for them with ApiVersions, and is told; one that does not ask, or asks for another all the same, loses its connection, as with Kafka.',
  },
  'unknown-apis': {
    title: 'Unknown APIs',
    text: 'No API of Kafka 4.4 has this key. Some are of older versions, when brokers told each other about leaders (LeaderAndIsr, StopReplica, UpdateMetadata, ControlledShutdown).',
  },
  'unknown-configuration-keys': {
    title: 'Unknown configuration keys',
    text: 'Nobody knows a key of this name. At start, for topics, groups and client metrics it is refused; for brokers a dynamic one is kept without effect, as in Kafka, where a plug-in might know it.',
  },
  'other-protocols': {
    title: 'Other protocols',
    text: 'The Kafka port got bytes of another protocol and closed the connection. HTTP has [a port of its own](../http/HTTP.md).',
  },
} as const satisfies { readonly [anchor: string]: GapSubject };

export type GapSubjectName = keyof typeof gapSubjects;

/** Which subject an API that is not served belongs to. */
export function subjectOfApi(api: string): GapSubjectName {
  if (api.startsWith('ConsumerGroup')) return 'consumer-groups-of-the-new-protocol';
  if (api.startsWith('StreamsGroup')) return 'streams-groups';
  if (/^Share|ShareGroup/.test(api)) return 'share-groups';
  if (api.endsWith('ClientQuotas')) return 'client-quotas';
  if (api.includes('Scram')) return 'security';
  if (/Telemetry/.test(api)) return 'client-telemetry';
  return 'one-node';
}
