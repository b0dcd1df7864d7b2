/** What there may be many of beside records and partitions: topics, connections, groups. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { findCoordinator } from '../../protocol/messages/groups/find-coordinator.ts';
import { listGroups } from '../../protocol/messages/groups/list-groups.ts';
import { offsetCommit } from '../../protocol/messages/groups/offset-commit.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../protocol/messages/topics/delete-topics.ts';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import type { Client } from '../../tools/client.ts';
import { startBrokerProcess } from '../side-by-side/broker-processes.ts';
import { apiVersionsFrame, produceFrames } from '../side-by-side/frames.ts';
import { idleConnections, type Latencies, rawClient } from '../side-by-side/raw.ts';
import { again, recordBytes, warmUp } from './loads.ts';
import { costOf, costOfStart, type Subject, sizesUpTo, withBroker, withFreshBroker } from './measuring.ts';

async function createTopic(client: Client, name: string): Promise<void> {
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  await client.request(createTopics, 5, { topics, timeoutMs: 60_000, validateOnly: false });
}

async function deleteTopic(client: Client, name: string): Promise<void> {
  await client.request(deleteTopics, 5, { topicNames: [name], timeoutMs: 60_000 });
}

const askAllTopics = (client: Client): Promise<unknown> =>
  client.requestFrame(metadata, 9, { topics: null, allowAutoTopicCreation: false });
const askOneTopic = (client: Client): Promise<unknown> =>
  client.requestFrame(metadata, 9, { topics: [{ name: 'one-1' }], allowAutoTopicCreation: false });

const topicRows = {
  create: 'topics created, one a request',
  all: '50 × Metadata of all topics',
  one: '5,000 × Metadata of one topic',
  change: '50 topics more, Metadata of all after each',
  remove: 'topics deleted, one a request',
} as const;

const topics: Subject = {
  name: 'topics',
  of: 'topics',
  sizes: sizesUpTo(3000),
  curves: [
    { row: topicRows.create, work: 'size' },
    { row: topicRows.all, work: 'size' },
    { row: topicRows.one, work: 'none' },
    { row: topicRows.change, work: 'size' },
    { row: topicRows.remove, work: 'size' },
  ],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, (stage) =>
      stage.withClient(async (client) => {
        const { pid } = stage.broker;
        await again(100, (n) => createTopic(client, `warm-${n}`));
        await again(50, () => askAllTopics(client));
        await again(1000, () => askOneTopic(client));
        await again(100, (n) => deleteTopic(client, `warm-${n}`));
        const create = await costOf(pid, () => again(size, (n) => createTopic(client, `one-${n}`)));
        await again(5, () => askAllTopics(client));
        return {
          [topicRows.create]: create,
          [topicRows.all]: await costOf(pid, () => again(50, () => askAllTopics(client))),
          [topicRows.one]: await costOf(pid, () => again(5000, () => askOneTopic(client))),
          [topicRows.change]: await costOf(pid, () =>
            again(50, async (n) => {
              await createTopic(client, `more-${n}`);
              await askAllTopics(client);
            }),
          ),
          [topicRows.remove]: await costOf(pid, () => again(size, (n) => deleteTopic(client, `one-${n}`))),
        };
      }),
    ),
};

const connectionRows = {
  open: 'connections opened, one request on each',
  use: '10,000 requests of one record beside them',
} as const;

const connections: Subject = {
  name: 'connections',
  of: 'connections',
  sizes: sizesUpTo(5000),
  curves: [
    { row: connectionRows.open, work: 'size' },
    { row: connectionRows.use, work: 'none' },
  ],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, async (stage) => {
      await warmUp(stage);
      const { pid } = stage.broker;
      const topic = await stage.topic(1);
      const load = { topic, partitions: 1, recordBytes, batchBytes: recordBytes };
      const { file, errorAt } = await produceFrames(stage.folder, load);
      const replay = (count: number): Promise<Latencies> =>
        rawClient('replay', stage.port, [file], { inFlight: 64, errorAt, count });
      await replay(1000);
      const frame = apiVersionsFrame(stage.folder);
      const warm = await idleConnections(stage.port, frame, 200);
      warm.stdin!.end();
      await once(warm, 'close');
      let idle: Awaited<ReturnType<typeof idleConnections>> | null = null;
      const open = await costOf(pid, async () => {
        idle = await idleConnections(stage.port, frame, size);
      });
      const use = await costOf(pid, () => replay(10_000));
      idle!.stdin!.end();
      await once(idle!, 'close');
      return { [connectionRows.open]: open, [connectionRows.use]: use };
    }),
};

/** A coordinator that is being made says so; asked until it is there. */
async function untilCoordinated(client: Client): Promise<void> {
  while ((await client.request(findCoordinator, 3, { key: 'group', keyType: 0 })).errorCode !== 0)
    await pause(5);
}

async function commit(client: Client, groupId: string, topic: string, offset: number): Promise<void> {
  for (;;) {
    const { topics: answered } = await client.request(offsetCommit, 8, {
      groupId,
      memberId: '',
      topics: [
        {
          name: topic,
          partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }],
        },
      ],
    });
    const { errorCode } = answered[0]!.partitions[0]!;
    if (errorCode === 0) return;
    if (errorCode !== 14 && errorCode !== 15 && errorCode !== 16)
      throw new Error(`OffsetCommit: ${errorCode}`);
    await pause(5);
  }
}

const groupRows = {
  make: 'groups made by a commit each',
  commit: '3,000 commits of one group beside them',
  list: '50 × ListGroups',
  start: 'start after a clean stop',
} as const;

const groups: Subject = {
  name: 'groups',
  of: 'groups',
  sizes: sizesUpTo(10_000),
  curves: [
    { row: groupRows.make, work: 'size' },
    { row: groupRows.commit, work: 'none' },
    { row: groupRows.list, work: 'size' },
    { row: groupRows.start, work: 'size' },
  ],
  async begin(directory, size) {
    let n = 0;
    return async () => {
      const place = `${directory}/${n++}`;
      const found = await withBroker(place, {}, (stage) =>
        stage.withClient(async (client) => {
          const { pid } = stage.broker;
          const topic = await stage.topic(1);
          await untilCoordinated(client);
          await again(3000, (i) => commit(client, 'warm', topic, i));
          await again(20, () => client.requestFrame(listGroups, 4, { statesFilter: [] }));
          const make = await costOf(pid, () => again(size, (i) => commit(client, `group-${i}`, topic, i)));
          return {
            [groupRows.make]: make,
            [groupRows.commit]: await costOf(pid, () => again(3000, (i) => commit(client, 'warm', topic, i))),
            [groupRows.list]: await costOf(pid, () =>
              again(50, () => client.requestFrame(listGroups, 4, { statesFilter: [] })),
            ),
          };
        }),
      );
      const broker = await startBrokerProcess('kompakt', place);
      const start = costOfStart(broker);
      await broker.kill();
      return { ...found, [groupRows.start]: start };
    };
  },
};

export const manySubjects: readonly Subject[] = [topics, connections, groups];
