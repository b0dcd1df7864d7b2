import assert from 'node:assert/strict';
import { beforeEach, expect, it } from 'vitest';
import { LookupRefused } from '../../../broker/lookup/lookup.ts';
import { type TopicTable, TopicTables } from '../../../broker/lookup/topic-tables.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { expectAppended, World } from '../world.ts';

let world: World;
let tables: TopicTables;

beforeEach(async () => {
  world = await World.open();
  const { clock, files, random, cluster, partitions } = world;
  tables = new TopicTables({
    environment: { clock, files, random },
    cluster: cluster.state,
    partitions,
    settings: world.settings,
    logger: silentLogger,
  });
  tables.start();
});

function produce(topic: string, index: number, ...records: [key: string, value: string | null][]): void {
  const batch = buildBatch({
    baseOffset: 0,
    records: records.map(([key, value]) => ({
      timestampMs: world.clock.nowMs(),
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    })),
  });
  expectAppended(world.partitions.get(topic, index)!.append(batch, { origin: 'client' }));
}

async function loaded(topic: string): Promise<TopicTable> {
  const table = tables.open(topic);
  await world.clock.settle();
  assert.equal(table.isLoading, false);
  return table;
}

async function valueIn(table: TopicTable, index: number, key: string) {
  const record = await table.partition(index)!.newest(table.hash(Buffer.from(key)));
  return record === null ? undefined : record.value === null ? null : record.value.toString();
}

it('is read at first use, and follows', async () => {
  await world.topic('articles', 2, { 'cleanup.policy': 'compact' });
  produce('articles', 0, ['a', '1'], ['b', '2'], ['a', '3']);
  produce('articles', 1, ['c', '4'], ['c', null]);
  const table = await loaded('articles');
  assert.equal(await valueIn(table, 0, 'a'), '3');
  assert.equal(await valueIn(table, 0, 'b'), '2');
  assert.equal(await valueIn(table, 0, 'c'), undefined);
  assert.equal(await valueIn(table, 1, 'c'), null);
  produce('articles', 0, ['b', null], ['d', '5']);
  await world.clock.settle();
  assert.equal(await valueIn(table, 0, 'b'), null);
  assert.equal(await valueIn(table, 0, 'd'), '5');
});

it('refuses what is no table', async () => {
  await world.topic('plain');
  await world.topic('off', 1, { 'cleanup.policy': 'compact', 'kompakt.lookup.enable': 'false' });
  const reason = (topic: string) => {
    try {
      tables.open(topic);
    } catch (error) {
      if (error instanceof LookupRefused) return error.refusal.reason;
    }
    return 'none';
  };
  expect(['nowhere', 'plain', 'off'].map(reason)).toEqual(['unknown-topic', 'not-a-table', 'not-a-table']);
});

async function refusalOf(topic: string, key = 'a'): Promise<string> {
  try {
    const table = tables.open(topic);
    await world.clock.settle();
    await table.partition(0)!.newest(table.hash(Buffer.from(key)));
    return 'none';
  } catch (error) {
    if (!(error instanceof LookupRefused)) throw error;
    return error.refusal.reason;
  }
}

it('is gone with its topic, and one of the same name begins empty', async () => {
  await world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  produce('articles', 0, ['a', '1']);
  const before = await loaded('articles');
  await world.clock.until(world.deleteTopic('articles'));
  assert.equal(await refusalOf('articles'), 'unknown-topic');
  assert.equal(before.partition(0)!.isDropped, true);
  assert.deepEqual(tables.status(), []);
  await world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  const after = await loaded('articles');
  assert.notEqual(after.topicId, before.topicId);
  assert.equal(await valueIn(after, 0, 'a'), undefined);
});

it('gets tables for partitions that are added', async () => {
  await world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  const table = await loaded('articles');
  await world.clock.until(
    world.cluster.controller.createPartitions([{ name: 'articles', count: 3, assignments: null }], {
      validateOnly: false,
    }),
  );
  await world.clock.settle();
  assert.equal(table.partitions.length, 3);
  produce('articles', 2, ['a', '1']);
  await world.clock.settle();
  assert.equal(await valueIn(table, 2, 'a'), '1');
});

it('is refused where it would take more memory than all may, and comes back when there is room', async () => {
  world.settings['kompakt.lookup.memory.max.bytes'] = 10_000;
  await world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  const many = Array.from({ length: 2_000 }, (_, n): [string, string] => [`key ${n}`, 'x']);
  produce('articles', 0, ['a', '1'], ...many);
  assert.equal(await refusalOf('articles'), 'memory');
  assert.equal(await refusalOf('articles'), 'memory');
  const [status] = tables.status();
  expect(status!.memoryBytes).toBeLessThan(10_000);
  world.settings['kompakt.lookup.memory.max.bytes'] = 1_000_000;
  assert.equal(await refusalOf('articles'), 'none');
  assert.equal(await valueIn(await loaded('articles'), 0, 'key 1999'), 'x');
});

it('is read at start where the topic wants that, and costs nothing elsewhere', async () => {
  await world.topic('wanted', 1, { 'cleanup.policy': 'compact', 'kompakt.lookup.enable': 'true' });
  await world.topic('other', 1, { 'cleanup.policy': 'compact' });
  await world.clock.settle();
  assert.deepEqual(
    tables.status().map(({ topic }) => topic),
    ['wanted'],
  );
});

it('a key that is written can be asked for when its offset is reached', async () => {
  await world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  const table = await loaded('articles');
  const reached = table.partition(0)!.reached(1);
  produce('articles', 0, ['a', '1']);
  await world.clock.until(reached);
  assert.equal(await valueIn(table, 0, 'a'), '1');
  const abort = new AbortController();
  const waiting = table.partition(0)!.reached(5, abort.signal);
  abort.abort(new Error('too late'));
  await assert.rejects(waiting, /too late/);
});
