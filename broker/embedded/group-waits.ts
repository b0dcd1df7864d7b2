/** Waiting for groups: until they are stable, until they have committed what there is. */
import { outsideClock } from '../../storage/environment/clock.ts';
import { lastOffsetAt } from '../../storage/log/batch-walk.ts';
import type { RunningBroker } from '../broker.ts';
import { assignedPartitions } from '../groups/assignments.ts';
import type { Group } from '../groups/group-shard.ts';
import { subscribedTopicsOf } from '../groups/subscriptions.ts';
import { DecidedBatches } from '../lookup/decided-batches.ts';
import { Slices } from '../lookup/slices.ts';
import { consumerOffsetsTopic } from '../metadata/topic-names.ts';
import { checkFlag, checkInteger, checkText, checkTexts } from '../options/check-options.ts';
import { checkWait, type Look, refuseUnknown, until, type Waited, type WaitTimeout } from './waits.ts';

export interface GroupStableOptions extends WaitTimeout {
  /** So many, no more and no fewer; left out: at least one. */
  readonly members?: number;
  /**
   * True, the default: each member has begun to fetch what is assigned to it, so that what is written from here on is read, though its
   * consumer begins at the end. False: the assignment is enough, for members that are paused, or are no consumers that fetch.
   */
  readonly fetching?: boolean;
}

export interface StableGroup {
  readonly groupId: string;
  readonly members: readonly StableMember[];
}

export interface StableMember {
  readonly memberId: string;
  readonly clientId: string;
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
}

/** Resolves when the group is stable, with so many members, and every partition of its topics is assigned, and fetched. */
export function groupStable(
  waited: Waited,
  groupId: string,
  options: GroupStableOptions = {},
): Promise<StableGroup> {
  checkWait('groupStable', options, 'members', 'fetching');
  checkText('groupId', groupId);
  const { members, fetching = true } = options;
  if (members !== undefined) checkInteger('members', members, 1, Number.MAX_SAFE_INTEGER);
  checkFlag('fetching', fetching);
  const { services } = waited.broker;
  return until(
    waited,
    {
      what: `group ${groupId} to be stable${members === undefined ? '' : ` with ${members} members`}`,
      topics: () => [consumerOffsetsTopic],
      look: async () => {
        if (services.cluster.topic(consumerOffsetsTopic) === undefined) return noGroup;
        const seen = await services.groups.describe(groupId, (group) =>
          lookAt(waited, group, members, fetching),
        );
        return typeof seen === 'number' ? { saw: `the coordinator answers with error ${seen}` } : seen;
      },
      follow: (changed) => {
        const ends = [services.groups.onStable(changed), waited.witness.onFetch(changed)];
        return () => {
          for (const end of ends) end();
        };
      },
    },
    options,
  );
}

const noGroup = { saw: 'there is no such group' } as const;

function lookAt(
  { broker, witness }: Waited,
  group: Group | undefined,
  wanted: number | undefined,
  fetching: boolean,
): Look<StableGroup> {
  if (group === undefined) return noGroup;
  if (group.type !== 'classic')
    return { saw: `it is a ${group.type} group, whose members are not known here` };
  const { cluster } = broker.services;
  const members: StableMember[] = [];
  const unread: string[] = [];
  for (const { memberId, clientId, clientHost, assignment } of group.members.values()) {
    const partitions = group.isConsumerProtocol ? assignedPartitions(assignment) : [];
    members.push({ memberId, clientId, partitions });
    if (!fetching) continue;
    for (const each of partitions)
      if (!witness.fetches(group.groupId, { clientId, clientHost }, each, cluster)) unread.push(nameOf(each));
  }
  const assigned = new Set(members.flatMap((each) => each.partitions.map(nameOf)));
  const topics = [...(subscribedTopicsOf(group) ?? [])];
  const unknown = topics.filter((topic) => cluster.topic(topic) === undefined);
  const missing = topics.flatMap((topic) =>
    (cluster.topic(topic)?.partitions ?? [])
      .map((_, partition) => nameOf({ topic, partition }))
      .filter((name) => !assigned.has(name)),
  );
  const isComplete = wanted === undefined ? members.length > 0 : members.length === wanted;
  const isWhole = unknown.length + missing.length + unread.length === 0;
  if (group.state === 'Stable' && isComplete && isWhole) return { done: { groupId: group.groupId, members } };
  const names = members.map(
    ({ clientId, partitions }) => `${clientId} (${partitions.map(nameOf).join(', ')})`,
  );
  const open = [
    ['no such topic', unknown] as const,
    ['not assigned', missing] as const,
    ['assigned, and not fetched yet', unread] as const,
  ].map(([what, which]) => (which.length === 0 ? '' : `; ${what}: ${which.join(', ')}`));
  const saw = `it is ${group.state} with ${members.length} members: ${names.join(', ') || 'none'}`;
  return { saw: saw + open.join('') };
}

const nameOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}-${partition}`;

export interface CommittedOptions extends WaitTimeout {
  /** Left out: those to which the group is subscribed, or for which it has committed. */
  readonly topics?: readonly string[];
}

export interface CommittedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Of the next record to be read; null: nothing is committed, and there is nothing to read. */
  readonly offset: number | null;
  /** The end of what read_committed consumers see. */
  readonly endOffset: number;
}

/** Resolves when the group has committed all that there is in its topics. */
export function committed(
  waited: Waited,
  groupId: string,
  options: CommittedOptions = {},
): Promise<CommittedPartition[]> {
  checkWait('committed', options, 'topics');
  checkText('groupId', groupId);
  const { services } = waited.broker;
  if (options.topics !== undefined) checkTexts('topics', options.topics);
  for (const topic of options.topics ?? []) refuseUnknown(services, topic);
  const slices = new Slices(outsideClock(services.environment.clock));
  let topics: readonly string[] = options.topics ?? [];
  const look = async (): Promise<Look<CommittedPartition[]>> => {
    const { cluster } = services;
    // Before the first group there is no coordinator either.
    const offsets =
      cluster.topic(consumerOffsetsTopic) === undefined
        ? new Map<string, number>()
        : await services.groups.readOffsets<ReadonlyMap<string, number> | number>(
            groupId,
            (shard) => {
              const group = shard.group(groupId);
              const subscribed = group?.type === 'classic' ? (subscribedTopicsOf(group) ?? []) : [];
              const all = [...shard.offsetsOf(groupId)];
              topics = options.topics ?? [...new Set([...subscribed, ...all.map(({ topic }) => topic)])];
              return new Map(all.map((each) => [nameOf(each), each.value.offset]));
            },
            (errorCode) => errorCode,
          );
    if (typeof offsets === 'number') return { saw: `the coordinator answers with error ${offsets}` };
    if (topics.length === 0) return { saw: 'it has no subscription and has committed nothing' };
    const all = topics.flatMap((topic) => partitionsOf(waited.broker, topic, offsets));
    const behind: CommittedPartition[] = [];
    for (const each of all) if (await isBehind(services, each, slices)) behind.push(each);
    const unknown = topics.filter((topic) => services.cluster.topic(topic) === undefined);
    if (behind.length === 0 && unknown.length === 0) return { done: all };
    const parts = behind.map((each) => `${nameOf(each)} at ${each.offset ?? 'none'} of ${each.endOffset}`);
    return { saw: [...parts, ...unknown.map((topic) => `there is no topic ${topic}`)].join(', ') };
  };
  const what = `group ${groupId} to commit all there is`;
  return until(waited, { what, topics: () => [consumerOffsetsTopic, ...topics], look }, options);
}

/** Whether there is a record behind what is committed; markers of transactions and what was aborted are none. */
async function isBehind(
  { partitions }: RunningBroker['services'],
  { topic, partition, offset, endOffset }: CommittedPartition,
  slices: Slices,
): Promise<boolean> {
  const log = partitions.get(topic, partition)?.log;
  if (log === undefined || (offset ?? 0) >= endOffset) return false;
  const batches = new DecidedBatches(log, slices, () => log.isDeleted);
  let isThere = false;
  for (let next = Math.max(offset ?? 0, log.logStartOffset), from = -1; next > from && !isThere; ) {
    from = next;
    next = await batches.read(from, (chunk, at) => {
      isThere ||= lastOffsetAt(chunk, at) >= (offset ?? 0);
      return !isThere;
    });
  }
  return isThere;
}

function partitionsOf(
  { services: { cluster, partitions } }: RunningBroker,
  topic: string,
  offsets: ReadonlyMap<string, number>,
): CommittedPartition[] {
  return (cluster.topic(topic)?.partitions ?? []).map((_, partition) => {
    const log = partitions.get(topic, partition)?.log;
    const offset = offsets.get(nameOf({ topic, partition })) ?? null;
    // What is no more need not be committed.
    const isEmpty = log === undefined || log.lastStableOffset <= log.logStartOffset;
    return { topic, partition, offset, endOffset: isEmpty ? 0 : log.lastStableOffset };
  });
}
