/** Work on a directory that no broker has: what it does, and above all what it leaves alone. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfiguration } from '../../broker/config/settings.ts';
import { type Broker, startBroker } from '../../broker/index.ts';
import { silentLogger } from '../../broker/observe/logger.ts';
import { type OfflineDirectory, openOffline } from '../../broker/offline.ts';
import { StartError } from '../../broker/start-error.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../protocol/messages/groups/find-coordinator.ts';
import { offsetCommit } from '../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../protocol/messages/groups/offset-fetch.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { MemoryTransport } from '../simulation/memory-transport.ts';
import { type SimulatedEnvironment, simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { SimulatedClient } from '../simulation/world.ts';
import { batchOf } from './world.ts';

const directory = '/data';
const dayMs = 86_400_000;
let environment: SimulatedEnvironment;
let broker: Broker | null;
let offline: OfflineDirectory | null;

beforeEach(() => {
  environment = simulatedEnvironment();
  broker = null;
  offline = null;
});
afterEach(async () => {
  if (broker !== null) await environment.clock.until(broker.stop());
  if (offline !== null) await environment.clock.until(offline.stop());
});

/** A broker whose data stays for ever, as only its own start says. */
async function start(): Promise<SimulatedClient> {
  const { clock } = environment;
  const transport = new MemoryTransport((callback) => clock.defer(callback));
  const config = {
    'log.retention.ms': -1,
    'offsets.retention.minutes': 10_000_000,
    'offsets.topic.num.partitions': 1,
  };
  broker = await clock.until(startBroker({ dataDir: directory, environment, transport, config }));
  return new SimulatedClient(transport.connect({ host: '127.0.0.1', port: broker.port }), clock);
}

async function stop(): Promise<void> {
  await environment.clock.until(broker!.stop());
  broker = null;
}

async function open(): Promise<OfflineDirectory> {
  const result = readConfiguration({ dataDirectory: directory });
  if (!result.ok) throw new Error(result.messages.join());
  const { configuration } = result;
  const parts = { environment, configuration, logger: silentLogger, directory, processId: 1 };
  offline = await environment.clock.until(openOffline(parts));
  return offline;
}

async function write(
  client: SimulatedClient,
  topic: string,
  policy: string,
  values: string[],
): Promise<void> {
  const configs = [
    { name: 'cleanup.policy', value: policy },
    { name: 'segment.bytes', value: '1048576' },
  ];
  await client.request(createTopics, 5, {
    topics: [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs }],
    validateOnly: false,
  });
  for (const value of values) {
    // Old enough for any retention by time that is the default.
    const records = batchOf([value], { timestampMs: environment.clock.nowMs() - 30 * dayMs });
    const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
    const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 1000, topicData });
    expect(answer!.responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
  }
}

const files = (name: string) => {
  const path = `${directory}/${name}`;
  const logs = environment.files.listSync(path).filter((each) => each.endsWith('.log'));
  return logs.map((each) => [each, environment.files.statSync(`${path}/${each}`)!.size]);
};

test('nothing happens but what is asked for: no retention, no pass by itself, no offset expires', async () => {
  const client = await start();
  await write(client, 'plain', 'delete', ['a=1', 'a=2']);
  await write(client, 'articles', 'compact', ['a=1', 'a=2']);
  await write(client, 'untouched', 'compact', ['a=1', 'a=2']);
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }];
  const topics = [{ name: 'plain', partitions }];
  await client.request(findCoordinator, 3, { key: 'readers' });
  const committed = await client.request(offsetCommit, 8, { groupId: 'readers', memberId: '', topics });
  expect(committed!.topics[0]!.partitions[0]!.errorCode).toBe(0);
  await stop();

  const before = { plain: files('plain-0'), untouched: files('untouched-0') };
  const { compactions } = await open();
  // Far beyond every delay, interval and default retention.
  await environment.clock.advance(10 * dayMs);
  const [receipt] = await environment.clock.until(compactions.compact('articles', { includeActive: true }));
  expect(receipt).toMatchObject({ outcome: 'compacted', records: { before: 2, after: 1 } });
  await environment.clock.until(offline!.stop());
  offline = null;
  expect({ plain: files('plain-0'), untouched: files('untouched-0') }).toEqual(before);

  const again = await start();
  const request = { groups: [{ groupId: 'readers', topics: [{ name: 'plain', partitionIndexes: [0] }] }] };
  const answer = await again.request(offsetFetch, 8, request);
  expect(answer!.groups[0]!.topics[0]!.partitions[0]).toMatchObject({ committedOffset: 1, errorCode: 0 });
  const [explained] = await environment.clock.until(broker!.explain('articles', 'a'));
  expect(explained!.records.map(({ offset }) => offset)).toEqual([1]);
});

test('a directory that somebody has, that is none, or in which there is nothing', async () => {
  const refused = () => open().catch((error: unknown) => error);
  expect(String(await refused())).toContain(
    `no broker is running on ${directory}, and there is no data in it`,
  );
  expect(environment.files.statSync(directory)).toBeNull();

  environment.files.makeDirectorySync(directory);
  environment.files.openSync(`${directory}/thesis.txt`, 'create').close();
  expect(await refused()).toBeInstanceOf(StartError);
  expect(environment.files.listSync(directory)).toEqual(['thesis.txt']);
  environment.files.removeFileSync(`${directory}/thesis.txt`);

  environment.files.openSync(`${directory}/.DS_Store`, 'create').close();
  expect(String(await refused())).toContain('has no meta.properties: there is no data in it');
  expect(environment.files.listSync(directory)).not.toContain('meta.properties');

  await start();
  expect(String(await refused())).toMatch(/is in use by .*, and has no control socket to ask it by/);
});
