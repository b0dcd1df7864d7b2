/** A broker whose time a test moves, with real clients connected. */
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, expect, test } from 'vitest';
import { type Broker, type BrokerOptions, OptionError, startBroker } from '../../../broker/index.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { offsetCommit } from '../../../protocol/messages/groups/offset-commit.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { Client } from '../../../tools/client.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { oneRecord, peerWorld } from '../faults/peer.ts';

const startMs = Date.UTC(2026, 0, 1);
const brokers: Broker[] = [];

afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

async function start(options: BrokerOptions = {}): Promise<Broker> {
  const broker = await startBroker({ clock: 'virtual', ...options });
  brokers.push(broker);
  return broker;
}

const kafkaOf = (broker: Broker) => new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });

/** Runs `work` with an admin and a producer. */
async function withClients<Result>(
  broker: Broker,
  work: (admin: ReturnType<Kafka['admin']>, producer: ReturnType<Kafka['producer']>) => Promise<Result>,
): Promise<Result> {
  const admin = kafkaOf(broker).admin();
  const producer = kafkaOf(broker).producer();
  await Promise.all([admin.connect(), producer.connect()]);
  try {
    return await work(admin, producer);
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
}

test('a consumer reads while time stands still, and joins again after its session has timed out', async () => {
  const broker = await start();
  await withClients(broker, async (admin, producer) => {
    await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 1 }] });
    const consumer = kafkaOf(broker).consumer({
      groupId: 'shop',
      heartbeatInterval: 50,
      maxWaitTimeInMs: 50,
    });
    await consumer.connect();
    await consumer.subscribe({ topic: 'orders', fromBeginning: true });
    let joins = 0;
    let noteJoin = (): void => {};
    consumer.on(consumer.events.GROUP_JOIN, () => {
      joins++;
      noteJoin();
    });
    const read: string[] = [];
    let noteRead = (): void => {};
    const reads = (count: number) =>
      new Promise<void>((resolve) => {
        noteRead = () => void (read.length >= count && resolve());
        noteRead();
      });
    try {
      await consumer.run({
        eachMessage: async ({ message }) => {
          read.push(String(message.value));
          noteRead();
        },
      });
      await producer.send({ topic: 'orders', messages: [{ value: 'before' }] });
      await reads(1);
      const joined = joins;
      const joinedAgain = new Promise<void>((resolve) => {
        noteJoin = () => void (joins > joined && resolve());
      });
      const beforeMs = broker.clock.nowMs();
      await broker.clock.advance('8d');
      expect(broker.clock.nowMs()).toBe(beforeMs + 8 * 86_400_000);
      expect((await admin.fetchTopicOffsets('orders'))[0]).toMatchObject({ low: '1', high: '1' });
      await joinedAgain;
      await producer.send({ topic: 'orders', messages: [{ value: 'after' }] });
      await reads(2);
      expect(read).toEqual(['before', 'after']);
    } finally {
      await consumer.disconnect();
    }
  });
});

/** As a consumer that is in no group does; kafkajs would join one for it, and take five seconds. */
async function commitAlone({ port }: Broker, groupId: string, committedOffset: number): Promise<void> {
  const client = await Client.connect('127.0.0.1', port);
  for (let errorCode = -1; errorCode !== 0; ) {
    await client.request(findCoordinator, 3, { key: groupId, keyType: 0 });
    const topics = [
      { name: 'orders', partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] },
    ];
    const answer = await client.request(offsetCommit, 5, { groupId, memberId: '', topics });
    errorCode = answer.topics[0]!.partitions[0]!.errorCode;
  }
  client.close();
}

test('a transaction times out, and a group without members loses its offsets, when time moves', async () => {
  const broker = await start({ config: { 'offsets.retention.minutes': 60 } });
  await withClients(broker, async (admin) => {
    await admin.createTopics({ topics: [{ topic: 'orders' }] });
    await commitAlone(broker, 'gone', 7);
    const offset = async () =>
      (await admin.fetchOffsets({ groupId: 'gone', topics: ['orders'] }))[0]!.partitions[0]!.offset;
    const producer = kafkaOf(broker).producer({
      transactionalId: 'till',
      maxInFlightRequests: 1,
      transactionTimeout: 30_000,
      retry: { retries: 0 },
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic: 'orders', messages: [{ value: 'open' }] });
    await broker.clock.advance('20s');
    expect(await offset()).toBe('7');
    await broker.clock.advance('30s');
    // The marker of the abort stands behind the record.
    expect((await admin.fetchTopicOffsets('orders'))[0]).toMatchObject({ high: '2' });
    await expect(transaction.commit()).rejects.toThrow();
    await producer.disconnect();
    await broker.clock.advance('3h');
    expect(await offset()).toBe('-1');
  });
});

test('the cleaner goes its rounds, and tombstones go when their time has come', async () => {
  const broker = await start({ clock: { kind: 'virtual', startMs } });
  await withClients(broker, async (admin, producer) => {
    const config = {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0',
      'segment.ms': '1000',
      'delete.retention.ms': '86400000',
      'message.timestamp.type': 'LogAppendTime',
    };
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [{ topic: 'stock', configEntries }] });
    const send = async (key: string, value: string | null) => {
      await producer.send({ topic: 'stock', messages: [{ key, value }] });
      await broker.clock.advance('2s');
    };
    const offsets = async (key: string) =>
      (await broker.explain('stock', key)).flatMap(({ records }) => records.map(({ offset }) => offset));
    await send('apple', '3');
    await send('apple', null);
    await send('pear', '1');
    await broker.clock.advance('1m');
    expect(await offsets('apple')).toEqual([1]);
    await broker.clock.advance('1d');
    await send('pear', '2');
    await broker.clock.advance('1m');
    expect(await offsets('apple')).toEqual([]);
  });
});

/** Each look at it finds that much time has gone by. */
class FastClock extends VirtualClock {
  turns = 0;

  override monotonicMs(): number {
    this.standStill(5);
    return super.monotonicMs();
  }

  override defer(callback: () => void): void {
    this.turns += 1;
    super.defer(callback);
  }
}

test('whoever waits for records gives the event loop its turns, though time stands still', async () => {
  const outside = new FastClock();
  const clock = new VirtualClock(startMs, outside);
  const environment = { clock, files: new MemoryFileSystem({ clock }), random: new SeededRandom(1) };
  const world = await peerWorld({}, environment);
  await world.topic('orders');
  // Little is read in one go.
  const records = oneRecord('v'.repeat(40_000));
  const topicData = [{ name: 'orders', partitionData: [{ index: 0, records }] }];
  for (let n = 0; n < 3; n++) await world.peer().ask(produce, 9, { acks: 1, timeoutMs: 1_000, topicData });
  const before = outside.turns;
  expect(await world.broker.records('orders', { atLeast: 3 })).toHaveLength(3);
  expect(outside.turns).toBeGreaterThan(before);
  await world.stop();
});

test('a reset puts the clock back to where it began', async () => {
  const broker = await start({ clock: { kind: 'virtual', startMs } });
  expect(broker.clock.nowMs()).toBe(startMs);
  await broker.clock.advance('1h30m');
  expect(broker.clock.nowMs()).toBe(startMs + 5_400_000);
  await broker.reset();
  expect(broker.clock.nowMs()).toBe(startMs);
  expect(broker.clock.kind).toBe('virtual');
});

test('durations that are none, backwards, or of a real clock are refused by name', async () => {
  const broker = await start({ clock: { kind: 'virtual', startMs } });
  for (const by of [
    '',
    '8',
    'd',
    '1m1h',
    '1.5d',
    'soon',
    Number.NaN,
    0.5,
    Infinity,
    null as never,
    {} as never,
  ])
    await expect(broker.clock.advance(by)).rejects.toThrow(/clock\.advance takes whole milliseconds/);
  for (const by of [-1, '-8d'])
    await expect(broker.clock.advance(by)).rejects.toThrow(/time does not go backwards/);
  await expect(broker.clock.advance('3651d')).rejects.toThrow(/at most 3650d/);
  await broker.clock.advance(0);
  expect(broker.clock.nowMs()).toBe(startMs);

  const real = await start({ clock: 'real' });
  await expect(real.clock.advance('8d')).rejects.toThrow(/clock is real; start the broker with/);
  expect(real.clock.kind).toBe('real');
});

test.each([
  [{ clock: 'fast' as never }, /clock is 'real', 'virtual'/],
  [{ clock: { kind: 'virtual', start: 1 } as never }, /clock has no option start/],
  [{ clock: { kind: 'virtual', startMs: -1 } as const }, /clock\.startMs must be a whole number/],
  [{ clock: 'virtual', environment: simulatedEnvironment() } as const, /clock and environment contradict/],
])('options that cannot be meant: %o', async (options, message) => {
  const refused = startBroker(options);
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toBeInstanceOf(OptionError);
});
