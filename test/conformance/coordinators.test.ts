/** A directory in which Apache Kafka's coordinators have been at work: groups of every kind, offsets and transactions, as its own tools told them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Broker, startBroker } from '../../broker/index.ts';
import type { Logger } from '../../broker/observe/logger.ts';
import { errorName } from '../../protocol/errors.ts';
import { listOffsets } from '../../protocol/messages/data/list-offsets.ts';
import { describeGroups } from '../../protocol/messages/groups/describe-groups.ts';
import { listGroups } from '../../protocol/messages/groups/list-groups.ts';
import { offsetFetch } from '../../protocol/messages/groups/offset-fetch.ts';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import { describeTransactions } from '../../protocol/messages/transactions/describe-transactions.ts';
import { endTxn } from '../../protocol/messages/transactions/end-txn.ts';
import { listTransactions } from '../../protocol/messages/transactions/list-transactions.ts';
import { Requests } from '../clients/killed/requests.ts';
import { KafkaDirectory } from './kafka-directory.ts';

let directory: KafkaDirectory;
let broker: Broker;
let requests: Requests;
const logged: string[] = [];
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
    const note = (level: string) => (message: string) => void logged.push(`${level}: ${message}`);
    const logger: Logger = {
      debug() {},
      info() {},
      warn: note('warn'),
      error: note('error'),
      named: () => logger,
    };
    broker = await startBroker({ dataDir: directory.path, config, logger });
    requests = new Requests(Number(broker.bootstrapServers.split(':').at(-1)));
  });

  it('says so', () => {
    const rules = cli.acls!.filter((line) => line.includes('principal=')).length + cli.scram!.length;
    expect(logged.filter((line) => line.includes('ACLs'))).toEqual([
      `warn: ${directory.path} holds ${rules} ACLs and SCRAM credentials, which this version does not enforce: whoever reaches it may read and write everything`,
    ]);
  });

  const groupIds = () =>
    Object.keys(cli).flatMap((name) => (/ state$/.test(name) ? [name.slice(0, -6)] : []));

  it('has the groups of every kind', async () => {
    const { groups } = (await requests.request(listGroups, 5, { statesFilter: [], typesFilter: [] }))!;
    const types = Object.fromEntries(groups.map(({ groupId, groupType }) => [groupId, groupType]));
    expect(types).toEqual(
      Object.fromEntries(groupIds().map((name) => [name, name.startsWith('new-') ? 'consumer' : 'classic'])),
    );
    for (const name of groupIds().filter((each) => !each.startsWith('new-'))) {
      const [, line] = cli[`${name} state`]!;
      const [state, memberCount] = line!.trim().split(/\s+/).slice(-2);
      const described = (await requests.request(describeGroups, 5, { groups: [name] }))!.groups[0]!;
      expect([described.groupState, String(described.members.length)], name).toEqual([state, memberCount]);
    }
  });

  it('has their offsets', async () => {
    for (const name of groupIds()) {
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

  it('has the topics, and what a consumer gets of them', async () => {
    const { topics } = (await requests.request(metadata, 12, {
      topics: null,
      allowAutoTopicCreation: false,
    }))!;
    const told = cli.topics!.filter((line) => line.startsWith('Topic:'));
    expect(topics.map((topic) => `${topic.name} ${topic.topicId} ${topic.partitions.length}`).sort()).toEqual(
      told
        .map((line) => {
          const [, name, id, count] = /Topic: (\S+)\tTopicId: (\S+)\tPartitionCount: (\d+)/.exec(line)!;
          return `${name} ${id} ${count}`;
        })
        .sort(),
    );
    for (const [partition, want] of Object.entries(directory.expected.consumer)) {
      const [name, index] = partition.split('-');
      const at = async (isolationLevel: number, timestamp: number) => {
        const asked = [{ name: name!, partitions: [{ partitionIndex: Number(index), timestamp }] }];
        const answer = await requests.request(listOffsets, 7, {
          replicaId: -1,
          isolationLevel,
          topics: asked,
        });
        return answer!.topics[0]!.partitions[0]!.offset;
      };
      const found = [await at(0, -2), await at(0, -1), await at(1, -1)];
      expect(found, partition).toEqual([want.logStartOffset, want.highWatermark, want.lastStableOffset]);
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
