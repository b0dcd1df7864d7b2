/** Lines of docs/CLOCK.md about groups. */
import { expect } from 'vitest';
import { describeGroups } from '../../../../protocol/messages/groups/describe-groups.ts';
import { joinGroup } from '../../../../protocol/messages/groups/join-group.ts';
import { offsetCommit } from '../../../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../../../protocol/messages/groups/offset-fetch.ts';
import { syncGroup } from '../../../../protocol/messages/groups/sync-group.ts';
import type { Peer } from '../../faults/peer.ts';
import { type ClockLine, hourMs, longMs, minuteMs, secondMs, type TwoTimes } from './two-times.ts';

const groupId = 'shop';
const rebalanceTimeoutMs = minuteMs;
const memberIdRequired = 79;

class Member {
  readonly peer: Peer;
  readonly #groupInstanceId: string | null;
  readonly #sessionTimeoutMs: number;
  memberId = '';
  #generationId = -1;

  constructor(times: TwoTimes, sessionTimeoutMs: number, groupInstanceId: string | null = null) {
    this.peer = times.peer(groupInstanceId ?? 'member');
    this.#sessionTimeoutMs = sessionTimeoutMs;
    this.#groupInstanceId = groupInstanceId;
  }

  /** Asks once; null: it has to wait. */
  async askToJoin(): Promise<number | null> {
    const answer = await this.peer.ask(joinGroup, 5, {
      groupId,
      sessionTimeoutMs: this.#sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId: this.memberId,
      groupInstanceId: this.#groupInstanceId,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    });
    if (answer === null) return null;
    this.memberId = answer.memberId;
    this.#generationId = answer.generationId;
    return answer.errorCode;
  }

  /** As clients do: a second time, with the id that the first one gave. */
  async join(): Promise<number | null> {
    const code = await this.askToJoin();
    return code === memberIdRequired ? this.askToJoin() : code;
  }

  async sync(): Promise<number | null> {
    const { memberId, peer } = this;
    const assignments = [{ memberId, assignment: Buffer.alloc(0) }];
    const answer = await peer.ask(syncGroup, 3, {
      groupId,
      generationId: this.#generationId,
      memberId,
      groupInstanceId: this.#groupInstanceId,
      assignments,
    });
    return answer?.errorCode ?? null;
  }
}

async function open(times: TwoTimes): Promise<void> {
  await times.coordinate(groupId, 0);
}

async function stableMember(
  times: TwoTimes,
  sessionTimeoutMs: number,
  instanceId: string | null = null,
): Promise<Member> {
  await open(times);
  const member = new Member(times, sessionTimeoutMs, instanceId);
  expect([await member.join(), await member.sync()]).toEqual([0, 0]);
  return member;
}

async function group(times: TwoTimes): Promise<string> {
  const answer = await times.peer('looks').ask(describeGroups, 4, { groups: [groupId] });
  const { groupState, members } = answer!.groups[0]!;
  return `${groupState}, ${members.length} members`;
}

async function expectSession(times: TwoTimes, instanceId: string | null): Promise<void> {
  await stableMember(times, 30 * secondMs, instanceId);
  await times.wait(longMs);
  await times.advance(30 * secondMs - 1);
  expect(await group(times)).toBe('Stable, 1 members');
  await times.advance(1);
  expect(await group(times)).toBe('Empty, 0 members');
}

export const groupLines: Readonly<Record<string, ClockLine>> = {
  '`session.timeout.ms` of members': async (openTimes) => expectSession(await openTimes(), null),

  '`session.timeout.ms` of static members': async (openTimes) => expectSession(await openTimes(), 'till-1'),

  'members that were given an id and do not come back with it': async (openTimes) => {
    const times = await openTimes();
    const first = await stableMember(times, 5 * minuteMs);
    const lost = new Member(times, 30 * secondMs);
    expect(await lost.askToJoin()).toBe(memberIdRequired);
    const second = new Member(times, 5 * minuteMs);
    expect(await second.join()).toBeNull();
    expect(await first.join()).toBeNull();
    await times.wait(longMs);
    await times.advance(30 * secondMs - 1);
    expect(await group(times)).toBe('PreparingRebalance, 2 members');
    await times.advance(1);
    expect(await first.peer.answers()).toMatchObject([{ errorCode: 0, generationId: 2 }]);
  },

  'rebalance time-outs: members that do not join again': async (openTimes) => {
    const times = await openTimes();
    await stableMember(times, 5 * minuteMs);
    const second = new Member(times, 5 * minuteMs);
    expect(await second.join()).toBeNull();
    await times.wait(longMs);
    await times.advance(rebalanceTimeoutMs - 1);
    expect(await second.peer.answers()).toEqual([]);
    await times.advance(1);
    expect(await second.peer.answers()).toMatchObject([{ errorCode: 0, leader: second.memberId }]);
  },

  'rebalance time-outs: members that do not ask for their assignment': async (openTimes) => {
    const times = await openTimes();
    await open(times);
    expect(await new Member(times, 5 * minuteMs).join()).toBe(0);
    await times.wait(longMs);
    await times.advance(rebalanceTimeoutMs - 1);
    expect(await group(times)).toBe('CompletingRebalance, 1 members');
    await times.advance(1);
    expect(await group(times)).toBe('Empty, 0 members');
  },

  '`group.initial.rebalance.delay.ms` (0 unless set)': async (openTimes) => {
    const times = await openTimes({ 'group.initial.rebalance.delay.ms': 3_000 });
    await open(times);
    const member = new Member(times, 30 * secondMs);
    expect(await member.join()).toBeNull();
    await times.wait(longMs);
    await times.advance(2_999);
    expect(await member.peer.answers()).toEqual([]);
    await times.advance(1);
    expect(await member.peer.answers()).toMatchObject([{ errorCode: 0, generationId: 1 }]);
  },

  'committed offsets (`offsets.retention.minutes`)': async (openTimes) => {
    const times = await openTimes({
      'offsets.retention.minutes': 60,
      'offsets.topic.num.partitions': 1,
      'log.cleaner.enable': false,
    });
    await times.topic('t');
    await times.advance(secondMs);
    await open(times);
    const peer = times.peer();
    const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }];
    await peer.ask(offsetCommit, 5, { groupId, memberId: '', topics: [{ name: 't', partitions }] });
    expect(times.lastTimestampMs('__consumer_offsets-0')).toBe(times.nowMs());
    const committed = async () => {
      const topics = [{ name: 't', partitionIndexes: [0] }];
      const answer = await peer.ask(offsetFetch, 5, { groupId, topics });
      return answer!.topics[0]!.partitions[0]!.committedOffset;
    };
    await times.wait(longMs);
    await times.advance(hourMs - 1);
    expect(await committed()).toBe(7);
    // It is looked at every ten minutes.
    await times.advance(11 * minuteMs);
    expect(await committed()).toBe(-1);
  },

  "a lost connection's `kompakt.group.disconnect.grace.ms`": async (openTimes) => {
    const times = await openTimes({ 'kompakt.group.disconnect.grace.ms': 5 * secondMs });
    const member = await stableMember(times, 30 * secondMs);
    member.peer.client.close();
    await times.settle();
    await times.advance(30 * secondMs - 1);
    expect(await group(times)).toBe('Stable, 1 members');
    await times.wait(5 * secondMs);
    expect(await group(times)).toBe('Empty, 0 members');
  },
};
