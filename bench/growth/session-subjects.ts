/** Consumers that follow the end of a log: fetch sessions, what is in them, and how many there are. */
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { Client } from '../../tools/client.ts';
import { writeSegments } from './data-subjects.ts';
import {
  again,
  batchOf,
  createPartitions,
  recordBytes,
  smallBatchBytes,
  type Topic,
  warmUp,
} from './loads.ts';
import { costOf, type Subject, sizesUpTo, withFreshBroker } from './measuring.ts';

const fetches = 1_000;
const warmFetches = 200;

/** A fetch session over all partitions of a topic, in which a record comes to one partition after the other. */
class Follower {
  readonly #consumer: Client;
  readonly #producer: Client;
  readonly #topic: Topic;
  readonly #sessionId: number;
  readonly #next: number[];
  #epoch = 1;
  #turn = 0;

  private constructor(consumer: Client, producer: Client, topic: Topic, from: number, sessionId: number) {
    this.#consumer = consumer;
    this.#producer = producer;
    this.#topic = topic;
    this.#sessionId = sessionId;
    this.#next = Array.from({ length: topic.partitions }, () => from);
  }

  static async begin(consumer: Client, producer: Client, topic: Topic, from: number): Promise<Follower> {
    return new Follower(consumer, producer, topic, from, await openSession(consumer, topic, from));
  }

  /** Waits for a record, which is written meanwhile. */
  async next(): Promise<void> {
    const { name, partitions } = this.#topic;
    const last = (this.#turn + partitions - 1) % partitions;
    const moved = this.#epoch === 1 ? [] : [{ topic: name, partitions: [placeOf(last, this.#next[last]!)] }];
    const request = { ...inSession(this.#sessionId, this.#epoch++), topics: moved };
    const fetched = this.#consumer.requestFrame(fetch, 11, request);
    await this.#producer.request(produce, 9, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name, partitionData: [{ index: this.#turn, records: batchOf(100) }] }],
    });
    await fetched;
    this.#next[this.#turn]!++;
    this.#turn = (this.#turn + 1) % partitions;
  }
}

const placeOf = (partition: number, fetchOffset: number) => ({
  partition,
  fetchOffset,
  partitionMaxBytes: 1_000_000,
});

const inSession = (sessionId: number, sessionEpoch: number, maxWaitMs = 10_000) => ({
  maxWaitMs,
  minBytes: 1,
  isolationLevel: 0,
  forgottenTopicsData: [],
  sessionId,
  sessionEpoch,
});

/** The session's id. */
async function openSession(consumer: Client, { name, partitions }: Topic, from: number): Promise<number> {
  const places = Array.from({ length: partitions }, (_, partition) => placeOf(partition, from));
  const first = await consumer.request(fetch, 11, {
    ...inSession(0, 0, 0),
    topics: [{ topic: name, partitions: places }],
  });
  if (first.sessionId === 0) throw new Error('there is no room for a session');
  return first.sessionId;
}

const partitionsRow = '1,000 fetches that wait for one record in any of them';

const partitionsInSession: Subject = {
  name: 'fetch',
  of: 'partitions in a session',
  sizes: sizesUpTo(1000),
  curves: [{ row: partitionsRow, work: 'size' }],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, async (stage) => {
      await warmUp(stage);
      const producer = await Client.connect('127.0.0.1', stage.port);
      return stage.withClient(async (consumer) => {
        const [topic] = await createPartitions(producer, size);
        const follower = await Follower.begin(consumer, producer, topic!, 1);
        await again(warmFetches, () => follower.next());
        const cost = await costOf(stage.broker.pid, () => again(fetches, () => follower.next()));
        producer.close();
        return { [partitionsRow]: cost };
      });
    }),
};

const tailRow = '1,000 fetches at the end of the log, each waits for a record';

const tailOfLog: Subject = {
  name: 'fetch',
  of: 'segments',
  sizes: sizesUpTo(1000),
  curves: [{ row: tailRow, work: 'none' }],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, async (stage) => {
      await warmUp(stage);
      const name = await writeSegments(stage, size);
      const producer = await Client.connect('127.0.0.1', stage.port);
      return stage.withClient(async (consumer) => {
        const end = size * 5 * (smallBatchBytes / recordBytes);
        const follower = await Follower.begin(consumer, producer, { name, partitions: 1 }, end);
        await again(warmFetches, () => follower.next());
        const cost = await costOf(stage.broker.pid, () => again(fetches, () => follower.next()));
        producer.close();
        return { [tailRow]: cost };
      });
    }),
};

const sessionsRow = '5,000 fetches of one partition, in sessions in turn';

const manySessions: Subject = {
  name: 'fetch',
  of: 'sessions',
  sizes: sizesUpTo(1000),
  curves: [{ row: sessionsRow, work: 'none' }],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, async (stage) => {
      await warmUp(stage);
      return stage.withClient(async (consumer) => {
        const [topic] = await createPartitions(consumer, 1);
        const ids: number[] = [];
        await again(size, async () => ids.push(await openSession(consumer, topic!, 0)));
        let asked = 0;
        const ask = (): Promise<unknown> => {
          const [id, epoch] = [ids[asked % size]!, 1 + Math.floor(asked++ / size)];
          const topics = [{ topic: topic!.name, partitions: [placeOf(0, 1)] }];
          return consumer.requestFrame(fetch, 11, { ...inSession(id, epoch, 0), topics });
        };
        await again(1000, ask);
        return { [sessionsRow]: await costOf(stage.broker.pid, () => again(5000, ask)) };
      });
    }),
};

export const sessionSubjects: readonly Subject[] = [partitionsInSession, tailOfLog, manySessions];
