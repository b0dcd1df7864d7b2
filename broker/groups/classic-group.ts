/**
 * One classic group: who is in it, which generation it is at, and what it may do next. It decides nothing by itself and knows no
 * time-outs; classic-groups.ts drives it.
 *
 *                 join                     all joined / time is up          assignment stored
 *     Empty ──────────────► PreparingRebalance ──────────────► CompletingRebalance ──────────────► Stable
 *       ▲                      │   ▲  ▲                              │ member joins, leaves, fails    │
 *       │    nobody is left    │   │  └──────────────────────────────┘                                │
 *       └──────────────────────┘   └──────────────────────────────────────────────────────────────────┘
 *     any ── deleted or expired ──► Dead
 *
 * Only the generation with its members is written to the log (records/classic-group.ts), once the leader has assigned; who is
 * joining at the moment is gone after a crash, and its client joins again.
 */
import { errors } from '../../protocol/errors.ts';
import type { ClassicMember, MemberProtocol } from './classic-member.ts';
import { subscribedTopicsOf } from './subscriptions.ts';

export type ClassicGroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** The protocol type of consumers; their metadata says which topics they want. */
export const consumerProtocolType = 'consumer';

export class ClassicGroup {
  readonly type = 'classic';
  readonly groupId: string;
  readonly members = new Map<string, ClassicMember>();
  /** Instance id → member id. */
  readonly staticMembers = new Map<string, string>();
  /** Got a member id and are to come back with it (KIP-394). */
  readonly pendingJoin = new Set<string>();
  /** Were told the generation and have not asked for their assignment. */
  readonly pendingSync = new Set<string>();
  generationId = 0;
  protocolType: string | null = null;
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** Wall clock of the last change of state; null when the log does not tell. */
  stateSinceMs: number | null = null;
  /** A member came while an empty group waited for its first ones. */
  newMemberAdded = false;
  /** Null: not known (no consumer group, or its metadata is not to be read). */
  subscribedTopics: ReadonlySet<string> | null = null;
  #state: ClassicGroupState = 'Empty';
  #previousState: ClassicGroupState = 'Dead';

  /** `nowMs` is the wall clock: a group begins empty. Null for one that the log tells of. */
  constructor(groupId: string, nowMs: number | null) {
    this.groupId = groupId;
    this.stateSinceMs = nowMs;
  }

  get state(): ClassicGroupState {
    return this.#state;
  }

  get previousState(): ClassicGroupState {
    return this.#previousState;
  }

  get isEmpty(): boolean {
    return this.#state === 'Empty';
  }

  /** Offsets only: somebody commits without joining. */
  get isSimple(): boolean {
    return this.protocolType === null && this.isEmpty && this.pendingJoin.size === 0;
  }

  get isConsumerProtocol(): boolean {
    return this.protocolType === consumerProtocolType;
  }

  get canRebalance(): boolean {
    return this.#state === 'Empty' || this.#state === 'CompletingRebalance' || this.#state === 'Stable';
  }

  get awaitingJoinCount(): number {
    let count = 0;
    for (const member of this.members.values()) if (member.isAwaitingJoin) count += 1;
    return count;
  }

  get hasAllMembersJoined(): boolean {
    return this.pendingJoin.size === 0 && this.awaitingJoinCount === this.members.size;
  }

  /** The longest that any member allows a rebalance. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values())
      longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  transitionTo(state: ClassicGroupState, nowMs: number): void {
    this.#previousState = this.#state;
    this.#state = state;
    this.stateSinceMs = nowMs;
  }

  /** As the log tells it, at load. */
  restore(state: 'Empty' | 'Stable', sinceMs: number | null): void {
    this.#state = state;
    this.stateSinceMs = sinceMs;
    this.subscribedTopics = subscribedTopicsOf(this);
  }

  add(member: ClassicMember): void {
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.memberId);
    if (this.members.size === 0) this.protocolType = member.protocolType;
    this.leaderId ??= member.memberId;
    this.members.set(member.memberId, member);
    this.pendingJoin.delete(member.memberId);
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId);
    this.members.delete(memberId);
    if (member?.groupInstanceId != null) this.staticMembers.delete(member.groupInstanceId);
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? null;
    this.pendingJoin.delete(memberId);
    this.pendingSync.delete(memberId);
  }

  /** Gives a static member's place to another member id. Who waited under the old one is the caller's business. */
  replaceStatic(oldMember: ClassicMember, newMember: ClassicMember): void {
    this.members.delete(oldMember.memberId);
    this.members.set(newMember.memberId, newMember);
    if (this.leaderId === oldMember.memberId) this.leaderId = newMember.memberId;
    this.staticMembers.set(newMember.groupInstanceId!, newMember.memberId);
  }

  /** False when no member that has joined could lead. */
  electJoinedLeader(): boolean {
    if (this.leaderId === null) return false;
    if (this.members.get(this.leaderId)!.isAwaitingJoin) return true;
    for (const member of this.members.values()) {
      if (!member.isAwaitingJoin) continue;
      this.leaderId = member.memberId;
      return true;
    }
    return false;
  }

  /** The next generation: with a protocol that all support, or empty. */
  beginNextGeneration(nowMs: number): void {
    this.generationId += 1;
    const isEmpty = this.members.size === 0;
    this.protocolName = isEmpty ? null : this.selectProtocol();
    this.subscribedTopics = subscribedTopicsOf(this);
    this.transitionTo(isEmpty ? 'Empty' : 'CompletingRebalance', nowMs);
    this.pendingSync.clear();
  }

  /** Every member votes for the first of its protocols that all support; the most votes win. */
  selectProtocol(): string {
    const candidates = this.#commonProtocols();
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const name = member.vote(candidates);
      votes.set(name, (votes.get(name) ?? 0) + 1);
    }
    let winner = '';
    let most = 0;
    for (const [name, count] of votes) {
      if (count <= most) continue;
      winner = name;
      most = count;
    }
    return winner;
  }

  /** Whether a member with these could belong: some protocol of its own is supported by everybody. */
  supports(protocolType: string, protocols: readonly Pick<MemberProtocol, 'name'>[]): boolean {
    if (this.isEmpty) return protocolType !== '' && protocols.length > 0;
    if (this.protocolType !== protocolType) return false;
    // The first members have left again before their first generation: nobody is there to disagree.
    if (this.members.size === 0) return protocols.length > 0;
    const common = this.#commonProtocols();
    return protocols.some(({ name }) => common.has(name));
  }

  /** NONE, UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID for a static member whose place another one has taken. */
  memberError(memberId: string, groupInstanceId: string | null): number {
    if (groupInstanceId !== null) {
      const current = this.staticMembers.get(groupInstanceId);
      if (current === undefined) return errors.unknownMemberId.code;
      if (current !== memberId) return errors.fencedInstanceId.code;
    }
    return this.members.has(memberId) ? errors.none.code : errors.unknownMemberId.code;
  }

  /** For offsets that may go: a topic somebody reads keeps them. */
  isSubscribedTo(topic: string): boolean {
    return this.subscribedTopics === null ? this.isConsumerProtocol : this.subscribedTopics.has(topic);
  }

  #commonProtocols(): Set<string> {
    const counts = new Map<string, number>();
    for (const { protocols } of this.members.values()) {
      const names = new Set(protocols.map(({ name }) => name));
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const common = new Set<string>();
    for (const [name, count] of counts) if (count === this.members.size) common.add(name);
    return common;
  }
}
