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
