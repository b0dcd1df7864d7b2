/**
 * The classic group protocol over the groups of one shard: join, sync, heartbeat, leave, and what time-outs do. Behaviour is that of
 * Kafka's GroupMetadataManager (KIP-134 initial delay, KIP-345 static members, KIP-394 member ids, KIP-559 protocol in sync).
 *
 * An answer that has to wait (for a rebalance, for the leader's assignment) waits at its member; see classic-member.ts.
 */
import { errors } from '../../protocol/errors.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Deadlines } from '../journal/deadlines.ts';
import type { Logger } from '../observe/logger.ts';
import { ClassicGroup } from './classic-group.ts';
import { ClassicMember, type JoinAnswer, type MemberProtocol, type SyncAnswer } from './classic-member.ts';
import { groupEntryOf, joinAnswerFor, joinRefusal, newMemberId, syncRefusal } from './group-answers.ts';
import type { GroupEntry } from './group-entries.ts';
import type { GroupShard } from './group-shard.ts';

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

export interface GroupLimits {
  readonly maxSize: number;
  readonly initialRebalanceDelayMs: number;
}

export interface ClassicGroupsOptions {
  readonly shard: GroupShard;
  readonly environment: Environment;
  /** Keys: see the functions at the end. */
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  limits(): GroupLimits;
  /** Appends entries; `done` hears the error code once they are as durable as the policy says, maybe at once. */
  write(entries: readonly GroupEntry[], done: (errorCode: number) => void): void;
}

/** How long a new member may wait for its first generation before it counts as gone. */
const newMemberJoinTimeoutMs = 5 * 60 * 1000;
const none = errors.none.code;
const nothing = Buffer.alloc(0);

export class ClassicGroups {
  readonly #options: ClassicGroupsOptions;
  readonly #shard: GroupShard;
  readonly #deadlines: Deadlines;

  constructor(options: ClassicGroupsOptions) {
    this.#options = options;
    this.#shard = options.shard;
    this.#deadlines = options.deadlines;
  }

  /** After a load: sessions run anew, and a group that is too large now gets its chance to commit and shrink. */
  loaded(): void {
    for (const group of this.#shard.groups.values()) {
      if (group.type !== 'classic') continue;
      for (const member of group.members.values()) this.touch(group, member);
      if (group.members.size > this.#options.limits().maxSize)
        this.#prepareRebalance(group, 'the group is over capacity');
    }
  }

  join(request: JoinRequest, answer: (answer: JoinAnswer) => void): void {
    const isUnknownMember = request.memberId === '';
    const existing = this.#shard.groups.get(request.groupId);
    if (existing !== undefined && existing.type !== 'classic') {
      return answer(joinRefusal('', errors.inconsistentGroupProtocol.code));
    }
    if (existing === undefined && !isUnknownMember) {
      return answer(joinRefusal(request.memberId, errors.unknownMemberId.code));
    }
    const group = existing ?? new ClassicGroup(request.groupId);
    if (existing === undefined) this.#shard.groups.set(group.groupId, group);
    if (!this.#mayJoin(group, request.memberId)) {
      this.#removeMember(group, request.memberId);
      answer(joinRefusal('', errors.groupMaxSizeReached.code));
    } else if (!group.supports(request.protocolType, request.protocols)) {
      answer(joinRefusal(request.memberId, errors.inconsistentGroupProtocol.code));
    } else if (isUnknownMember) {
      this.#joinNew(group, request, answer);
    } else {
      this.#joinExisting(group, request, answer);
    }
    // The group is written when it is made, so that a crash before its first generation leaves an empty group, as in Kafka.
    if (existing === undefined && group.isEmpty) this.#options.write([groupEntryOf(group)], () => {});
  }

  sync(request: SyncRequest, answer: (answer: SyncAnswer) => void): void {
    const group = this.#shard.classic(request.groupId);
    const refusal = group === undefined ? errors.unknownMemberId.code : syncError(group, request);
    if (group === undefined || refusal !== none) return answer(syncRefusal(refusal));
    const member = group.members.get(request.memberId)!;
    if (group.state === 'PreparingRebalance') return answer(syncRefusal(errors.rebalanceInProgress.code));
    this.#syncReceived(group, member);
    if (group.state === 'Stable') {
      this.touch(group, member);
      return answer(assignmentOf(group, member));
    }
    member.awaitSync(answer, syncRefusal(errors.rebalanceInProgress.code));
    if (group.leaderId === member.memberId) this.#assign(group, request.assignments);
  }

  heartbeat(groupId: string, memberId: string, groupInstanceId: string | null, generationId: number): number {
    const group = this.#shard.classic(groupId);
    if (group === undefined) return errors.unknownMemberId.code;
    const refusal = group.memberError(memberId, groupInstanceId);
    if (refusal !== none) return refusal;
    if (generationId !== group.generationId) return errors.illegalGeneration.code;
    this.touch(group, group.members.get(memberId)!);
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
    if (results.includes(none)) {
      if (group.state === 'Stable' || group.state === 'CompletingRebalance')
        this.#rebalanceOrComplete(group, reason);
      else if (group.state === 'PreparingRebalance') this.#maybeCompleteJoin(group);
    }
    return results;
  }

  /** A sign of life: the session begins anew. */
  touch(group: ClassicGroup, member: ClassicMember, timeoutMs = member.sessionTimeoutMs): void {
    this.#deadlines.set(sessionKey(group.groupId, member.memberId), timeoutMs, () =>
      this.#sessionExpired(group, member.memberId),
    );
  }

  /** Answers everybody who waits and forgets the time-outs of a group that is deleted. */
  bury(group: ClassicGroup): void {
    for (const memberId of [...group.pendingJoin])
      this.#deadlines.cancel(sessionKey(group.groupId, memberId));
    for (const memberId of group.members.keys()) this.#deadlines.cancel(sessionKey(group.groupId, memberId));
    this.#deadlines.cancel(joinKey(group.groupId));
    this.#deadlines.cancel(syncKey(group.groupId));
    group.transitionTo('Dead', this.#nowMs());
  }

  /** A member that is silent for too long. */
  #sessionExpired(group: ClassicGroup, memberId: string): void {
    if (group.state === 'Dead') return;
    if (group.pendingJoin.has(memberId)) {
      group.remove(memberId);
      if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined) this.#completeJoin(group);
      return;
    }
    const member = group.members.get(memberId);
    if (member === undefined || member.hasSatisfiedHeartbeat) return;
    this.#options.logger.info('A group member is silent and leaves', {
      group: group.groupId,
      member: memberId,
    });
    this.#removeMember(group, memberId);
    if (group.state === 'PreparingRebalance') {
      if (group.hasAllMembersJoined) this.#completeJoin(group);
    } else if (group.canRebalance && !group.isEmpty) {
      this.#rebalanceOrComplete(group, `member ${memberId} was silent`);
    }
  }

  #leaveOne(group: ClassicGroup, memberId: string, groupInstanceId: string | null): number {
    if (memberId === '') {
      const current = groupInstanceId === null ? undefined : group.staticMembers.get(groupInstanceId);
      if (current === undefined) return errors.unknownMemberId.code;
      this.#removeMember(group, current);
      return none;
    }
    if (!group.pendingJoin.has(memberId)) {
      const refusal = group.memberError(memberId, groupInstanceId);
      if (refusal !== none) return refusal;
    }
    this.#removeMember(group, memberId);
    return none;
  }

  #removeMember(group: ClassicGroup, memberId: string): void {
    const member = group.members.get(memberId);
    this.#deadlines.cancel(sessionKey(group.groupId, memberId));
    group.remove(memberId);
    member?.answerJoin(joinRefusal('', errors.unknownMemberId.code));
    member?.answerSync(syncRefusal(errors.unknownMemberId.code));
  }

  #mayJoin(group: ClassicGroup, memberId: string): boolean {
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

  #joinNew(group: ClassicGroup, request: JoinRequest, answer: (answer: JoinAnswer) => void): void {
    const { random } = this.#options.environment;
    const memberId = newMemberId(request.groupInstanceId ?? request.clientId, random);
    if (request.groupInstanceId !== null) {
      const current = group.staticMembers.get(request.groupInstanceId);
      if (current !== undefined)
        return this.#replaceStatic(group, group.members.get(current)!, memberId, request, answer);
    } else if (request.requiresKnownMemberId) {
      group.pendingJoin.add(memberId);
      this.#deadlines.set(sessionKey(group.groupId, memberId), request.sessionTimeoutMs, () =>
        this.#sessionExpired(group, memberId),
      );
      return answer(joinRefusal(memberId, errors.memberIdRequired.code));
    }
    this.#addMember(group, memberId, request, answer);
  }

  #joinExisting(group: ClassicGroup, request: JoinRequest, answer: (answer: JoinAnswer) => void): void {
    const { memberId } = request;
    if (group.pendingJoin.has(memberId)) return this.#addMember(group, memberId, request, answer);
    const refusal = group.memberError(memberId, request.groupInstanceId);
    if (refusal !== none) return answer(joinRefusal(memberId, refusal));
    const member = group.members.get(memberId)!;
    const isUnchanged = member.supportsExactly(request.protocols);
    const mayStay =
      group.state === 'CompletingRebalance' || (group.state === 'Stable' && group.leaderId !== memberId);
    if (group.state === 'Empty' || group.state === 'Dead') {
      return answer(joinRefusal(memberId, errors.unknownMemberId.code));
    }
    // It has missed the answer of this generation: nothing changes for the others.
    if (mayStay && isUnchanged) return answer(joinAnswerFor(group, member));
    this.#updateMember(member, request, answer);
    this.#rebalanceOrComplete(group, request.reason);
  }

  #addMember(
    group: ClassicGroup,
    memberId: string,
    request: JoinRequest,
    answer: (answer: JoinAnswer) => void,
  ): void {
    const member = new ClassicMember(
      { ...request, memberId },
      request.protocolType,
      request.protocols,
      request,
    );
    member.isNew = true;
    if (group.state === 'PreparingRebalance' && group.previousState === 'Empty') group.newMemberAdded = true;
    group.add(member);
    member.awaitJoin(answer, joinRefusal(memberId, errors.rebalanceInProgress.code));
    this.touch(group, member, newMemberJoinTimeoutMs);
    this.#rebalanceOrComplete(group, `member ${memberId} joins (${request.reason})`);
  }

  #updateMember(member: ClassicMember, request: JoinRequest, answer: (answer: JoinAnswer) => void): void {
    member.protocols = request.protocols;
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
    member.sessionTimeoutMs = request.sessionTimeoutMs;
    member.awaitJoin(answer, joinRefusal(member.memberId, errors.rebalanceInProgress.code));
  }

  /** A static member is back under a new id: the old id is fenced, and a stable group stays as it is if its protocol does. */
  #replaceStatic(
    group: ClassicGroup,
    old: ClassicMember,
    memberId: string,
    request: JoinRequest,
    answer: (answer: JoinAnswer) => void,
  ): void {
    const leaderBefore = group.leaderId;
    old.answerJoin(joinRefusal(old.memberId, errors.fencedInstanceId.code));
    old.answerSync(syncRefusal(errors.fencedInstanceId.code));
    this.#deadlines.cancel(sessionKey(group.groupId, old.memberId));
    const member = new ClassicMember({ ...request, memberId }, old.protocolType, old.protocols, old);
    member.assignment = old.assignment;
    group.replaceStatic(old, member);
    this.touch(group, member);
    this.#updateMember(member, request, answer);
    if (group.state === 'CompletingRebalance') return this.#prepareRebalance(group, request.reason);
    if (group.state !== 'Stable') return this.#maybeCompleteJoin(group);
    if (group.selectProtocol() !== group.protocolName)
      return this.#rebalanceOrComplete(group, request.reason);
    this.#options.write([groupEntryOf(group)], (errorCode) => {
      if (errorCode !== none) {
        member.answerJoin(joinRefusal('', errorCode));
        return;
      }
      const isLeader = group.leaderId === memberId;
      const current = joinAnswerFor(group, member);
      // Older clients would assign anew if told that they lead: they get the leader of before, which is nobody now.
      if (request.canSkipAssignment) member.answerJoin({ ...current, skipAssignment: isLeader });
      else member.answerJoin({ ...current, leader: leaderBefore ?? '', members: [] });
    });
  }

  #rebalanceOrComplete(group: ClassicGroup, reason: string): void {
    if (group.canRebalance) this.#prepareRebalance(group, reason);
    else this.#maybeCompleteJoin(group);
  }

  #prepareRebalance(group: ClassicGroup, reason: string): void {
    if (group.state === 'CompletingRebalance') resetAssignments(group, errors.rebalanceInProgress.code);
    group.pendingSync.clear();
    this.#deadlines.cancel(syncKey(group.groupId));
    const isFirst = group.isEmpty;
    group.transitionTo('PreparingRebalance', this.#nowMs());
    this.#options.logger.debug('A group prepares to rebalance', { group: group.groupId, reason });
    if (isFirst) {
      const delayMs = this.#options.limits().initialRebalanceDelayMs;
      this.#awaitFirstMembers(group, delayMs, Math.max(group.rebalanceTimeoutMs - delayMs, 0));
    } else if (group.hasAllMembersJoined) {
      this.#completeJoin(group);
    } else {
      this.#deadlines.set(joinKey(group.groupId), group.rebalanceTimeoutMs, () => this.#completeJoin(group));
    }
  }

  /** An empty group waits a little for more members, longer while they keep coming (KIP-134). */
  #awaitFirstMembers(group: ClassicGroup, delayMs: number, remainingMs: number): void {
    // Without a delay the first generation begins in this turn: nothing is to be waited for.
    if (delayMs === 0) return this.#completeJoin(group);
    this.#deadlines.set(joinKey(group.groupId), delayMs, () => {
      if (group.state === 'Dead') return;
      if (!group.newMemberAdded || remainingMs === 0) return this.#completeJoin(group);
      group.newMemberAdded = false;
      const nextDelayMs = Math.min(this.#options.limits().initialRebalanceDelayMs, remainingMs);
      this.#awaitFirstMembers(group, nextDelayMs, Math.max(remainingMs - delayMs, 0));
    });
  }

  #maybeCompleteJoin(group: ClassicGroup): void {
    const isDue =
      group.state === 'PreparingRebalance' && group.previousState !== 'Empty' && group.hasAllMembersJoined;
    if (isDue) this.#completeJoin(group);
  }

  /** The join phase is over: who has not come is out, the others learn the new generation. */
  #completeJoin(group: ClassicGroup): void {
    this.#deadlines.cancel(joinKey(group.groupId));
    if (group.state === 'Dead') return;
    for (const member of [...group.members.values()]) {
      if (!member.isAwaitingJoin && !member.isStatic) this.#removeMember(group, member.memberId);
    }
    if (!group.electJoinedLeader() && group.members.size > 0) {
      // Only static members are left and none has come back yet: they keep their places for another round.
      this.#deadlines.set(joinKey(group.groupId), group.rebalanceTimeoutMs, () => this.#completeJoin(group));
      return;
    }
    group.beginNextGeneration(this.#nowMs());
    if (group.isEmpty) {
      this.#options.write([groupEntryOf(group)], () => {});
      return;
    }
    for (const member of group.members.values()) {
      member.answerJoin(joinAnswerFor(group, member));
      this.touch(group, member);
      member.isNew = false;
      group.pendingSync.add(member.memberId);
    }
    this.#deadlines.set(syncKey(group.groupId), group.rebalanceTimeoutMs, () =>
      this.#syncExpired(group, group.generationId),
    );
  }

  #syncReceived(group: ClassicGroup, member: ClassicMember): void {
    group.pendingSync.delete(member.memberId);
    if (group.pendingSync.size === 0) this.#deadlines.cancel(syncKey(group.groupId));
  }

  /** Members that never asked for their assignment are out. */
  #syncExpired(group: ClassicGroup, generationId: number): void {
    if (generationId !== group.generationId || group.pendingSync.size === 0) return;
    if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return;
    for (const memberId of [...group.pendingSync]) this.#removeMember(group, memberId);
    this.#prepareRebalance(group, 'members did not ask for their assignment');
  }

  /** The leader has assigned: the generation is written, then everybody is told. */
  #assign(group: ClassicGroup, assignments: ReadonlyMap<string, Buffer>): void {
    const { generationId } = group;
    const assignmentFor = (member: ClassicMember): Buffer => assignments.get(member.memberId) ?? nothing;
    this.#options.write([groupEntryOf(group, assignmentFor)], (errorCode) => {
      if (group.state !== 'CompletingRebalance' || group.generationId !== generationId) return;
      if (errorCode !== none) {
        resetAssignments(group, errorCode);
        this.#rebalanceOrComplete(group, `the assignment could not be stored (error ${errorCode})`);
        return;
      }
      group.transitionTo('Stable', this.#nowMs());
      for (const member of group.members.values()) {
        member.assignment = assignmentFor(member);
        if (member.answerSync(assignmentOf(group, member))) this.touch(group, member);
      }
    });
  }

  #nowMs(): number {
    return this.#options.environment.clock.nowMs();
  }
}

function syncError(group: ClassicGroup, request: SyncRequest): number {
  if (group.state === 'Dead') return errors.coordinatorNotAvailable.code;
  const refusal = group.memberError(request.memberId, request.groupInstanceId);
  if (refusal !== none) return refusal;
  if (request.generationId !== group.generationId) return errors.illegalGeneration.code;
  const isInconsistent =
    (request.protocolType !== null && request.protocolType !== group.protocolType) ||
    (request.protocolName !== null && request.protocolName !== group.protocolName);
  return isInconsistent ? errors.inconsistentGroupProtocol.code : none;
}

function assignmentOf(group: ClassicGroup, member: ClassicMember): SyncAnswer {
  return {
    throttleTimeMs: 0,
    errorCode: none,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}

/** Nobody has an assignment any more; who waits for one is told why. */
function resetAssignments(group: ClassicGroup, errorCode: number): void {
  for (const member of group.members.values()) {
    member.assignment = nothing;
    member.answerSync(syncRefusal(errorCode));
  }
}

const sessionKey = (groupId: string, memberId: string): string => `session\0${groupId}\0${memberId}`;
const joinKey = (groupId: string): string => `join\0${groupId}`;
const syncKey = (groupId: string): string => `sync\0${groupId}`;
