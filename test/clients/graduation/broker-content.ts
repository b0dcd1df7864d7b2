/** All that clients can get out of a broker, ours or Apache Kafka's, as plain data to compare. */
import { describeConfigs } from '../../../protocol/messages/configs/describe-configs.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { listOffsets } from '../../../protocol/messages/data/list-offsets.ts';
import { listGroups } from '../../../protocol/messages/groups/list-groups.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import { listTransactions } from '../../../protocol/messages/transactions/list-transactions.ts';
import { batchBytesAt, codecOf, isControl, lastOffset, producerId } from '../../../protocol/records/batch.ts';
import { ensureCodec } from '../../../protocol/records/compression.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import { Client } from '../../../tools/client.ts';

export interface PartitionContent {
  readonly earliest: number;
  readonly latest: number;
  readonly stable: number;
  /** `offset timestamp key value headers producer`, or `offset marker commit producer`; bytes in base64. */
  readonly records: readonly string[];
}

export interface BrokerContent {
  /** `name id` → its partitions; internal topics by their number of partitions alone. */
  readonly topics: Readonly<Record<string, readonly PartitionContent[] | number>>;
  readonly configs: Readonly<Record<string, readonly string[]>>;
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly transactions: readonly string[];
}

const topicResource = 2;
/** Set on the topic itself. */
const topicSource = 1;

/** Asks whoever leads or coordinates, wherever that is; what the broker at `port` knows of the cluster decides. */
export async function contentOf(port: number, host = '127.0.0.1'): Promise<BrokerContent> {
  const first = await Client.connect(host, port);
  const clients = new Map<number, Client>();
  try {
    const { brokers, topics } = await first.request(metadata, 12, {
      topics: null,
      allowAutoTopicCreation: false,
    });
    for (const each of brokers) clients.set(each.nodeId, await Client.connect(each.host, each.port));
    const inOrder = [...topics].sort((a, b) => (a.name! < b.name! ? -1 : 1));
    const found: Record<string, readonly PartitionContent[] | number> = {};
    const configs: Record<string, string[]> = {};
    for (const { name, topicId, isInternal, partitions } of inOrder) {
      const key = `${name} ${topicId}`;
      configs[name!] = await configsOf(first, name!);
      if (isInternal) found[key] = partitions.length;
      else {
        const contents: PartitionContent[] = [];
        for (const { partitionIndex, leaderId } of byIndex(partitions)) {
          const leader = clients.get(leaderId);
          if (leader === undefined) throw new Error(`${name}-${partitionIndex} has no leader`);
          contents.push(await partitionOf(leader, name!, partitionIndex));
        }
        found[key] = contents;
      }
    }
    const all = [...clients.values()];
    return {
      topics: found,
      configs,
      groups: await groupsOf(all),
      transactions: (await Promise.all(all.map(transactionsOf))).flat().sort(),
    };
  } finally {
    first.close();
    for (const client of clients.values()) client.close();
  }
}

function byIndex<Partition extends { readonly partitionIndex: number }>(
  partitions: readonly Partition[],
): Partition[] {
  return [...partitions].sort((a, b) => a.partitionIndex - b.partitionIndex);
}

async function configsOf(client: Client, resourceName: string): Promise<string[]> {
  const resources = [{ resourceType: topicResource, resourceName, configurationKeys: null }];
  const { results } = await client.request(describeConfigs, 4, {
    resources,
    includeSynonyms: false,
    includeDocumentation: false,
  });
  return results[0]!.configs
    .filter(({ configSource }) => configSource === topicSource)
    .map(({ name, value }) => `${name}=${value}`)
    .sort();
}

/** Each coordinator lists its own. */
async function groupsOf(clients: readonly Client[]): Promise<Record<string, string[]>> {
  const found: [string, string[]][] = [];
  for (const client of clients) {
    const { groups } = await client.request(listGroups, 4, { statesFilter: [] });
    for (const { groupId } of groups) {
      const asked = { groups: [{ groupId, topics: null }], requireStable: false };
      const answer = await client.request(offsetFetch, 8, asked);
      const offsets = answer.groups[0]!.topics.flatMap(({ name, partitions }) =>
        partitions.map((each) => `${name}-${each.partitionIndex} ${each.committedOffset} ${each.metadata}`),
      );
      found.push([groupId, offsets.sort()]);
    }
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function transactionsOf(client: Client): Promise<string[]> {
  const { transactionStates } = await client.request(listTransactions, 0, {
    stateFilters: [],
    producerIdFilters: [],
  });
  return transactionStates.map(
    (each) => `${each.transactionalId} ${each.producerId} ${each.transactionState}`,
  );
}

async function partitionOf(client: Client, topic: string, partition: number): Promise<PartitionContent> {
  const offset = async (timestamp: number, isolationLevel: number): Promise<number> => {
    const topics = [
      { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] },
    ];
    const answer = await client.request(listOffsets, 6, { replicaId: -1, isolationLevel, topics });
    const { errorCode, offset: told } = answer.topics[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(`ListOffsets of ${topic}-${partition}: ${errorCode}`);
    return told;
  };
  const [earliest, latest, stable] = [await offset(-2, 0), await offset(-1, 0), await offset(-1, 1)];
  const records: string[] = [];
  for (let at = earliest; at < latest; ) {
    const bytes = await fetched(client, topic, partition, at);
    const from = at;
    for (let place = 0, size = 0; (size = batchBytesAt(bytes, place, bytes.length)) > 0; place += size) {
      await ensureCodec(codecOf(bytes, place));
      for (const record of readRecords(bytes, place))
        if (record.offset >= from)
          records.push(lineOf(record, isControl(bytes, place), producerId(bytes, place)));
      at = lastOffset(bytes, place) + 1;
    }
    if (at === from) throw new Error(`nothing at ${at} of ${topic}-${partition}, which ends at ${latest}`);
  }
  return { earliest, latest, stable, records };
}

function lineOf(
  { offset, timestamp, key, value, headers }: ReturnType<typeof readRecords>[number],
  isMarker: boolean,
  producer: number,
): string {
  if (isMarker) return `${offset} marker ${key!.readInt16BE(2) === 1 ? 'commit' : 'abort'} ${producer}`;
  const texts = headers.map((header) => `${header.key}=${header.value?.toString('base64')}`);
  return `${offset} ${timestamp} ${key?.toString('base64')} ${value?.toString('base64')} ${texts.join()} ${producer}`;
}

async function fetched(
  client: Client,
  topic: string,
  partition: number,
  fetchOffset: number,
): Promise<Buffer> {
  const partitions = [
    {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes: 1_000_000,
    },
  ];
  const answer = await client.request(fetch, 12, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 10_000_000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic, partitions }],
    forgottenTopicsData: [],
    rackId: '',
  });
  const { errorCode, records } = answer.responses[0]!.partitions[0]!;
  if (errorCode !== 0) throw new Error(`Fetch of ${topic}-${partition} at ${fetchOffset}: ${errorCode}`);
  return records === null
    ? Buffer.alloc(0)
    : Buffer.concat(Array.isArray(records) ? records : [records as never]);
}
