/** Many at once: nobody else has to wait for all of them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TransactionState } from '../../../broker/transactions/transaction.ts';
import { World } from '../world.ts';
import { TransactionClient } from './transaction-client.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world.stop());

const many = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** How many ids are in a state. */
async function countIn(state: TransactionState): Promise<number> {
  const found = await world.transactions.list();
  return typeof found === 'number' ? -1 : found.filter((transaction) => transaction.state === state).length;
}

test('markers of a transaction in many partitions are written over several turns', async () => {
  await world.topic('t', 250);
  const client = await TransactionClient.ready(world, 0);
  expect(await client.add(many(250, 't-').join(' '))).toBe('NONE');
  const markers = (): number => [...world.partitions.all()].filter(isWritten).length;
  const isWritten = ({ topic, endOffset }: { topic: string; endOffset: number }) =>
    topic === 't' && endOffset === 1;
  expect(await client.commit()).toBe('NONE');
  expect([markers(), await countIn('PrepareCommit')]).toEqual([25, 1]);
  await world.clock.settle();
  expect([markers(), await countIn('CompleteCommit')]).toEqual([250, 1]);
});

test('so are the aborts of many transactions that took too long, and what is forgotten', async () => {
  await world.topic('t');
  for (const id of many(250, 'tx')) await (await TransactionClient.ready(world, 0, id)).add('t-0');
  world.clock.setWallMs(world.clock.nowMs() + 3_600_000);
  const aborting = world.transactions.abortTimedOut();
  expect(await countIn('Ongoing')).toBe(225);
  await world.clock.until(aborting);
  await world.clock.settle();
  expect(await countIn('CompleteAbort')).toBe(250);
  world.clock.setWallMs(world.clock.nowMs() + 8 * 86_400_000);
  const forgetting = world.transactions.expire();
  const left = await countIn('CompleteAbort');
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(250);
  await world.clock.until(forgetting);
  expect(await countIn('CompleteAbort')).toBe(0);
});

test('an id that is used again while others are forgotten stays', async () => {
  await world.topic('t');
  const clients = [];
  for (const id of many(20, 'tx')) clients.push(await TransactionClient.ready(world, 2, id));
  world.clock.setWallMs(world.clock.nowMs() + 8 * 86_400_000);
  const forgetting = world.transactions.expire();
  const used = clients.map((client) => client.send('t-0', 'a'));
  const codes = await Promise.all(used);
  await world.clock.until(forgetting);
  const kept = codes.filter((code) => code === 'NONE').length;
  expect(kept).toBeGreaterThan(0);
  expect(await countIn('Ongoing')).toBe(kept);
});

test('a stop in the middle does not wait for the rest', async () => {
  await world.topic('t');
  for (const id of many(250, 'tx')) await (await TransactionClient.ready(world, 0, id)).add('t-0');
  world.clock.setWallMs(world.clock.nowMs() + 3_600_000);
  void world.transactions.abortTimedOut();
  await world.restart();
  expect(await countIn('Ongoing')).toBe(225);
  expect(await countIn('CompleteAbort')).toBe(25);
});
