/** Lines of docs/CLOCK.md about transactions. */
import { expect } from 'vitest';
import { produce } from '../../../../protocol/messages/data/produce.ts';
import { addPartitionsToTxn } from '../../../../protocol/messages/transactions/add-partitions-to-txn.ts';
import { endTxn } from '../../../../protocol/messages/transactions/end-txn.ts';
import { initProducerId } from '../../../../protocol/messages/transactions/init-producer-id.ts';
import { listTransactions } from '../../../../protocol/messages/transactions/list-transactions.ts';
import { buildBatch } from '../../../../protocol/records/batch-builder.ts';
import type { Peer } from '../../faults/peer.ts';
import { type ClockLine, dayMs, hourMs, longMs, minuteMs, secondMs, type TwoTimes } from './two-times.ts';

const transactionalId = 'till';
const concurrentTransactions = 51;

interface Till {
  readonly peer: Peer;
  producerId: number;
  producerEpoch: number;
}

async function openTill(times: TwoTimes, transactionTimeoutMs = 30 * secondMs): Promise<Till> {
  await times.coordinate(transactionalId, 1);
  const peer = times.peer('till');
  const answer = await peer.ask(initProducerId, 4, { transactionalId, transactionTimeoutMs });
  expect(answer).toMatchObject({ errorCode: 0 });
  return { peer, producerId: answer!.producerId, producerEpoch: answer!.producerEpoch };
}

/** The first record of a transaction to a partition; of clients that add their partitions themselves, or have them added. */
async function sendIn(
  times: TwoTimes,
  { peer, producerId, producerEpoch }: Till,
  topic: string,
  version: 9 | 12 = 9,
  baseSequence = 0,
) {
  if (version === 9)
    await peer.ask(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [0] }],
    });
  const record = { timestampMs: times.nowMs(), key: Buffer.from('k'), value: Buffer.from('v') };
  const who = { producerId, producerEpoch, baseSequence, isTransactional: true };
  const partitionData = [{ index: 0, records: buildBatch({ ...who, records: [record] }) }];
  return peer.ask(produce, version, {
    transactionalId,
    acks: -1,
    timeoutMs: 1,
    topicData: [{ name: topic, partitionData }],
  });
}

async function markers(times: TwoTimes, topic: string): Promise<number[]> {
  return (await times.records(topic)).filter(({ isControl }) => isControl).map(({ offset }) => offset);
}

/** A transaction whose commit is decided and whose marker the disk refuses, until it is told not to. */
async function stuckCommit(times: TwoTimes): Promise<{ till: Till; disk: { stop(): void } }> {
  await times.topic('t');
  await times.topic('u');
  const till = await openTill(times);
  await sendIn(times, till, 't', 12);
  const disk = times.files.fail('write').on('/data/t-0/*.log').with('ENOSPC');
  const answer = await till.peer.ask(endTxn, 5, {
    transactionalId,
    producerId: till.producerId,
    producerEpoch: till.producerEpoch,
    committed: true,
  });
  expect(answer).toMatchObject({ errorCode: 0 });
  till.producerEpoch = answer!.producerEpoch;
  expect(disk.hits).toBe(1);
  return { till, disk };
}

export const transactionLines: Readonly<Record<string, ClockLine>> = {
  '`transaction.timeout.ms` of open transactions': async (open) => {
    const times = await open({ 'transaction.abort.timed.out.transaction.cleanup.interval.ms': secondMs });
    await times.topic('t');
    await sendIn(times, await openTill(times), 't');
    await times.wait(longMs);
    await times.advance(30 * secondMs);
    expect(await markers(times, 't')).toEqual([]);
    await times.advance(secondMs);
    expect(await markers(times, 't')).toEqual([1]);
    expect(times.lastTimestampMs('t-0')).toBe(times.nowMs());
  },

  'transactional ids (`transactional.id.expiration.ms`)': async (open) => {
    const times = await open({
      'transactional.id.expiration.ms': hourMs + 1,
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': dayMs,
      'log.cleaner.enable': false,
    });
    await openTill(times);
    const ids = async () => {
      const answer = await times.peer().ask(listTransactions, 0, { stateFilters: [], producerIdFilters: [] });
      return answer!.transactionStates.map((one) => one.transactionalId);
    };
    await times.wait(longMs);
    await times.advance(hourMs);
    expect(await ids()).toEqual([transactionalId]);
    // It is looked at every hour.
    await times.advance(hourMs);
    expect(await ids()).toEqual([]);
  },

  'markers of transactions (`delete.retention.ms`)': async (open) => {
    const times = await open();
    const lagMs = 10 * minuteMs;
    await times.topic('t', {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0',
      'segment.ms': '1',
      'delete.retention.ms': String(lagMs),
    });
    const till = await openTill(times);
    // The last batch of a producer is kept, with its sequence number: so two of them.
    for (const [baseSequence, committed] of [false, true].entries()) {
      await sendIn(times, till, 't', 9, baseSequence);
      const { producerId, producerEpoch } = till;
      await till.peer.ask(endTxn, 3, { transactionalId, producerId, producerEpoch, committed });
    }
    const clean = async () => {
      await times.advance(2);
      await times.send('t', 'seal=v');
      await times.advance(minuteMs);
    };
    // The first pass takes the record, the next one finds that the marker stands for nothing any more.
    await clean();
    expect(await times.offsets('t')).not.toContain(0);
    await clean();
    await times.wait(longMs);
    await times.advance(lagMs - 3 * minuteMs);
    await clean();
    expect(await markers(times, 't')).toEqual([1, 3]);
    await times.advance(2 * minuteMs);
    await clean();
    expect(await markers(times, 't')).toEqual([3]);
  },

  'records that wait for a transaction which is being ended': async (open) => {
    const times = await open({ 'add.partitions.to.txn.retry.backoff.max.ms': 100 });
    const { till } = await stuckCommit(times);
    expect(await sendIn(times, till, 'u', 12)).toBeNull();
    await times.advance(hourMs);
    expect(await till.peer.answers()).toEqual([]);
    await times.wait(100);
    const partitionResponses = [{ errorCode: concurrentTransactions }];
    expect(await till.peer.answers()).toMatchObject([{ responses: [{ partitionResponses }] }]);
  },

  'retries of markers that the disk refused': async (open) => {
    const times = await open();
    const { disk } = await stuckCommit(times);
    disk.stop();
    await times.advance(hourMs);
    expect(await markers(times, 't')).toEqual([]);
    await times.wait(500);
    expect(await markers(times, 't')).toEqual([1]);
  },
};
