/** A classic group member that a scenario leads by the hand: it remembers what the coordinator told it, and decides nothing. */

import { setTimeout as pause } from 'node:timers/promises';
import { errors } from '../../../protocol/errors.ts';
import {
  consumerProtocolSubscription,
  encodeConsumerBlob,
} from '../../../protocol/messages/client/consumer-protocol.ts';
import { describeGroups } from '../../../protocol/messages/groups/describe-groups.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { joinGroup } from '../../../protocol/messages/groups/join-group.ts';
import { leaveGroup } from '../../../protocol/messages/groups/leave-group.ts';
import { syncGroup } from '../../../protocol/messages/groups/sync-group.ts';
import type { RequestInit, ResponseOf } from '../../../protocol/schema/api.ts';
import { ceilingMs } from '../eventually.ts';
import { sortedBy } from './normalise.ts';
import type { Peer, Pending, Side } from './side.ts';

type Join = RequestInit<typeof joinGroup>;
type Sync = RequestInit<typeof syncGroup>;

/** The last version without member ids that have to be asked for first, and the last of all. */
export const firstJoinAtOnce = 3;
export const newestJoin = 9;
const staticVersion = 5;

/** What a consumer would send: the topics it wants, and its own name so that it can be told from others. */
export function subscription(name: string, ...topics: string[]): Buffer {
  return encodeConsumerBlob(consumerProtocolSubscription, 0, { topics, userData: Buffer.from(name) });
}

/** Members in the order of their metadata; Kafka's is that of a hash map. */
export function joined({ members, ...rest }: ResponseOf<typeof joinGroup>) {
  return { ...rest, members: sortedBy(members, ({ metadata }) => metadata.toString('hex')) };
}

export function described({ groups, ...rest }: ResponseOf<typeof describeGroups>) {
  return {
    ...rest,
    groups: sortedBy(groups, ({ groupId }) => groupId).map(({ members, ...group }) => ({
      ...group,
      members: sortedBy(members, ({ clientId }) => clientId),
    })),
  };
}

export class Member {
  readonly peer: Peer;
  readonly name: string;
  readonly groupId: string;
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  /** What it says of itself in the protocol that it joins with. */
  metadata: Buffer;
  memberId = '';
  generationId = -1;
  protocolName: string | null = null;
  isLeader = false;
  members: ResponseOf<typeof joinGroup>['members'] = [];

  private constructor(
    peer: Peer,
    name: string,
    groupId: string,
    instanceId: string | null,
    topics: readonly string[],
  ) {
    this.peer = peer;
    this.name = name;
    this.groupId = groupId;
    this.instanceId = instanceId;
    this.topics = topics;
    this.metadata = subscription(name, ...topics);
  }

  static async of(
    side: Side,
    name: string,
    groupId: string,
    options: { instanceId?: string; topics?: readonly string[] } = {},
  ): Promise<Member> {
    return new Member(
      await side.connect(name),
      name,
      groupId,
      options.instanceId ?? null,
      options.topics ?? [],
    );
  }

  /** Sends a join; the answer is read with `joined`. */
  startJoin(note = '', more: Partial<Join> = {}, version = newestJoin): Pending<typeof joinGroup> {
    const body: Join = {
      groupId: this.groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: this.memberId,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: this.metadata }],
      ...(version >= staticVersion ? { groupInstanceId: this.instanceId } : {}),
      ...more,
    };
    return this.peer.start(joinGroup, version, body, `${this.name} ${note}`, joined);
  }

  /** Reads the answer to a join, and takes it in. */
  async joined(pending: Pending<typeof joinGroup>): Promise<ResponseOf<typeof joinGroup>> {
    const answer = await pending.answer();
    if (answer.errorCode === errors.memberIdRequired.code || answer.errorCode === errors.none.code)
      this.memberId = answer.memberId;
    if (answer.errorCode !== errors.none.code) return answer;
    this.generationId = answer.generationId;
    this.protocolName = answer.protocolName;
    this.isLeader = answer.leader === answer.memberId;
    this.members = answer.members;
    return answer;
  }

  async join(
    note = '',
    more: Partial<Join> = {},
    version = newestJoin,
  ): Promise<ResponseOf<typeof joinGroup>> {
    return this.joined(this.startJoin(note, more, version));
  }

  /** The first join of a member that is to come back with its id. */
  async askForId(note = 'asks for an id', version = newestJoin): Promise<void> {
    if (version > firstJoinAtOnce && this.instanceId === null && this.memberId === '')
      await this.join(note, {}, version);
  }

  startSync(note = '', more: Partial<Sync> = {}, version = 5): Pending<typeof syncGroup> {
    const assignments = this.isLeader
      ? sortedBy(this.members, ({ metadata }) => metadata.toString('hex')).map(({ memberId, metadata }) => ({
          memberId,
          assignment: Buffer.from(`for ${metadata.toString('hex').slice(-8)} in ${this.generationId}`),
        }))
      : [];
    const body: Sync = {
      groupId: this.groupId,
      generationId: this.generationId,
      memberId: this.memberId,
      assignments,
      ...(version >= 3 ? { groupInstanceId: this.instanceId } : {}),
      ...(version >= 5 ? { protocolType: 'consumer', protocolName: this.protocolName } : {}),
      ...more,
    };
    return this.peer.start(syncGroup, version, body, `${this.name} ${note}`);
  }

  sync(note = '', more: Partial<Sync> = {}, version = 5): Promise<ResponseOf<typeof syncGroup>> {
    return this.startSync(note, more, version).answer();
  }

  heartbeat(note = '', more: Partial<RequestInit<typeof heartbeat>> = {}, version = 4) {
    const { groupId, generationId, memberId } = this;
    const own = version >= 3 ? { groupInstanceId: this.instanceId } : {};
    return this.peer.ask(
      heartbeat,
      version,
      { groupId, generationId, memberId, ...own, ...more },
      `${this.name} ${note}`,
    );
  }

  leave(note = '', version = 5) {
    const { groupId, memberId, instanceId } = this;
    const who = version >= 3 ? { members: [{ memberId, groupInstanceId: instanceId }] } : { memberId };
    return this.peer.ask(leaveGroup, version, { groupId, ...who }, `${this.name} ${note}`);
  }
}

type Described = ResponseOf<typeof describeGroups>['groups'][number];

/** Waits, without comparing, until a group is as a scenario needs it for its next step. */
export async function untilGroup(
  peer: Peer,
  groupId: string,
  isThere: (group: Described) => boolean,
): Promise<void> {
  const endMs = performance.now() + ceilingMs;
  for (;;) {
    const { groups } = await peer.ready(describeGroups, 5, { groups: [groupId] });
    if (isThere(groups[0]!)) return;
    if (performance.now() > endMs) throw new Error(`${groupId} is ${JSON.stringify(groups[0])}`);
    await pause(1);
  }
}

export const describe = (side: Side, groupId: string, note = '') =>
  side.ask(describeGroups, 5, { groups: [groupId] }, note, described);

/** The first member of a group comes and is assigned. */
export async function live(member: Member, note: string): Promise<void> {
  await member.askForId();
  await member.join(note);
  await member.sync(note);
}
