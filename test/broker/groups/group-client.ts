/** A member of a classic group as a client plays it, straight to the coordinator. */
import type { JoinAnswer, SyncAnswer } from '../../../broker/groups/classic-member.ts';
import type { GroupCoordinator } from '../../../broker/groups/group-coordinator.ts';
import type { Group } from '../../../broker/groups/group-shard.ts';
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
  encodeConsumerBlob,
} from '../../../protocol/messages/client/consumer-protocol.ts';
import { recordEncoder } from '../../../protocol/schema/compile.ts';
import { Writer } from '../../../protocol/wire/writer.ts';
import { callerOf, FakeConnection } from '../caller.ts';
import type { World } from '../world.ts';

export interface ClientOptions {
  readonly groupId?: string;
  readonly clientId?: string;
  readonly clientHost?: string;
  readonly instanceId?: string;
  readonly protocolType?: string;
  /** Names; each says that it subscribes to `topics`. */
  readonly protocols?: readonly string[];
  readonly topics?: readonly string[];
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  /** Of JoinGroup. */
  readonly version?: number;
}

/** What a promise has come to so far. */
export interface Watched<Answer> {
  readonly promise: Promise<Answer>;
  answer: Answer | undefined;
}

export function watch<Answer>(later: Answer | Promise<Answer>): Watched<Answer> {
  const watched: Watched<Answer> = { promise: Promise.resolve(later), answer: undefined };
  // A failure is for whoever awaits the promise.
  watched.promise.then(
    (answer) => {
      watched.answer = answer;
    },
    () => {},
  );
  return watched;
}

export class GroupClient {
  readonly world: World;
  readonly groupId: string;
  connection = new FakeConnection();
  memberId = '';
  generationId = -1;
  options: ClientOptions;

  constructor(world: World, options: ClientOptions = {}) {
    this.world = world;
    this.options = options;
    this.groupId = options.groupId ?? 'g';
  }

  get #groups(): GroupCoordinator {
    return this.world.groups;
  }

  get caller() {
    const { clientId = 'c', clientHost = '/127.0.0.1' } = this.options;
    return callerOf({ clientId, clientHost, connection: this.connection });
  }

  /** One JoinGroup. */
  join(): Watched<JoinAnswer> {
    const { options } = this;
    const { version = 9, protocols = ['range'], topics = [] } = options;
    const answer = this.#groups.join(
      {
        groupId: this.groupId,
        memberId: this.memberId,
        groupInstanceId: options.instanceId ?? null,
        clientId: options.clientId ?? 'c',
        clientHost: options.clientHost ?? '/127.0.0.1',
        protocolType: options.protocolType ?? 'consumer',
        protocols: protocols.map((name) => ({ name, metadata: subscription(topics) })),
        sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
        rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
        requiresKnownMemberId: version >= 4,
        canSkipAssignment: version >= 9,
        reason: 'a test',
      },
      this.caller,
    );
    return watch(Promise.resolve(answer).then((done) => this.#noted(done)));
  }

  /** JoinGroup as often as a client sends it to get a member id. */
  async joining(): Promise<Watched<JoinAnswer>> {
    const first = this.join();
    await this.world.clock.settle();
    return first.answer?.errorCode === 79 ? this.join() : first;
  }

  sync(assignments: Assignments = {}, claims: Partial<SyncClaims> = {}): Watched<SyncAnswer> {
    return watch(
      this.#groups.sync(
        {
          groupId: this.groupId,
          memberId: this.memberId,
          groupInstanceId: this.options.instanceId ?? null,
          generationId: this.generationId,
          protocolType: null,
          protocolName: null,
          ...claims,
          assignments: new Map(Object.entries(assignments).map(([id, what]) => [id, bytesOf(what)])),
        },
        this.caller,
      ),
    );
  }

  heartbeat(): number {
    const code = this.#groups.heartbeat(
      {
        groupId: this.groupId,
        memberId: this.memberId,
        groupInstanceId: this.options.instanceId ?? null,
        generationId: this.generationId,
      },
      this.caller,
    );
    if (typeof code !== 'number') throw new Error('the heartbeat has to wait');
    return code;
  }

  leave(): unknown {
    return this.#groups.leave(this.groupId, [{ memberId: this.memberId, groupInstanceId: null }], 'a test');
  }

  /** Commits as this member; the code of each offset, or one for all. */
  commit(topic: string, offset: number, claims: Partial<CommitClaims> = {}) {
    const { state } = this.world.cluster;
    return this.#groups.commitOffsets(
      {
        groupId: this.groupId,
        memberId: this.memberId,
        groupInstanceId: this.options.instanceId ?? null,
        generationId: this.generationId,
        knowsGroupIdNotFound: true,
        ...claims,
      },
      [committed(topic, offset, this.world.clock.nowMs(), state.topic(topic)?.id)],
      this.caller,
    );
  }

  #noted(answer: JoinAnswer): JoinAnswer {
    if (answer.memberId) this.memberId = answer.memberId;
    if (answer.errorCode === 0) this.generationId = answer.generationId!;
    return answer;
  }
}

/** Member id → a text, or partitions of topics as consumers write them. */
export type Assignments = Readonly<Record<string, string | Readonly<Record<string, readonly number[]>>>>;

function bytesOf(assignment: Assignments[string]): Buffer {
  if (typeof assignment === 'string') return Buffer.from(assignment);
  const assignedPartitions = Object.entries(assignment).map(([topic, partitions]) => ({
    topic,
    partitions: [...partitions],
  }));
  return encodeConsumerBlob(consumerProtocolAssignment, 0, { assignedPartitions });
}

export interface SyncClaims {
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolType: string;
  readonly protocolName: string;
}

export interface CommitClaims {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
  readonly knowsGroupIdNotFound: boolean;
}

export function committed(
  topic: string,
  offset: number,
  commitTimestampMs: number,
  topicId = 'AAAAAAAAAAAAAAAAAAAAAA',
  extra: { partition?: number; metadata?: string; expireTimestampMs?: number } = {},
) {
  const { partition = 0, metadata = '', expireTimestampMs = -1 } = extra;
  return {
    topic,
    partition,
    value: { offset, leaderEpoch: -1, metadata, commitTimestampMs, expireTimestampMs, topicId },
  };
}

/** What a consumer tells its leader. */
export function subscription(topics: readonly string[]): Buffer {
  const writer = new Writer();
  writer.int16(0);
  recordEncoder(consumerProtocolSubscription, 0)(writer, { topics: [...topics], userData: null });
  return writer.finishBuffer();
}

/** Members that have joined together and got `assignment`; the first one leads. */
export async function stableGroup(...clients: GroupClient[]): Promise<void> {
  const { clock } = clients[0]!.world;
  for (const client of clients) await client.joining();
  // With a member more each round, those who are in join again.
  for (let round = 0; round < clients.length; round++) {
    await clock.settle();
    if (clients.every((client) => client.generationId === clients[0]!.generationId)) break;
    for (const client of clients) if (client.heartbeat() === 27) client.join();
  }
  await clock.settle();
  const assignments = Object.fromEntries(clients.map(({ memberId }, n) => [memberId, `for ${n}`]));
  const syncs = clients.map((client) => client.sync(assignments));
  await clock.settle();
  const codes = syncs.map(({ answer }) => answer?.errorCode);
  if (codes.some((code) => code !== 0)) throw new Error(`the group is not stable: ${codes.join()}`);
}

/** State and members of a group, as one line. */
export async function seen(world: World, groupId = 'g'): Promise<string> {
  return String(await world.groups.describe(groupId, inOneLine));
}

function inOneLine(group: Group | undefined): string {
  if (group === undefined) return String(group);
  if (group.type !== 'classic') return `${group.type} with ${group.memberIds.size}`;
  return `${group.state} ${group.generationId}, ${group.members.size} members`;
}

/** What a group has committed for a topic's partition; null for nothing. */
export async function offsetOf(world: World, topic: string, groupId = 'g', partition = 0) {
  return world.groups.readOffsets<number | null | string>(
    groupId,
    (shard) => shard.offset(groupId, topic, partition)?.offset ?? null,
    (code) => `error ${code}`,
  );
}

/** A world with `__consumer_offsets`. */
export async function groupWorld(world: World): Promise<World> {
  await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
  return world;
}
