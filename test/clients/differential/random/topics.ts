/** Topics come, grow, change and go. */
import { describeConfigs } from '../../../../protocol/messages/configs/describe-configs.ts';
import { incrementalAlterConfigs } from '../../../../protocol/messages/configs/incremental-alter-configs.ts';
import { offsetFetch } from '../../../../protocol/messages/groups/offset-fetch.ts';
import { createPartitions } from '../../../../protocol/messages/topics/create-partitions.ts';
import { createTopics } from '../../../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../../../protocol/messages/topics/delete-topics.ts';
import { metadata } from '../../../../protocol/messages/topics/metadata.ts';
import { zeroUuid } from '../../../../protocol/schema/field.ts';
import { sortedBy } from '../normalise.ts';
import type { Operation } from './play.ts';
import type { World } from './world.ts';

/** What a config may be set to: some of it holds, some is refused, some changes what a log takes. */
const configs: Readonly<Record<string, readonly string[]>> = {
  'cleanup.policy': ['delete', 'compact', 'compact,delete', 'burn'],
  'retention.ms': ['-1', '1000000', 'soon', '-2'],
  'segment.bytes': ['1048576', '5'],
  'max.message.bytes': ['150', '100000', '-1'],
  'message.timestamp.type': ['CreateTime', 'LogAppendTime', 'Never'],
  'message.timestamp.before.max.ms': ['1', '9223372036854775807'],
  'min.insync.replicas': ['1', '2', '0'],
  'no.such.config': ['1'],
};
const configNames = Object.keys(configs);
const topicResource = 2;

function someConfig({ random }: World): { name: string; value: string } {
  const name = random.pick(configNames);
  return { name, value: random.pick(configs[name]!) };
}

const creating: Operation = {
  weight: 6,
  async run(world) {
    const { random, main, setting } = world;
    const name = random.pick(world.topicNames);
    const numPartitions = random.pick([1, 2, 3, 3, 0, -1]);
    const own = random.chance(0.5) ? [someConfig(world)] : [];
    const validateOnly = random.chance(0.1);
    const topic = { name, numPartitions, replicationFactor: random.pick([1, 1, 1, -1, 2]), assignments: [] };
    const { topics } = await main.ask(
      createTopics,
      world.version(2, 7),
      { topics: [{ ...topic, configs: own }], validateOnly },
      `${name} with ${JSON.stringify(own)}`,
      (answer) => answer.topics.map(({ configs: _, ...rest }) => rest),
    );
    if (validateOnly || topics[0]!.errorCode !== 0) return;
    await setting.settle(name);
    world.topicIds.set(name, await idOf(world, name));
  },
};

async function idOf({ main }: World, name: string): Promise<string> {
  const { topics } = await main.ready(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: false });
  return topics[0]!.topicId;
}

const deleting: Operation = {
  weight: 3,
  async run(world) {
    const { random, main, setting } = world;
    const { name, topicId } = world.someTopic();
    const byId = random.chance(0.5);
    const words = `${world.wordsOf({ name, topicId })}${byId ? ' by id' : ''}`;
    const which = byId ? { name: null, topicId } : { name, topicId: zeroUuid };
    const { responses } = await main.ask(deleteTopics, 6, { topics: [which], timeoutMs: 10_000 }, words);
    if (responses[0]!.errorCode !== 0) return;
    const gone = [...world.topicIds].find(([other, id]) => (byId ? id === topicId : other === name))![0];
    world.topicGone(gone);
    await setting.settle();
    await untilForgotten(world, gone);
    for (const session of world.sessions) session.topicDeleted(gone);
  },
};

/** Kafka forgets what was committed for a topic some time after it is gone. */
async function untilForgotten({ main, groupIds }: World, name: string): Promise<void> {
  for (const groupId of groupIds)
    for (;;) {
      const { groups } = await main.ready(offsetFetch, 8, { groups: [{ groupId, topics: null }] });
      if (!groups[0]!.topics.some((topic) => topic.name === name)) break;
    }
}

const growing: Operation = {
  weight: 2,
  async run(world) {
    const { random, main, setting } = world;
    const { name } = world.someTopic();
    const count = 1 + random.below(3);
    const topics = [{ name, count, assignments: null }];
    const version = world.version(0, 3);
    const { results } = await main.ask(
      createPartitions,
      version,
      { topics, timeoutMs: 10_000, validateOnly: false },
      `${name} to ${count}`,
    );
    if (results[0]!.errorCode === 0) await setting.settle(name);
  },
};

const configuring: Operation = {
  weight: 5,
  async run(world) {
    const { random, main, setting } = world;
    const { name } = world.someTopic();
    const change = someConfig(world);
    const configOperation = random.pick([0, 0, 0, 1, 2, 3]);
    const own = { name: change.name, configOperation, value: configOperation === 1 ? null : change.value };
    const validateOnly = random.chance(0.2);
    const resource = { resourceType: topicResource, resourceName: name };
    const note = `${name} ${JSON.stringify(own)}`;
    await main.ask(
      incrementalAlterConfigs,
      world.version(0, 1),
      { resources: [{ ...resource, configs: [own] }], validateOnly },
      note,
    );
    await setting.settle();
    await main.ask(
      describeConfigs,
      world.version(1, 4),
      { resources: [{ ...resource, configurationKeys: configNames }], includeSynonyms: true },
      note,
      ({ results }) =>
        results.map(({ configs: all, ...rest }) => ({
          ...rest,
          configs: sortedBy(all, (config) => config.name),
        })),
    );
  },
};

const asking: Operation = {
  weight: 2,
  async run(world) {
    const topics = [world.someTopic(), world.someTopic()].map(({ name }) => ({ name }));
    await world.main.ask(
      metadata,
      world.version(4, 13),
      { topics, allowAutoTopicCreation: false },
      topics.map(({ name }) => name).join(),
      (answer) => ({ ...answer, topics: sortedBy(answer.topics, ({ name }) => name ?? '') }),
    );
  },
};

export const topicOperations: readonly Operation[] = [creating, deleting, growing, configuring, asking];
