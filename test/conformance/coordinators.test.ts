/** A directory in which Apache Kafka's coordinators have been at work: groups of every kind, offsets and transactions, as its own tools told them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Broker, startBroker } from '../../broker/index.ts';
import { errorName } from '../../protocol/errors.ts';
import { listGroups } from '../../protocol/messages/groups/list-groups.ts';
import { offsetFetch } from '../../protocol/messages/groups/offset-fetch.ts';
import { describeTransactions } from '../../protocol/messages/transactions/describe-transactions.ts';
import { endTxn } from '../../protocol/messages/transactions/end-txn.ts';
import { listTransactions } from '../../protocol/messages/transactions/list-transactions.ts';
import { Requests } from '../clients/killed/requests.ts';
import { KafkaDirectory } from './kafka-directory.ts';

let directory: KafkaDirectory;
let broker: Broker;
let requests: Requests;
let cli: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  directory = await KafkaDirectory.unpack('5-coordinators');
  cli = (directory.expected as unknown as { cli: typeof cli }).cli;
});
afterAll(async () => {
  requests?.close();
  await broker?.stop();
  directory.remove();
});

it('is not served while nobody says that its ACLs and SCRAM users may be ignored', async () => {
  await expect(startBroker({ dataDir: directory.path })).rejects.toThrow(
    /4 ACLs and SCRAM credentials.*--ignore-acls/,
  );
});

describe('served all the same', () => {
  beforeAll(async () => {
    const config = { 'kompakt.ignore.acls': true, 'transaction.max.timeout.ms': 2_147_483_647 };
    broker = await startBroker({ dataDir: directory.path, config });
    requests = new Requests(Number(broker.bootstrapServers.split(':').at(-1)));
  });

  it('has the groups of every kind, and their offsets', async () => {
    const { groups } = (await requests.request(listGroups, 5, { statesFilter: [], typesFilter: [] }))!;
    const types = Object.fromEntries(groups.map(({ groupId, groupType }) => [groupId, groupType]));
    expect(types).toMatchObject({
      'classic-left': 'classic',
      'new-live': 'consumer',
      simple: 'classic',
      'txn-group': 'classic',
    });
    for (const name of ['classic-left', 'classic-live', 'new-live', 'simple', 'txn-group']) {
      const lines = cli[name]!.slice(1).map((line) => line.split(/\s+/));
      const told = lines.filter(([, , , offset]) => offset !== '-');
      const asked = { groups: [{ groupId: name, topics: null }], requireStable: false };
      const answer = await requests.request(offsetFetch, 9, asked);
      const found = answer!.groups[0]!.topics.flatMap((topic) =>
        topic.partitions.map(
          ({ partitionIndex, committedOffset }) => `${topic.name}-${partitionIndex} ${committedOffset}`,
        ),
      );
      expect(found.sort(), name).toEqual(
        told.map(([, topic, partition, offset]) => `${topic}-${partition} ${offset}`).sort(),
      );
    }
  });

  it('has the transactions, and goes on with the one that is open', async () => {
    const states = async () => {
      const { transactionStates } = (await requests.request(listTransactions, 1, {
        stateFilters: [],
        producerIdFilters: [],
      }))!;
      return Object.fromEntries(
        transactionStates.map((one) => [one.transactionalId, [one.producerId, one.transactionState]]),
      );
    };
    const told = cli.transactions!.slice(1).map((line) => line.split(/\s+/));
    expect(await states()).toEqual(
      Object.fromEntries(told.map(([id, , producerId, state]) => [id, [Number(producerId), state]])),
    );
    const asked = { transactionalIds: ['tx-pending'] };
    const [pending] = (await requests.request(describeTransactions, 0, asked))!.transactionStates;
    const { producerId, producerEpoch } = pending!;
    const end = { transactionalId: 'tx-pending', producerId, producerEpoch, committed: false };
    expect(errorName((await requests.request(endTxn, 5, end))!.errorCode)).toBe('NONE');
    expect((await states())['tx-pending']).toEqual([producerId, 'CompleteAbort']);
  });
});
