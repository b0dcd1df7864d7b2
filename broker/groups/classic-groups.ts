/**
 * The requests of the classic group protocol over the groups of one shard: join, sync, heartbeat, leave. Behaviour is that of Kafka's
 * GroupMetadataManager (KIP-345 static members, KIP-394 member ids, KIP-559 protocol in sync, KIP-814 skipped assignment); what a
 * rebalance is stands in rebalances.ts.
 *
 * An answer that has to wait (for a rebalance, for the leader's assignment) waits at its member; see classic-member.ts.
 */
import { errors } from '../../protocol/errors.ts';
import { ClassicGroup } from './classic-group.ts';
import { ClassicMember, type JoinAnswer, type MemberProtocol, type SyncAnswer } from './classic-member.ts';
import {
  assignmentOf,
  emptyGroupEntry,
  groupEntryOf,
  joinAnswerFor,
  joinRefusal,
  newMemberId,
  syncRefusal,
} from './group-answers.ts';
import type { OtherEntry } from './group-entries.ts';
import type { GroupShard, OtherGroup } from './group-shard.ts';
import { type RebalanceOptions, Rebalances } from './rebalances.ts';

export interface JoinRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly protocolType: string;
  /** Own copies of the bytes. */
  readonly protocols: readonly MemberProtocol[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** From v4 on a new dynamic member is sent back with its id first (KIP-394). */
  readonly requiresKnownMemberId: boolean;
  /** From v9 on a static leader that comes back need not assign (KIP-814). */
  readonly canSkipAssignment: boolean;
  readonly reason: string;
}

export interface SyncRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** Own copies of the bytes; only the leader's are used. */
  readonly assignments: ReadonlyMap<string, Buffer>;
}

/** Who waits for the answer to a join. */
export interface Joiner {
  answer(answer: JoinAnswer): void;
  /** It is a dynamic member from now on, or is to come back as one; the answer may take long. */
  isMember(memberId: string, isNew: boolean): void;
}

export interface ClassicGroupsOptions extends RebalanceOptions {
  readonly shard: GroupShard;
}

/** How long a new member may wait for its first generation before it counts as gone. */
const newMemberJoinTimeoutMs = 5 * 60 * 1000;
const none = errors.none.code;

export class ClassicGroups {
  readonly #options: ClassicGroupsOptions;
  readonly #shard: GroupShard;
  readonly #rebalances: Rebalances;

  constructor(options: ClassicGroupsOptions) {
    this.#options = options;
    this.#shard = options.shard;
    this.#rebalances = new Rebalances(options);
  }

  /** After a load: sessions run anew, and a group that is too large now gets its chance to commit and shrink. */
  loaded(): void {
    for (const group of this.#shard.groups.values()) {
      if (group.type !== 'classic') continue;
      for (const member of group.members.values()) this.#rebalances.touch(group, member);
      if (group.members.size > this.#options.limits().maxSize)
        this.#rebalances.prepare(group, 'the group is over capacity');
    }
  }

  /** Before a load, or at the end: whoever waits is told to look for the coordinator again. */
  unload(): void {
    for (const group of this.#shard.groups.values())
      if (group.type === 'classic' && group.state !== 'Dead') this.bury(group);
  }

  join(request: JoinRequest, joiner: Joiner): void {
    const { groupId, memberId } = request;
    const existing = this.#shard.groups.get(groupId);
    if (existing !== undefined && existing.type !== 'classic' && !mayBecomeClassic(existing))
      return joiner.answer(joinRefusal('', errors.inconsistentGroupProtocol.code));
    if (existing?.type !== 'classic' && memberId !== '')
      return joiner.answer(joinRefusal(memberId, errors.unknownMemberId.code));
    const group = existing?.type === 'classic' ? existing : this.#newGroup(groupId, existing, joiner);
    if (group === null) return;
    const refusal = this.#joinError(group, request);
    if (refusal === errors.groupMaxSizeReached.code) {
      this.#rebalances.remove(group, memberId);
      joiner.answer(joinRefusal('', refusal));
    } else if (refusal !== none) joiner.answer(joinRefusal(memberId, refusal));
    else if (memberId === '') this.#joinNew(group, request, joiner);
    else this.#joinExisting(group, request, joiner);
  }

  sync(request: SyncRequest, answer: (answer: SyncAnswer) => void): void {
    const group = this.#shard.classic(request.groupId);
    const refusal = group === undefined ? errors.unknownMemberId.code : syncError(group, request);
    if (group === undefined || refusal !== none) return answer(syncRefusal(refusal));
    const member = group.members.get(request.memberId)!;
    if (group.state === 'PreparingRebalance') return answer(syncRefusal(errors.rebalanceInProgress.code));
    this.#rebalances.syncReceived(group, member);
    if (group.state === 'Stable') return answer(assignmentOf(group, member));
    member.awaitSync(answer, syncRefusal(errors.rebalanceInProgress.code));
    if (group.leaderId === member.memberId) this.#rebalances.assign(group, request.assignments);
  }

  heartbeat(groupId: string, memberId: string, groupInstanceId: string | null, generationId: number): number {
    const group = this.#shard.classic(groupId);
    if (group === undefined) return errors.unknownMemberId.code;
    if (group.state === 'Dead') return errors.coordinatorNotAvailable.code;
    const refusal = group.memberError(memberId, groupInstanceId);
    if (refusal !== none) return refusal;
    if (generationId !== group.generationId) return errors.illegalGeneration.code;
    this.#rebalances.touch(group, group.members.get(memberId)!);
    return group.state === 'PreparingRebalance' ? errors.rebalanceInProgress.code : none;
  }

  /** Takes members out; the answer to each in order. */
  leave(
    groupId: string,
    leaving: readonly { readonly memberId: string; readonly groupInstanceId: string | null }[],
    reason: string,
  ): number[] {
    const group = this.#shard.classic(groupId);
    if (group === undefined) return leaving.map(() => errors.unknownMemberId.code);
    const results = leaving.map(({ memberId, groupInstanceId }) =>
      this.#leaveOne(group, memberId, groupInstanceId),
    );
    if (results.includes(none) && !group.isEmpty) this.#rebalances.rebalanceOrComplete(group, reason);
    return results;
  }

  /** A committed offset keeps a session alive, except while the assignment is awaited. */
  committed(group: ClassicGroup, memberId: string): void {
    const member = group.members.get(memberId);
    if (member !== undefined && group.state !== 'CompletingRebalance') this.#rebalances.touch(group, member);
  }

  /** Ends a group that is deleted or unloaded; whoever waits is told to look for the coordinator again. */
  bury(group: ClassicGroup): void {
    this.#rebalances.bury(group, errors.notCoordinator.code);
  }

  /** In the place of an empty group of another kind, if there is one. Null when it could not be written; then the answer is given. */
  #newGroup(groupId: string, former: OtherGroup | undefined, joiner: Joiner): ClassicGroup | null {
    const group = new ClassicGroup(groupId, this.#options.environment.clock.nowMs());
    this.#shard.groups.set(groupId, group);
    let refusal = none;
    this.#options.write([...(former ? tombstonesOf(former) : []), emptyGroupEntry(group)], (errorCode) => {
      refusal = errorCode;
    });
    if (refusal === none) {
      const what = 'An empty group of a later protocol is a classic one now';
      if (former) this.#options.logger.info(what, { group: groupId, was: former.type });
      return group;
    }
    if (former) this.#shard.groups.set(groupId, former);
    else this.#shard.groups.delete(groupId);
    joiner.answer(joinRefusal('', refusal));
    return null;
  }

  #joinError(group: ClassicGroup, request: JoinRequest): number {
    if (!this.#hasRoom(group, request.memberId)) return errors.groupMaxSizeReached.code;
    if (group.state === 'Dead') return errors.coordinatorNotAvailable.code;
    return group.supports(request.protocolType, request.protocols)
      ? none
      : errors.inconsistentGroupProtocol.code;
  }

  /** While a group gathers, its first members to come back are counted: a limit that was lowered sends the last ones away. */
  #hasRoom(group: ClassicGroup, memberId: string): boolean {
    const { maxSize } = this.#options.limits();
    switch (group.state) {
      case 'PreparingRebalance':
        return group.members.get(memberId)?.isAwaitingJoin === true || group.awaitingJoinCount < maxSize;
      case 'CompletingRebalance':
      case 'Stable':
        return group.members.has(memberId) || group.members.size < maxSize;
      default:
        return true;
    }
  }

  #joinNew(group: ClassicGroup, request: JoinRequest, joiner: Joiner): void {
    const { random } = this.#options.environment;
    const memberId = newMemberId(request.groupInstanceId ?? request.clientId, random);
    if (request.groupInstanceId !== null) {
      const current = group.staticMembers.get(request.groupInstanceId);
      if (current === undefined) this.#addMember(group, memberId, request, joiner);
      else this.#replaceStatic(group, group.members.get(current)!, memberId, request, joiner);
    } else if (request.requiresKnownMemberId) {
      this.#rebalances.expect(group, memberId, request.sessionTimeoutMs);
      joiner.isMember(memberId, true);
      joiner.answer(joinRefusal(memberId, errors.memberIdRequired.code));
    } else this.#addMember(group, memberId, request, joiner);
  }

  #joinExisting(group: ClassicGroup, request: JoinRequest, joiner: Joiner): void {
    const { memberId, groupInstanceId } = request;
    if (group.pendingJoin.has(memberId)) {
      // Ids are only given to dynamic members this way; Kafka, too, has no better answer.
      if (groupInstanceId !== null)
        return joiner.answer(joinRefusal(memberId, errors.unknownServerError.code));
      return this.#addMember(group, memberId, request, joiner);
    }
    const refusal = group.isEmpty
      ? errors.unknownMemberId.code
      : group.memberError(memberId, request.groupInstanceId);
    if (refusal !== none) return joiner.answer(joinRefusal(memberId, refusal));
    const member = group.members.get(memberId)!;
    if (!member.isStatic) joiner.isMember(memberId, false);
    // The leader may ask for a rebalance by joining again, with a reason that its metadata does not show.
    const mayStay =
      group.state === 'CompletingRebalance' || (group.state === 'Stable' && group.leaderId !== memberId);
    // It has missed the answer of this generation: nothing changes for the others.
    if (mayStay && member.supportsExactly(request.protocols))
      return joiner.answer(joinAnswerFor(group, member));
    updateMember(member, request);
    awaitJoin(member, joiner);
    this.#rebalances.rebalanceOrComplete(group, `member ${memberId} joins again: ${request.reason}`);
  }

  #addMember(group: ClassicGroup, memberId: string, request: JoinRequest, joiner: Joiner): void {
    const { protocolType, protocols } = request;
    const member = new ClassicMember({ ...request, memberId }, protocolType, protocols, request);
    member.isNew = true;
    if (group.state === 'PreparingRebalance' && group.previousState === 'Empty') group.newMemberAdded = true;
    group.add(member);
    awaitJoin(member, joiner);
    if (!member.isStatic) joiner.isMember(memberId, request.memberId === '');
    this.#rebalances.touch(group, member, newMemberJoinTimeoutMs);
    this.#rebalances.rebalanceOrComplete(group, `member ${memberId} joins: ${request.reason}`);
  }

  /** A static member is back under a new id: the old id is fenced, and a stable group stays as it is if its protocol does. */
  #replaceStatic(
    group: ClassicGroup,
    old: ClassicMember,
    memberId: string,
    request: JoinRequest,
    joiner: Joiner,
  ): void {
    const leaderBefore = group.leaderId;
    old.answerJoin(joinRefusal(old.memberId, errors.fencedInstanceId.code));
    old.answerSync(syncRefusal(errors.fencedInstanceId.code));
    this.#rebalances.forgetSession(group, old.memberId);
    const member = new ClassicMember({ ...old, memberId }, old.protocolType, old.protocols, old);
    member.assignment = old.assignment;
    group.replaceStatic(old, member);
    this.#rebalances.touch(group, member);
    updateMember(member, request);
    awaitJoin(member, joiner);
    const reason = `static member ${member.groupInstanceId} is back as ${memberId}: ${request.reason}`;
    // The leader may have been told the old id: what it assigns to that would be lost.
    if (group.state === 'CompletingRebalance') this.#rebalances.prepare(group, reason);
    else if (group.state !== 'Stable') this.#rebalances.maybeCompleteJoin(group);
    else if (group.selectProtocol() !== group.protocolName) this.#rebalances.prepare(group, reason);
    else this.#keepReplaced(group, old, member, { leaderBefore, canSkip: request.canSkipAssignment });
  }

  /** Writes the group with the new id of a static member; the generation stays. */
  #keepReplaced(
    group: ClassicGroup,
    old: ClassicMember,
    member: ClassicMember,
    { leaderBefore, canSkip }: { readonly leaderBefore: string | null; readonly canSkip: boolean },
  ): void {
    const { generationId } = group;
    this.#options.write([groupEntryOf(group)], (errorCode) => {
      // A rebalance that began meanwhile answers the member when it is done.
      if (group.state !== 'Stable' || group.generationId !== generationId) return;
      const answer = joinAnswerFor(group, member);
      if (errorCode !== none) {
        group.replaceStatic(member, old);
        this.#rebalances.forgetSession(group, member.memberId);
        this.#rebalances.touch(group, old);
        member.answerJoin({ ...answer, errorCode, memberId: '', leader: leaderBefore ?? '', members: [] });
      } else if (canSkip) {
        member.answerJoin({ ...answer, skipAssignment: group.leaderId === member.memberId });
      } else {
        // Older clients would assign anew if told that they lead: they get the leader of before, which is nobody now.
        member.answerJoin({ ...answer, leader: leaderBefore ?? '', members: [] });
      }
    });
  }

  #leaveOne(group: ClassicGroup, memberId: string, groupInstanceId: string | null): number {
    if (memberId === '') {
      const current = groupInstanceId === null ? undefined : group.staticMembers.get(groupInstanceId);
      if (current === undefined) return errors.unknownMemberId.code;
      this.#rebalances.remove(group, current);
      return none;
    }
    if (!group.pendingJoin.has(memberId)) {
      const refusal = group.memberError(memberId, groupInstanceId);
      if (refusal !== none) return refusal;
    }
    this.#rebalances.remove(group, memberId);
    return none;
  }
}

function updateMember(member: ClassicMember, request: JoinRequest): void {
  member.protocols = request.protocols;
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
  member.sessionTimeoutMs = request.sessionTimeoutMs;
}

function awaitJoin(member: ClassicMember, joiner: Joiner): void {
  const replaced = joinRefusal(member.memberId, errors.rebalanceInProgress.code);
  member.awaitJoin((answer) => joiner.answer(answer), replaced);
}

function syncError(group: ClassicGroup, request: SyncRequest): number {
  if (group.state === 'Dead') return errors.coordinatorNotAvailable.code;
  const refusal = group.memberError(request.memberId, request.groupInstanceId);
  if (refusal !== none) return refusal;
  if (request.generationId !== group.generationId) return errors.illegalGeneration.code;
  const isInconsistent =
    differs(request.protocolType, group.protocolType) || differs(request.protocolName, group.protocolName);
  return isInconsistent ? errors.inconsistentGroupProtocol.code : none;
}

/** Null: not said, or not known. */
function differs(asked: string | null, actual: string | null): boolean {
  return asked !== null && actual !== null && asked !== actual;
}

/** As in Kafka: somebody may come back to an empty group with the protocol that came before (or after) its own; not to a share group. */
function mayBecomeClassic({ type, memberIds }: OtherGroup): boolean {
  return type !== 'share' && memberIds.size === 0;
}

/** The record of the group itself comes last: a load does not let go of a group of which there still is something. */
function tombstonesOf({ records }: OtherGroup): OtherEntry[] {
  const entries = [...records.values()].map((entry) => ({ ...entry, isDeleted: true }));
  const isWhole = ({ part }: OtherEntry): number => (part === 'group' ? 1 : 0);
  return entries.sort((a, b) => isWhole(a) - isWhole(b));
}
