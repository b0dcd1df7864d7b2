/** What a client sends before the answers to what it sent: taken in that order, though one of it must ask the coordinator first. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorName } from '../../../protocol/errors.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { addPartitionsToTxn } from '../../../protocol/messages/transactions/add-partitions-to-txn.ts';
import { endTxn } from '../../../protocol/messages/transactions/end-txn.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { type SimulatedClient, World } from '../../simulation/world.ts';
import { batchOf } from '../world.ts';

const syncMs = 8;
const transactionalId = 'tx';

let world: World;
let client: SimulatedClient;
let producer: { producerId: number; producerEpoch: number };

beforeEach(async () => {
  world = new World(1, { 'kompakt.durability': 'fsync', 'log.cleaner.enable': false });
  await world.start();
  client = world.connect();
  await client.request(createTopics, 5, {
    topics: ['t', 'u'].map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    })),
    validateOnly: false,
  });
  await client.request(findCoordinator, 3, { key: transactionalId, keyType: 1 });
  const answer = await client.request(initProducerId, 5, { transactionalId, transactionTimeoutMs: 60_000 });
  producer = answer!;
  world.files.delay('sync', syncMs);
});
afterEach(() => world.end('stop'));

interface Sent {
  readonly version: number;
  readonly acks?: number;
  readonly topic?: string;
}

/** A Produce of one record of the transaction; its code and offset, once time has moved on. */
async function send(sequence: number, { version, acks = -1, topic = 't' }: Sent): Promise<string | null> {
  const { producerId, producerEpoch } = producer;
  const records = batchOf([`${sequence}`], {
    producerId,
    producerEpoch,
    baseSequence: sequence,
    isTransactional: true,
  });
  const answer = await client.send(produce, version, {
    transactionalId,
    acks,
    timeoutMs: 1_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  });
  if (answer === null) return null;
  const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
  return errorCode === 0 ? `at ${baseOffset}` : errorName(errorCode);
}

async function end(version: number): Promise<string | null> {
  const answer = await client.send(endTxn, version, { transactionalId, ...producer, committed: true });
  if (answer === null) return null;
  if (version >= 5 && answer.errorCode === 0) producer = answer;
  return errorName(answer.errorCode);
}

/** Five of them at once, or with so much time in between. */
async function sendFive(version: number, betweenMs = 0): Promise<(string | null)[]> {
  const sent: Promise<string | null>[] = [];
  for (let sequence = 0; sequence < 5; sequence++) {
    sent.push(send(sequence, { version }));
    await world.pass(betweenMs);
  }
  return world.clock.until(Promise.all(sent));
}

describe('Produces one behind the other', () => {
  test('while the first must be added to its transaction', async () => {
    expect(await sendFive(12)).toEqual(['at 0', 'at 1', 'at 2', 'at 3', 'at 4']);
  });

  test.each([0, 3, 7])('while the last transaction is being finished, %i ms apart', async (betweenMs) => {
    await world.clock.until(send(0, { version: 12 }));
    expect(await world.clock.until(end(5))).toBe('NONE');
    expect(await sendFive(12, betweenMs)).toEqual(['at 2', 'at 3', 'at 4', 'at 5', 'at 6']);
  });

  test('while the first is checked, in the protocol of before', async () => {
    const other = world.connect();
    const add = (name: string) =>
      other.send(addPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producer.producerId,
        v3AndBelowProducerEpoch: producer.producerEpoch,
        v3AndBelowTopics: [{ name, partitions: [0] }],
      });
    await world.clock.until(add('t'));
    // Its answer waits for what is being written.
    const adding = add('u');
    expect(await sendFive(9, 1)).toEqual(['at 0', 'at 1', 'at 2', 'at 3', 'at 4']);
    await world.clock.until(adding);
  });
});

test('an EndTxn behind a Produce ends it, too', async () => {
  const sent = send(0, { version: 12 });
  const ended = end(5);
  expect(await world.clock.until(Promise.all([sent, ended]))).toEqual(['at 0', 'NONE']);
});

test('with acks 0 nobody is answered, and the order is the same', async () => {
  for (let sequence = 0; sequence < 4; sequence++) void send(sequence, { version: 12, acks: 0 });
  expect(await world.clock.until(send(4, { version: 12 }))).toBe('at 4');
});

test('a client that goes away meanwhile leaves what waits behind unread, and others go on', async () => {
  const sent = [0, 1, 2].map((sequence) => send(sequence, { version: 12 }));
  await world.pass(1);
  client.close();
  expect(await Promise.all(sent)).toEqual([null, null, null]);
  client = world.connect();
  await world.pass(1_000);
  expect(await world.clock.until(send(1, { version: 12 }))).toBe('at 1');
});

test('a stop does not wait for it', async () => {
  const sent = [0, 1, 2].map((sequence) => send(sequence, { version: 12 }));
  await world.pass(1);
  await world.end('stop');
  expect(await Promise.all(sent)).toEqual([null, null, null]);
  await world.start();
});
