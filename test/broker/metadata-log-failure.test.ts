/** The metadata log cannot be synced: what was refused may be there at the next start, so nothing may be written until then. */
import { expect, test } from 'vitest';
import { errors } from '../../protocol/errors.ts';
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../protocol/messages/topics/delete-topics.ts';
import { describeLogDirs } from '../../protocol/messages/topics/describe-log-dirs.ts';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { type SimulatedClient, World } from '../simulation/world.ts';

const metadataLog = '/data/__cluster_metadata-0/*.log';
const storageError = errors.kafkaStorageError.code;

async function start(): Promise<{ world: World; client: SimulatedClient }> {
  const world = new World(1, {});
  await world.start();
  const client = world.connect();
  const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await client.request(createTopics, 5, { topics: [topic], validateOnly: false });
  return { world, client };
}

async function send(client: SimulatedClient, value: string): Promise<number> {
  const records = buildBatch({ records: [{ timestampMs: 1, key: null, value: Buffer.from(value) }] });
  const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
  const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 1, topicData });
  return answer!.responses[0]!.partitionResponses[0]!.errorCode;
}

async function read(client: SimulatedClient): Promise<string> {
  const answer = await client.request(fetch, 12, {
    ...{ maxWaitMs: 0, minBytes: 0, isolationLevel: 0 },
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }] }],
  });
  return answer!.responses[0]!.partitions[0]!.records!.toString('latin1');
}

async function remove(client: SimulatedClient): Promise<number> {
  const answer = await client.request(deleteTopics, 5, { topicNames: ['t'], timeoutMs: 1_000 });
  return answer!.responses[0]!.errorCode;
}

async function topics(client: SimulatedClient): Promise<(string | null)[]> {
  const answer = await client.request(metadata, 9, { topics: null });
  return answer!.topics.map(({ name }) => name);
}

test('after a deletion that was refused no record is acknowledged that it would take along', async () => {
  const { world, client } = await start();
  expect(await send(client, 'before')).toBe(errors.none.code);
  world.files.fail('sync').on(metadataLog).times(1);
  expect(await remove(client)).toBe(storageError);
  // The topic is still there, can be read, and takes nothing.
  expect(await topics(client)).toEqual(['t']);
  expect(await read(client)).toContain('before');
  expect(await send(client, 'after')).toBe(storageError);
  const { results } = (await client.request(describeLogDirs, 4, { topics: null }))!;
  expect(results[0]!.errorCode).toBe(storageError);
  const said = world.logged.filter((line) => line.includes('writes are refused until the next start'));
  expect(said).toHaveLength(1);
  await world.end('kill');
  await world.start();
  // It was written, and the process that ended here took nothing away: so it was deleted, with nothing but what came before.
  expect(await topics(world.connect())).toEqual([]);
  await world.end('stop');
});

test('a disk without room is no such failure: the refusal holds, writes go on', async () => {
  const { world, client } = await start();
  world.files.fail('write').on(metadataLog).with('ENOSPC').times(1);
  expect(await remove(client)).toBe(storageError);
  expect(await send(client, 'after')).toBe(errors.none.code);
  await world.end('kill');
  await world.start();
  const again = world.connect();
  expect(await topics(again)).toEqual(['t']);
  expect(await read(again)).toContain('after');
  await world.end('stop');
});
