/** Records are written, by anybody and by idempotent producers, and read. */
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { produce } from '../../../../protocol/messages/data/produce.ts';
import { initProducerId } from '../../../../protocol/messages/transactions/init-producer-id.ts';
import type { NewBatch } from '../../../../protocol/records/batch-builder.ts';
import { sortedBy } from '../normalise.ts';
import { batchOf, timeOfRecords } from '../records.ts';
import { of, plainFetch, target } from '../scenarios/fetch-requests.ts';
import type { Operation } from './play.ts';
import type { Producer, World } from './world.ts';

/** Values with and without keys; sometimes none, sometimes a large one. */
function someValues(world: World): string[] {
  const { random } = world;
  return Array.from({ length: 1 + random.below(3) }, () => {
    const value = `${world.next()}${random.chance(0.05) ? 'x'.repeat(200) : ''}`;
    return random.pick([value, `k${random.below(3)}=${value}`, `k${random.below(3)}=${value}`, `k1=null`]);
  });
}

function someBatch(world: World, options: Partial<NewBatch> = {}): Buffer {
  const { random } = world;
  const codec = random.pick([0, 0, 0, 1, 2, 3]);
  const timestampMs = timeOfRecords + random.below(100) - 50;
  return batchOf(someValues(world), { codec, timestampMs, ...options });
}

async function send(world: World, records: Buffer, note: string): Promise<void> {
  const { random } = world;
  const topic = world.someTopic();
  const index = world.somePartition();
  await sendTo(world, topic, index, records, random.pick([-1, -1, -1, 1, 0, 2]), note);
}

async function sendTo(
  world: World,
  topic: { readonly name: string; readonly topicId: string },
  index: number,
  records: Buffer,
  acks: number,
  note: string,
): Promise<void> {
  const body = { acks, timeoutMs: 10_000, topicData: [{ ...topic, partitionData: [{ index, records }] }] };
  const version = world.version(3, 13);
  const what = `${world.wordsOf(topic)}-${index}, acks ${acks}, ${note}`;
  if (acks !== 0) {
    await world.main.ask(produce, version, body, what, ({ responses, ...rest }) => ({
      ...rest,
      responses: sortedBy(responses, ({ name }) => name),
    }));
    return;
  }
  // Its connection may end with it.
  const peer = await world.side.connect();
  await peer.tell(produce, version, body, what);
  peer.close();
}

const writing: Operation = {
  weight: 12,
  run: (world) => send(world, someBatch(world), 'plain'),
};

const starting: Operation = {
  weight: 2,
  async run(world) {
    const { producerId, producerEpoch } = await world.main.ask(initProducerId, world.version(0, 5), {
      transactionalId: null,
      transactionTimeoutMs: 0,
    });
    world.producers.push({ id: producerId, epoch: producerEpoch, sent: new Map() });
  },
};

/** What a producer might send next, right or wrong: the next sequence, an earlier batch, a gap, another epoch. */
function nextOf(world: World, producer: Producer, place: string) {
  const { random } = world;
  const batches = producer.sent.get(place) ?? [];
  const last = batches.at(-1);
  const following = last === undefined ? 0 : last.sequence + last.count;
  const count = 1 + random.below(3);
  const choice = random.next();
  const back = random.below(7);
  if (choice < 0.6) return { epoch: producer.epoch, sequence: following, count };
  if (choice < 0.8) return batches.at(-1 - back) ?? { epoch: producer.epoch, sequence: following, count };
  if (choice < 0.88) return { epoch: producer.epoch, sequence: following + 1 + back, count };
  if (choice < 0.95) return { epoch: producer.epoch + 1, sequence: back < 5 ? 0 : back, count };
  return { epoch: Math.max(0, producer.epoch - 1), sequence: following, count };
}

const idempotent: Operation = {
  weight: 12,
  async run(world) {
    const { random } = world;
    const topic = world.someTopic();
    const index = world.somePartition();
    const which = random.below(3);
    const producer = world.producers[which] ?? world.producers[0];
    const unknown: Producer = { id: 900_000_000, epoch: 0, sent: new Map() };
    const sender = producer ?? unknown;
    const place = `${topic.topicId}-${index}`;
    const next = nextOf(world, sender, place);
    const values = Array.from({ length: next.count }, (_, n) => `k=${next.epoch}/${next.sequence + n}`);
    const records = batchOf(values, {
      producerId: sender.id,
      producerEpoch: next.epoch,
      baseSequence: next.sequence,
    });
    sender.epoch = Math.max(sender.epoch, next.epoch);
    const batches = sender.sent.get(place) ?? [];
    if (!batches.includes(next)) sender.sent.set(place, [...batches, next]);
    const note = `producer ${which}, epoch ${next.epoch}, sequence ${next.sequence} of ${next.count}`;
    await sendTo(world, topic, index, records, random.pick([-1, 1]), note);
  },
};

const reading: Operation = {
  weight: 10,
  async run(world) {
    const { random } = world;
    const topics = [world.someTopic(), world.someTopic()].map((topic) =>
      of(
        topic,
        target(world.somePartition(), random.below(20) - 1, {
          partitionMaxBytes: random.pick([0, 1, 100, 300, 100_000]),
        }),
      ),
    );
    const maxBytes = random.pick([1, 200, 1_000_000]);
    const isolationLevel = random.below(2);
    const version = world.version(4, 18);
    await world.main.ask(
      fetch,
      version,
      { ...plainFetch, maxBytes, isolationLevel, topics },
      `${world.wordsOfFetch(topics)}, ${maxBytes} bytes in all, isolation ${isolationLevel}`,
    );
  },
};

export const recordOperations: readonly Operation[] = [writing, starting, idempotent, reading];
