import { expect, test } from 'vitest';
import { initProducerIdHandler } from '../../../broker/apis/transactions/init-producer-id.ts';
import { MetadataWriteError } from '../../../broker/metadata/metadata-journal.ts';
import { ProducerIds } from '../../../broker/transactions/producer-ids.ts';
import { errors } from '../../../protocol/errors.ts';
import { World } from '../world.ts';

test('ids come from recorded blocks, each once, however many ask at the same time', async () => {
  let blocks = 0;
  const ids = new ProducerIds({
    allocateProducerIds: async () => {
      await Promise.resolve();
      return { firstProducerId: 1_000 * blocks++, count: 1_000 };
    },
  });
  const given = await Promise.all(Array.from({ length: 2_500 }, () => ids.next()));
  expect([new Set(given).size, Math.max(...given.map(Number)), blocks]).toEqual([2_500, 2_499, 3]);
});

test('a block that could not be recorded is asked for again', async () => {
  let isBroken = true;
  const ids = new ProducerIds({
    allocateProducerIds: () =>
      isBroken ? Promise.reject(new Error('full')) : Promise.resolve({ firstProducerId: 7, count: 1 }),
  });
  await expect(ids.next()).rejects.toThrow('full');
  isBroken = false;
  expect(await ids.next()).toBe(7);
});

test('InitProducerId gives an idempotent producer a new id', async () => {
  const world = await World.open();
  const ask = async (request: {
    transactionalId?: string | null;
    producerId?: number;
    producerEpoch?: number;
  }) => world.ask(initProducerIdHandler, 4, { transactionalId: null, transactionTimeoutMs: 1, ...request });
  const first = await ask({});
  expect(first).toMatchObject({ errorCode: 0, producerEpoch: 0 });
  const again = await ask({ producerId: first!.producerId, producerEpoch: 0 });
  expect(again).toMatchObject({ errorCode: 0, producerId: first!.producerId + 1, producerEpoch: 0 });
  const { invalidRequest } = errors;
  expect(await ask({ producerId: 1 })).toMatchObject({ errorCode: invalidRequest.code, producerId: -1 });
  expect(await ask({ transactionalId: '' })).toMatchObject({ errorCode: invalidRequest.code });
  await world.stop();
});

test('InitProducerId is to be tried again while no block can be recorded', async () => {
  const world = await World.open();
  const { controller } = world.cluster;
  controller.allocateProducerIds = () => Promise.reject(new MetadataWriteError(56, 'the disk is full'));
  const answer = await world.ask(initProducerIdHandler, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1,
  });
  expect(answer).toMatchObject({ errorCode: errors.coordinatorLoadInProgress.code, producerId: -1 });
  await world.stop();
});
