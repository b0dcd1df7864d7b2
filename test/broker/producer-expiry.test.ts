/** `producer.id.expiration.ms` is obeyed as it is now, and looked after every `producer.id.expiration.check.interval.ms`. */
import { expect, test } from 'vitest';
import { incrementalAlterConfigs } from '../../protocol/messages/configs/incremental-alter-configs.ts';
import { describeProducers } from '../../protocol/messages/data/describe-producers.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { type SimulatedClient, World } from '../simulation/world.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const key = 'producer.id.expiration.ms';

/** A broker, its client, and a topic `t`. */
async function start(): Promise<{ world: World; client: SimulatedClient }> {
  const world = new World(1, { [key]: hourMs, 'connections.max.idle.ms': -1 });
  await world.start();
  const client = world.connect();
  const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await client.request(createTopics, 5, { topics: [topic], validateOnly: false });
  return { world, client };
}

async function send({ world, client }: { world: World; client: SimulatedClient }): Promise<void> {
  const timestampMs = world.clock.nowMs();
  const records = buildBatch({
    ...{ producerId: 5000, producerEpoch: 0, baseSequence: 0 },
    records: [{ timestampMs, key: null, value: Buffer.from('v') }],
  });
  const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
  const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 1, topicData });
  expect(answer!.responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
}

async function producers(client: SimulatedClient): Promise<number[]> {
  const answer = await client.request(describeProducers, 0, {
    topics: [{ name: 't', partitionIndexes: [0] }],
  });
  return answer!.topics[0]!.partitions[0]!.activeProducers.map(({ producerId }) => producerId);
}

async function expireAfter(client: SimulatedClient, ms: number): Promise<void> {
  const configs = [{ name: key, configOperation: 0, value: String(ms) }];
  const resources = [{ resourceType: 4, resourceName: '', configs }];
  const answer = await client.request(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  expect(answer!.responses[0]!.errorCode).toBe(0);
}

test('a producer that was silent for too long is forgotten, by the next check', async () => {
  const running = await start();
  await send(running);
  await running.world.pass(hourMs - 1);
  expect(await producers(running.client)).toEqual([5000]);
  await running.world.pass(10 * minuteMs);
  expect(await producers(running.client)).toEqual([]);
  // Who is not known may begin with any sequence, so also with its first.
  await send(running);
  await running.world.end('stop');
});

test('a shorter time counts from the next check on, without a restart', async () => {
  const running = await start();
  const { world, client } = running;
  await send(running);
  await expireAfter(client, 1_000);
  await world.pass(9 * minuteMs);
  expect(await producers(client)).toEqual([5000]);
  await world.pass(minuteMs);
  expect(await producers(client)).toEqual([]);
  await world.end('stop');
});

test('a longer time keeps it, over a restart too', async () => {
  const running = await start();
  const { world } = running;
  await expireAfter(running.client, 10 * hourMs);
  await send(running);
  await world.pass(3 * hourMs);
  expect(await producers(running.client)).toEqual([5000]);
  await world.end('stop');
  await world.start();
  expect(await producers(world.connect())).toEqual([5000]);
  await world.end('stop');
});
