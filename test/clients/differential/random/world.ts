/** What a play is about: a few topics, groups and producers, and what one broker has said of them so far. */
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { listOffsets } from '../../../../protocol/messages/data/list-offsets.ts';
import { describeGroups } from '../../../../protocol/messages/groups/describe-groups.ts';
import { offsetFetch } from '../../../../protocol/messages/groups/offset-fetch.ts';
import { metadata } from '../../../../protocol/messages/topics/metadata.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import type { SeededRandom } from '../../../simulation/random.ts';
import type { Setting } from '../brokers.ts';
import { described, type Member } from '../group-member.ts';
import { sortedBy } from '../normalise.ts';
import { of, plainFetch, target } from '../scenarios/fetch-requests.ts';
import type { Peer, Side } from '../side.ts';
import type { FetchSession } from './sessions.ts';

export interface Producer {
  readonly id: number;
  epoch: number;
  /** "topic-partition" → the batches it has sent there, whatever was answered: epoch and sequence of each. */
  readonly sent: Map<string, { epoch: number; sequence: number; count: number }[]>;
}

/** An id that no topic has. */
export const noTopicId = 'aaaaaaaaaaaaaaaaaaaaaA';
/** Partitions that may be named; topics have fewer. */
export const partitionsNamed = 4;

export class World {
  readonly side: Side;
  readonly setting: Setting;
  readonly random: SeededRandom;
  readonly main: Peer;
  readonly topicNames: readonly string[];
  readonly groupIds: readonly string[];
  /** Of topics that are there. */
  readonly topicIds = new Map<string, string>();
  /** Of topics that are gone. */
  readonly oldTopicIds: string[] = [];
  readonly producers: Producer[] = [];
  readonly sessions: FetchSession[] = [];
  readonly sessionIds = new Set<number>();
  /** Members of each group's last generation, in the order in which they came. */
  readonly members = new Map<string, Member[]>();
  #serial = 0;

  private constructor(side: Side, setting: Setting, random: SeededRandom, main: Peer) {
    this.side = side;
    this.setting = setting;
    this.random = random;
    this.main = main;
    this.topicNames = ['a', 'b', 'c'].map((letter) => `${side.prefix}-${letter}`);
    this.groupIds = ['g', 'h'].map((letter) => `${side.prefix}-${letter}`);
  }

  static async open(side: Side, setting: Setting, random: SeededRandom): Promise<World> {
    const world = new World(side, setting, random, await side.connect());
    for (const groupId of world.groupIds) {
      await setting.group(groupId);
      world.members.set(groupId, []);
    }
    for (const name of world.topicNames.slice(0, 2)) {
      world.topicIds.set(name, await setting.topic(name, 2));
      await setting.settle(name);
    }
    return world;
  }

  /** A number that no other call gives. */
  next(): number {
    return this.#serial++;
  }

  /** A topic, mostly one that may be there. */
  someTopic(): { readonly name: string; readonly topicId: string } {
    const { random } = this;
    if (random.chance(0.04)) return { name: `${this.side.prefix}-none`, topicId: noTopicId };
    const name = random.pick(this.topicNames);
    const isOld = random.chance(0.05);
    const old = this.oldTopicIds.at(-1);
    return { name, topicId: isOld && old !== undefined ? old : (this.topicIds.get(name) ?? noTopicId) };
  }

  /** A topic in words that are the same on both sides. */
  wordsOf({ name, topicId }: { readonly name: string; readonly topicId: string }): string {
    if (topicId === noTopicId) return `${name} (no id)`;
    return this.oldTopicIds.includes(topicId) ? `${name} (an old id)` : name;
  }

  /** The same for partitions to be fetched. */
  wordsOfFetch(
    topics: readonly {
      readonly topic: string;
      readonly topicId: string;
      readonly partitions: readonly { partition: number; fetchOffset: number; partitionMaxBytes: number }[];
    }[],
  ): string {
    return topics
      .map(({ topic, topicId, partitions }) => {
        const places = partitions.map(
          (p) => `${p.partition} at ${p.fetchOffset} (${p.partitionMaxBytes} bytes)`,
        );
        return `${this.wordsOf({ name: topic, topicId })}-${places}`;
      })
      .join(', ');
  }

  somePartition(): number {
    return this.random.chance(0.04) ? -1 : this.random.below(partitionsNamed);
  }

  version(low: number, high: number): number {
    return low + this.random.below(high - low + 1);
  }

  topicGone(name: string): void {
    const id = this.topicIds.get(name);
    if (id !== undefined) this.oldTopicIds.push(id);
    this.topicIds.delete(name);
  }

  /** In order of topics and partitions: Kafka's is that of hash maps, and from v10 on the names are ids. */
  byTopic(answer: ResponseOf<typeof offsetFetch>) {
    const nameOf = (name: string, topicId: string): string =>
      name || ([...this.topicIds].find(([, id]) => id === topicId)?.[0] ?? '');
    return {
      ...answer,
      groups: answer.groups.map(({ topics, ...group }) => ({
        ...group,
        topics: sortedBy(topics, ({ name, topicId }) => nameOf(name, topicId)).map((topic) => ({
          ...topic,
          partitions: sortedBy(topic.partitions, ({ partitionIndex }) => partitionIndex),
        })),
      })),
    };
  }

  /** There is room for so many sessions only. */
  async closeSessions(): Promise<void> {
    for (const sessionId of this.sessionIds)
      await this.main.ready(fetch, 12, { ...plainFetch, sessionId, sessionEpoch: -1, topics: [] });
  }

  /** Everything there is, at the end: what each log holds, and what each group has committed. */
  async look(): Promise<void> {
    const { main } = this;
    const topics = this.topicNames.map((name) => ({ name }));
    await main.ask(metadata, 12, { topics, allowAutoTopicCreation: false }, 'at the end', (answer) =>
      sortedBy(answer.topics, ({ name }) => name ?? ''),
    );
    for (const [name, topicId] of sortedBy([...this.topicIds], ([name]) => name))
      for (const partition of [0, 1, 2]) {
        for (const timestamp of [-1, -2, -3]) {
          const asked = [{ name, partitions: [{ partitionIndex: partition, timestamp }] }];
          await main.ask(listOffsets, 7, { replicaId: -1, topics: asked }, `${name}-${partition} at the end`);
        }
        const last = await main.ready(listOffsets, 7, {
          replicaId: -1,
          topics: [{ name, partitions: [{ partitionIndex: partition, timestamp: -2 }] }],
        });
        const { offset } = last.topics[0]!.partitions[0]!;
        const asked = [of({ name, topicId }, target(partition, offset, { partitionMaxBytes: 1_000_000 }))];
        await main.ask(fetch, 13, { ...plainFetch, topics: asked }, `${name}-${partition} at the end`);
      }
    for (const groupId of this.groupIds) {
      const groups = [{ groupId, topics: null }];
      await main.ask(offsetFetch, 9, { groups }, 'at the end', (answer) => this.byTopic(answer));
      await main.ask(describeGroups, 5, { groups: [groupId] }, 'at the end', described);
    }
  }
}
