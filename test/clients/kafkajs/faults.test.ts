/** kafkajs recovers from what faults do to it, as from Kafka; and `requests` shows how. */
import { type Consumer, type ITopicConfig, Kafka, logLevel, type Producer } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Broker, type FaultOptions, startBroker } from '../../../broker/index.ts';
import { eventually } from '../eventually.ts';

let broker: Broker;
let kafka: Kafka;
let producer: Producer;
let consumers: Consumer[];

beforeEach(async () => {
  broker = await startBroker();
  kafka = new Kafka({
    clientId: 'app',
    brokers: broker.brokers,
    logLevel: logLevel.NOTHING,
    // How soon it tries again; how often is its own default.
    retry: { initialRetryTime: 10, maxRetryTime: 50, retries: 10 },
    requestTimeout: 2000,
  });
  consumers = [];
  await make({ topic: 'orders' });
  producer = kafka.producer();
  await producer.connect();
});

afterEach(async () => {
  await Promise.all([producer, ...consumers].map((client) => client.disconnect()));
  await broker.stop();
});

async function make(topic: ITopicConfig): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [topic] });
  await admin.disconnect();
}

const send = (value: string) => producer.send({ topic: 'orders', messages: [{ value }] });
const count = (api: 'Produce' | 'Metadata' | 'JoinGroup') => broker.requests({ api, clientId: 'app' }).length;

/** What is in the topic, read by a group of its own. */
async function read(groupId: string): Promise<string[]> {
  const consumer = kafka.consumer({
    groupId,
    maxWaitTimeInMs: 50,
    rebalanceTimeout: 1000,
    heartbeatInterval: 50,
  });
  consumers.push(consumer);
  const seen: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(message.value!.toString()) });
  return seen;
}

describe('a producer sends again', () => {
  test.each<[string, Omit<FaultOptions, 'api'>]>([
    ['to a partition that had moved, after it has asked where', { error: 'NOT_LEADER_OR_FOLLOWER' }],
    ['what took too long', { error: 'REQUEST_TIMED_OUT' }],
    ['what had too few replicas', { error: 'NOT_ENOUGH_REPLICAS', topic: 'orders', partition: 0 }],
    ['on a new connection, where one was dropped', { dropConnection: true }],
    ['where an answer was cut', { truncateAnswer: 7 }],
  ])('%s', async (_what, effect) => {
    const fault = broker.fault({ api: 'Produce', times: 2, ...effect });
    await send('a');
    expect(fault.hits).toBe(2);
    expect(count('Produce')).toBe(3);
    const seen = await read('readers');
    await eventually(() => expect(seen).toContain('a'));
  });

  test('what was written although it was told otherwise, and there are two of it', async () => {
    broker.fault({ api: 'Produce', times: 1, when: 'after', error: 'REQUEST_TIMED_OUT' });
    await send('a');
    const seen = await read('readers');
    await eventually(() => expect(seen).toEqual(['a', 'a']));
  });

  test('what was written, and an idempotent one leaves one of it', async () => {
    await producer.disconnect();
    producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    broker.fault({ api: 'Produce', times: 1, when: 'after', dropConnection: true });
    await send('a');
    await send('b');
    const seen = await read('readers');
    await eventually(() => expect(seen).toEqual(['a', 'b']));
    const sequences = broker.requests({ api: 'Produce' }).map(({ body }) => {
      const [topic] = body.topicData as { partitionData: { records: { baseSequence: number } }[] }[];
      return topic!.partitionData[0]!.records.baseSequence;
    });
    expect(sequences).toEqual([0, 0, 1]);
  });

  test('not what can never be taken', async () => {
    broker.fault({ api: 'Produce', error: 'MESSAGE_TOO_LARGE' });
    await expect(send('a')).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' });
    expect(count('Produce')).toBe(1);
  });
});

test('a producer that is throttled is answered at once, and waits', async () => {
  broker.fault({ api: 'Produce', times: 1, throttleMs: 150 });
  await send('a');
  const [first] = broker.requests({ api: 'Produce' });
  await send('b');
  const second = broker.requests({ api: 'Produce' })[1];
  expect(second!.timeMs - first!.timeMs).toBeGreaterThanOrEqual(149);
});

test('a client whose request is delayed beyond its time-out gives up as it says it will', async () => {
  const impatient = new Kafka({
    clientId: 'impatient',
    brokers: broker.brokers,
    logLevel: logLevel.NOTHING,
    requestTimeout: 100,
    retry: { initialRetryTime: 10, retries: 10 },
  });
  const admin = impatient.admin();
  await admin.connect();
  broker.fault({ api: 'ListOffsets', clientId: 'impatient', times: 1, delayMs: 60_000 });
  await expect(admin.fetchTopicOffsets('orders')).rejects.toMatchObject({
    name: 'KafkaJSRequestTimeoutError',
  });
  expect(broker.requests({ api: 'ListOffsets' })).toMatchObject([{ isFaulted: true, error: null }]);
  await admin.disconnect();
});

describe('a consumer reads on', () => {
  test.each<[string, FaultOptions]>([
    ['while its coordinator loads', { api: 'JoinGroup', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 2 }],
    [
      'when its coordinator has moved',
      { api: ['JoinGroup', 'SyncGroup'], error: 'NOT_COORDINATOR', times: 2 },
    ],
    ['when nobody coordinates yet', { api: 'FindCoordinator', error: 'COORDINATOR_NOT_AVAILABLE', times: 2 }],
    ['when its heartbeat says rebalance', { api: 'Heartbeat', error: 'REBALANCE_IN_PROGRESS', times: 1 }],
    ['when its group has forgotten it', { api: 'Heartbeat', error: 'UNKNOWN_MEMBER_ID', times: 1 }],
    [
      'when a partition has moved',
      { api: 'Fetch', topic: 'orders', partition: 0, error: 'NOT_LEADER_OR_FOLLOWER', times: 2 },
    ],
    ['when the fetch is dropped', { api: 'Fetch', dropConnection: true, times: 2 }],
    ['when the records are cut', { api: 'Fetch', truncateAnswer: true, times: 1 }],
    [
      'when its offsets are not stable',
      { api: 'OffsetFetch', topic: 'orders', error: 'UNSTABLE_OFFSET_COMMIT', times: 1 },
    ],
    [
      'when its offsets cannot be committed',
      { api: 'OffsetCommit', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 1 },
    ],
    [
      'when metadata know no leader',
      { api: 'Metadata', topic: 'orders', error: 'LEADER_NOT_AVAILABLE', times: 2 },
    ],
  ])('%s', async (_what, options) => {
    await send('before');
    const fault = broker.fault(options);
    const seen = await read('readers');
    await eventually(() => expect(seen).toContain('before'));
    await eventually(() => expect(fault.isOver).toBe(true));
    await send('after');
    await eventually(() => expect(seen).toContain('after'));
  });
});

test('faults of one broker are none of another', async () => {
  const other = await startBroker();
  other.fault({ api: 'Produce', error: 'NOT_LEADER_OR_FOLLOWER' });
  await send('a');
  expect(other.requests()).toEqual([]);
  await other.stop();
});
