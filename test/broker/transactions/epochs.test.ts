/** A producer that runs out of epochs goes on under another id. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newTransaction } from '../../../broker/transactions/transaction.ts';
import { transactionEntryCodec } from '../../../broker/transactions/transaction-entries.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { coordinatorPartition } from '../../../protocol/records/java-hash.ts';
import { expectAppended, World } from '../world.ts';
import { type ClientVersion, TransactionClient } from './transaction-client.ts';

const lastButOne = 0x7ffd;
let world: World;
beforeEach(async () => {
  world = await World.open();
  await world.topic('t');
});
afterEach(() => world.stop());

/** A client whose id has had nearly all epochs there are. */
async function worn(version: ClientVersion): Promise<TransactionClient> {
  const topic = await world.cluster.controller.ensureInternalTopic('__transaction_state');
  if ('errorCode' in topic) throw new Error('no topic');
  const { producerIds } = world.services;
  const client = new TransactionClient(world, version);
  client.producerId = (await producerIds.next())!;
  client.producerEpoch = lastButOne;
  const nowMs = world.clock.nowMs();
  const value = {
    ...newTransaction('tx', client.producerId, nowMs),
    producerEpoch: lastButOne,
    timeoutMs: 60_000,
  };
  const record = transactionEntryCodec(() => 2).encode({ transactionalId: 'tx', value });
  const index = coordinatorPartition('tx', topic.partitions.length);
  const batch = buildBatch({ records: [{ timestampMs: nowMs, ...record }] });
  expectAppended(
    world.partitions.get('__transaction_state', index)!.append(batch, { origin: 'coordinator' }),
  );
  return client;
}

test('with the end of a transaction, in the new protocol', async () => {
  const client = await worn(2);
  const first = client.producerId;
  for (const [producerId, producerEpoch] of [
    [first, 0x7ffe],
    [first + 1, 0],
    [first + 1, 1],
  ]) {
    expect(await client.send('t-0', 'a')).toBe('NONE');
    expect(await client.commit()).toBe('NONE');
    expect(client.claim).toMatchObject({ producerId, producerEpoch });
  }
  expect(world.partitions.get('t', 0)!.log.lastStableOffset).toBe(6);
  const epochs = [...world.partitions.get('t', 0)!.log.producers()].map(({ producerId, epoch }) => [
    producerId,
    epoch,
  ]);
  expect(epochs).toEqual([
    [first, 0x7fff],
    [first + 1, 1],
  ]);
});

test('and the answer that was lost is given again', async () => {
  const client = await worn(2);
  await client.send('t-0', 'a');
  await client.commit();
  const { producerId, producerEpoch } = client;
  await client.send('t-0', 'a');
  await client.commit();
  const answered = { ...client.claim };
  Object.assign(client, { producerId, producerEpoch });
  expect(await client.commit()).toBe('NONE');
  expect(client.claim).toEqual(answered);
});

test('with InitProducerId, in the old one', async () => {
  const client = await worn(0);
  const first = client.producerId;
  expect(await client.init()).toBe('NONE');
  expect(client.claim).toMatchObject({ producerId: first, producerEpoch: 0x7ffe });
  expect(await client.init(true)).toBe('NONE');
  expect(client.claim).toMatchObject({ producerId: first + 1, producerEpoch: 0 });
});
