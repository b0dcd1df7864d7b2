/** Transactions that a stop has cut off between their decision and their markers. */
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { readConfiguration } from '../../../broker/config/settings.ts';
import { defaultEnvironment } from '../../../broker/default-environment.ts';
import { Journal } from '../../../broker/journal/journal.ts';
import { transactionStateTopic } from '../../../broker/metadata/topic-names.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { openUnserved } from '../../../broker/offline.ts';
import { prepared } from '../../../broker/transactions/transaction.ts';
import {
  type TransactionEntry,
  transactionEntryCodec,
} from '../../../broker/transactions/transaction-entries.ts';
import { TransactionMachine } from '../../../broker/transactions/transaction-machine.ts';
import { UndoList } from '../../../broker/undo-list.ts';

/** An open transaction with a record in each partition and an offset. */
export async function beginTransaction(
  port: number,
  transactionalId: string,
  topic: string,
  partitions: readonly number[],
): Promise<void> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    transactionalId,
    transactionTimeout: 600_000,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  for (const partition of partitions)
    await transaction.send({ topic, messages: [{ partition, value: `of ${transactionalId}` }] });
  const topics = [{ topic, partitions: [{ partition: 0, offset: '1' }] }];
  await transaction.sendOffsets({ consumerGroupId: `group of ${transactionalId}`, topics });
  await producer.disconnect();
}

/** As a kill leaves it right after EndTxn was answered: Prepare is in the log, and no marker anywhere. */
export async function decide(
  dataDirectory: string,
  ends: ReadonlyMap<string, 'commit' | 'abort'>,
): Promise<void> {
  const read = readConfiguration({ dataDirectory });
  if (!read.ok) throw new Error(read.messages.join());
  const { configuration } = read;
  const environment = defaultEnvironment(configuration.settings, false);
  const { clock } = environment;
  const parts = { environment, configuration, logger: silentLogger };
  const undo = new UndoList();
  const { partitions } = await openUnserved(
    { ...parts, directory: dataDirectory, processId: process.pid },
    undo,
  );
  for (const partition of partitions.all()) {
    if (partition.topic !== transactionStateTopic) continue;
    const machine = new TransactionMachine();
    const codec = transactionEntryCodec(() => 1);
    const journal = new Journal<TransactionEntry>({ partition, codec, machine, clock, logger: silentLogger });
    await journal.load();
    for (const transaction of [...machine.all()]) {
      const { transactionalId } = transaction;
      const end = ends.get(transactionalId);
      if (end === undefined) continue;
      const how = { committed: end === 'commit', version: 0, nextProducerId: -1, fences: false };
      const value = prepared(transaction, { ...how, nowMs: clock.nowMs() });
      await journal.run(() => ({ entries: [{ transactionalId, value }], answer: null }));
    }
    await journal.close();
  }
  await undo.run();
}
