/**
 * Two hundred small tests with kafkajs, as a project might have them: ten kinds, twenty of each, each with topics, groups and clients of its
 * own. Nothing in a test knows which broker it has: `SUITE_BROKERS` names one that runs, else there is a Kompakt in this process, which
 * `SUITE_RESET` empties before each test. `SUITE_RUN` tells the names of one run on a broker from those of another.
 */
import {
  type Admin,
  CompressionTypes,
  ConfigResourceTypes,
  type Consumer,
  type IHeaders,
  Kafka,
  type KafkaJSProtocolError,
  logLevel,
  Partitioners,
  type Producer,
} from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const { SUITE_BROKERS, SUITE_RESET, SUITE_RUN = '' } = process.env;
const instances = Array.from({ length: 20 }, (_, n) => `${SUITE_RUN}${n}`);
let kafka: Kafka;
let reset = async (): Promise<void> => {};
let stop = async (): Promise<void> => {};

beforeAll(async () => {
  let brokers = SUITE_BROKERS?.split(',');
  if (brokers === undefined) {
    const { startBroker } = (await import('kompakt' as string)) as typeof import('../../broker/index.ts');
    const broker = await startBroker();
    brokers = broker.brokers;
    stop = () => broker.stop();
    if (SUITE_RESET !== undefined) reset = () => broker.reset();
  }
  kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
});
beforeEach(() => reset());
afterAll(() => stop());

/** Without kafkajs's own waiting: its heartbeats, and the fetch that a consumer ends before it goes. */
const patience = { maxWaitTimeInMs: 50, heartbeatInterval: 100 };

async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  const result = await use(admin);
  await admin.disconnect();
  return result;
}

/**
 * Apache Kafka may answer before the broker has heard of the topic from its controller, and what kafkajs then does to wait for leaders
 * ends in an error now and then, once in some hundred topics on a machine with other work. So this looks again.
 */
async function create(
  admin: Admin,
  topic: string,
  numPartitions = 1,
  configEntries: { name: string; value: string }[] = [],
): Promise<void> {
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] });
  } catch (error) {
    if ((error as KafkaJSProtocolError).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    await admin.fetchTopicMetadata({ topics: [topic] });
  }
}

const makeTopic = (topic: string, ...rest: [number?, { name: string; value: string }[]?]) =>
  withAdmin((admin) => create(admin, topic, ...rest));

async function withProducer(
  use: (producer: Producer) => Promise<unknown>,
  options: Parameters<Kafka['producer']>[0] = {},
): Promise<void> {
  // Idempotent, for a new partition of Apache Kafka may refuse a first attempt in part, and a second one is not to write twice.
  const exactlyOnce = { idempotent: true, maxInFlightRequests: 1 };
  const createPartitioner = Partitioners.DefaultPartitioner;
  const producer = kafka.producer({ createPartitioner, ...exactlyOnce, ...options });
  await producer.connect();
  await use(producer);
  await producer.disconnect();
}

interface Read {
  readonly key: string;
  readonly value: string | null;
  readonly partition: number;
  readonly headers: IHeaders;
}

/** A member of a group that is at work: it has joined and fetched; `atLeast` resolves with so many records. */
async function member(groupId: string, topic: string, options: { fromBeginning?: boolean } = {}) {
  const consumer = kafka.consumer({ groupId, ...patience });
  const read: Read[] = [];
  const waiting: { count: number; done: (read: Read[]) => void }[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: options.fromBeginning ?? true });
  const fetched = new Promise<void>((done) => consumer.on(consumer.events.FETCH, () => done()));
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const value = message.value === null ? null : String(message.value);
      read.push({ key: String(message.key), value, partition, headers: message.headers ?? {} });
      for (const { count, done } of waiting) if (read.length >= count) done(read);
    },
  });
  await fetched;
  const atLeast = (count: number): Promise<Read[]> =>
    new Promise((done) => {
      if (read.length >= count) done(read);
      else waiting.push({ count, done });
    });
  return { consumer, read, atLeast };
}

const leave = (...consumers: Consumer[]) => Promise.all(consumers.map((consumer) => consumer.disconnect()));
const keyed = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: `v${i}` }));
const valuesOf = (read: readonly Read[]) => read.map(({ value }) => value).sort();

describe.each(instances)('%s', (n) => {
  test('a topic is made, described and deleted', () =>
    withAdmin(async (admin) => {
      const topic = `made-${n}`;
      await create(admin, topic, 3);
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      expect(topics[0]!.partitions).toHaveLength(3);
      await admin.deleteTopics({ topics: [topic] });
      await expect.poll(() => admin.listTopics(), { interval: 5, timeout: 60_000 }).not.toContain(topic);
    }));

  test('records have offsets, by partition', async () => {
    const topic = `offsets-${n}`;
    await makeTopic(topic, 2);
    await withProducer((producer) =>
      producer.send({ topic, messages: [0, 1, 1].map((partition) => ({ partition, value: 'x' })) }),
    );
    const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
    expect(offsets.map(({ partition, high }) => [partition, high]).sort()).toEqual([
      [0, '1'],
      [1, '2'],
    ]);
  });

  test('a group reads what was written before', async () => {
    const topic = `before-${n}`;
    await makeTopic(topic, 3);
    await withProducer((producer) => producer.send({ topic, messages: keyed(10) }));
    const { consumer, atLeast } = await member(`before-${n}`, topic);
    expect(valuesOf(await atLeast(10))).toEqual(valuesOf(keyed(10) as never));
    await leave(consumer);
  });

  test('a group reads what is written after it began, and only that', async () => {
    const topic = `after-${n}`;
    await makeTopic(topic);
    await withProducer(async (producer) => {
      await producer.send({ topic, messages: [{ value: 'before' }] });
      const { consumer, atLeast } = await member(`after-${n}`, topic, { fromBeginning: false });
      await producer.send({ topic, messages: [{ value: 'after' }] });
      expect(valuesOf(await atLeast(1))).toEqual(['after']);
      await leave(consumer);
    });
  });

  test('a second run goes on where the first one ended', async () => {
    const topic = `again-${n}`;
    await makeTopic(topic);
    await withProducer(async (producer) => {
      await producer.send({ topic, messages: [{ value: 'first' }] });
      const first = await member(`again-${n}`, topic);
      await first.atLeast(1);
      await leave(first.consumer);
      await producer.send({ topic, messages: [{ value: 'second' }] });
      const second = await member(`again-${n}`, topic);
      expect(valuesOf(await second.atLeast(1))).toEqual(['second']);
      await leave(second.consumer);
    });
  });

  test('headers and compressed batches arrive as they were', async () => {
    const topic = `headers-${n}`;
    await makeTopic(topic);
    const value = 'so much of the same, '.repeat(50);
    const messages = [{ value, headers: { trace: `${n}` } }];
    await withProducer((producer) => producer.send({ topic, messages, compression: CompressionTypes.GZIP }));
    const { consumer, atLeast } = await member(`headers-${n}`, topic);
    const [record] = await atLeast(1);
    expect([record!.value, String(record!.headers.trace)]).toEqual([value, `${n}`]);
    await leave(consumer);
  });

  test('of two transactions one is read, the committed one', async () => {
    const topic = `transactions-${n}`;
    await makeTopic(topic);
    await withProducer(
      async (producer) => {
        for (const end of ['abort', 'commit'] as const) {
          const transaction = await producer.transaction();
          await transaction.send({ topic, messages: [{ value: end }] });
          await transaction[end]();
        }
      },
      { transactionalId: `writer-${n}` },
    );
    const { consumer, atLeast } = await member(`transactions-${n}`, topic);
    expect(valuesOf(await atLeast(1))).toEqual(['commit']);
    await leave(consumer);
  });

  test('an offset is committed with a transaction', async () => {
    const [topic, groupId] = [`exactly-${n}`, `exactly-${n}`];
    await makeTopic(topic);
    await withProducer(
      async (producer) => {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: keyed(3) });
        const topics = [{ topic, partitions: [{ partition: 0, offset: '2' }] }];
        await transaction.sendOffsets({ consumerGroupId: groupId, topics });
        await transaction.commit();
      },
      { transactionalId: `mover-${n}` },
    );
    // Apache Kafka ends a transaction before its offsets can be seen, and kafkajs does not ask to wait for that.
    const committed = () => withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
    const wanted = [{ topic, partitions: [expect.objectContaining({ partition: 0, offset: '2' })] }];
    await expect.poll(committed, { interval: 5, timeout: 60_000 }).toEqual(wanted);
    const { consumer, atLeast } = await member(groupId, topic);
    expect(valuesOf(await atLeast(1))).toEqual(['v2']);
    await leave(consumer);
  });

  test('a compacted topic gives the newest of each key, tombstones too', async () => {
    const topic = `compacted-${n}`;
    await makeTopic(topic, 1, [{ name: 'cleanup.policy', value: 'compact' }]);
    const described = await withAdmin((admin) =>
      admin.describeConfigs({
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['cleanup.policy'] }],
        includeSynonyms: false,
      }),
    );
    expect(described.resources[0]!.configEntries[0]!.configValue).toBe('compact');
    const messages = [...keyed(3), { key: 'k0', value: 'newer' }, { key: 'k1', value: null }];
    await withProducer((producer) => producer.send({ topic, messages }));
    const { consumer, atLeast } = await member(`compacted-${n}`, topic);
    const newest = new Map((await atLeast(5)).map(({ key, value }) => [key, value]));
    expect([...newest]).toEqual([
      ['k0', 'newer'],
      ['k1', null],
      ['k2', 'v2'],
    ]);
    await leave(consumer);
  });

  test('two members share the partitions', async () => {
    const topic = `shared-${n}`;
    await makeTopic(topic, 4);
    const first = await member(`shared-${n}`, topic);
    const joined = new Promise<void>((done) =>
      first.consumer.on(first.consumer.events.GROUP_JOIN, ({ payload }) => {
        if (payload.memberAssignment[topic]?.length === 2) done();
      }),
    );
    const second = await member(`shared-${n}`, topic);
    await joined;
    const messages = [0, 1, 2, 3].map((partition) => ({ partition, value: `${partition}` }));
    await withProducer((producer) => producer.send({ topic, messages }));
    const [ofFirst, ofSecond] = await Promise.all([first.atLeast(2), second.atLeast(2)]);
    expect(valuesOf([...ofFirst, ...ofSecond])).toEqual(['0', '1', '2', '3']);
    await leave(first.consumer, second.consumer);
  });
});
