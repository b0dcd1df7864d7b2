/**
 * How a group gets from one generation to the next, and what its time-outs do; classic-groups.ts says when. Behaviour is that of
 * Kafka's GroupMetadataManager (KIP-134 initial delay, KIP-345 static members, KIP-394 pending members).
 *
 *   prepare ──► all have joined, or the longest rebalance time-out is over ──► completeJoin ──► all have asked for their
 *      ▲                                                                                        assignment, or the same time-out
 *      └── somebody did not ask ◄───────────────────────────────────────────────────────────────┘
 *
 * Nothing here is in the log but the result: the generation with its assignment (assign), or that the group is empty.
 */
import { errors } from '../../protocol/errors.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Deadlines } from '../journal/deadlines.ts';
import type { Logger } from '../observe/logger.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { ClassicMember } from './classic-member.ts';
import { assignmentOf, groupEntryOf, joinAnswerFor, joinRefusal, syncRefusal } from './group-answers.ts';
import type { GroupEntry } from './group-entries.ts';

export interface GroupLimits {
  readonly maxSize: number;
  readonly initialRebalanceDelayMs: number;
}

export interface RebalanceOptions {
  readonly environment: Environment;
  /** Keys: see the functions at the end. */
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  limits(): GroupLimits;
  /** Appends entries; `done` hears the error code once they are as durable as the policy says, maybe at once. */
  write(entries: readonly GroupEntry[], done: (errorCode: number) => void): void;
  /** A member, or somebody who was to become one, is out of its group. */
  memberGone(groupId: string, memberId: string): void;
  /** A generation has its assignment, and its members are being told. */
  stable(groupId: string): void;
}

const none = errors.none.code;
const nothing = Buffer.alloc(0);

export class Rebalances {
  readonly #options: RebalanceOptions;
  readonly #deadlines: Deadlines;

  constructor(options: RebalanceOptions) {
    this.#options = options;
    this.#deadlines = options.deadlines;
  }

  /** A sign of life: the session begins anew. */
  touch(group: ClassicGroup, member: ClassicMember, timeoutMs = member.sessionTimeoutMs): void {
    this.#deadlines.set(sessionKey(group.groupId, member.memberId), timeoutMs, () =>
      this.#sessionExpired(group, member.memberId),
    );
  }

  /** Somebody has been given a member id and is to come back with it (KIP-394). */
  expect(group: ClassicGroup, memberId: string, timeoutMs: number): void {
    group.pendingJoin.add(memberId);
    this.#deadlines.set(sessionKey(group.groupId, memberId), timeoutMs, () =>
      this.#sessionExpired(group, memberId),
    );
  }

  /** Takes a member out and ends its waits; what follows for the others is the caller's to start. */
  remove(group: ClassicGroup, memberId: string): void {
    const member = group.members.get(memberId);
    this.#deadlines.cancel(sessionKey(group.groupId, memberId));
    group.remove(memberId);
    member?.answerJoin(joinRefusal('', errors.unknownMemberId.code));
    member?.answerSync(syncRefusal(errors.unknownMemberId.code));
    this.#options.memberGone(group.groupId, memberId);
  }

  /** A static member's place has passed to another id: the old one's session is over. */
  forgetSession(group: ClassicGroup, memberId: string): void {
    this.#deadlines.cancel(sessionKey(group.groupId, memberId));
  }

  /** Ends a group that is deleted or unloaded: whoever waits hears the code, no time-out of it runs any more. */
  bury(group: ClassicGroup, errorCode: number): void {
    const { groupId } = group;
    for (const memberId of [...group.pendingJoin, ...group.members.keys()]) {
      this.#deadlines.cancel(sessionKey(groupId, memberId));
      this.#options.memberGone(groupId, memberId);
    }
    this.#deadlines.cancel(joinKey(groupId));
    this.#deadlines.cancel(syncKey(groupId));
    group.transitionTo('Dead', this.#nowMs());
    for (const member of group.members.values()) {
      member.answerJoin(joinRefusal(member.memberId, errorCode));
      member.answerSync(syncRefusal(errorCode));
    }
  }

  rebalanceOrComplete(group: ClassicGroup, reason: string): void {
    if (group.canRebalance) this.prepare(group, reason);
    else this.maybeCompleteJoin(group);
  }

  /** Everybody is to join again. */
  prepare(group: ClassicGroup, reason: string): void {
    if (group.state === 'CompletingRebalance') this.#resetAssignments(group, errors.rebalanceInProgress.code);
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

  /** Ends the join phase if everybody is there; the first one of an empty group lasts its time. */
  maybeCompleteJoin(group: ClassicGroup): void {
    if (group.previousState !== 'Empty') this.#completeIfAllJoined(group);
  }

  /** A member has asked for its assignment. */
  syncReceived(group: ClassicGroup, member: ClassicMember): void {
    group.pendingSync.delete(member.memberId);
    if (group.pendingSync.size === 0) this.#deadlines.cancel(syncKey(group.groupId));
  }

  /** The leader has assigned: the generation is written, then everybody is told. */
  assign(group: ClassicGroup, assignments: ReadonlyMap<string, Buffer>): void {
    const { generationId } = group;
    const assignmentFor = (member: ClassicMember): Buffer => assignments.get(member.memberId) ?? nothing;
    this.#options.write([groupEntryOf(group, assignmentFor)], (errorCode) => {
      // Another member may have come or gone meanwhile; then all of this is void.
      if (group.state !== 'CompletingRebalance' || group.generationId !== generationId) return;
      if (errorCode !== none) {
        this.#resetAssignments(group, errorCode);
        this.prepare(group, `the assignment could not be stored (error ${errorCode})`);
        return;
      }
      group.transitionTo('Stable', this.#nowMs());
      for (const member of group.members.values()) {
        member.assignment = assignmentFor(member);
        if (member.answerSync(assignmentOf(group, member))) this.touch(group, member);
      }
      this.#options.stable(group.groupId);
    });
  }

  /** A member that is silent for too long. One that waits for a rebalance is not, unless it never had a generation. */
  #sessionExpired(group: ClassicGroup, memberId: string): void {
    const member = group.members.get(memberId);
    const isPending = group.pendingJoin.has(memberId);
    if (!isPending && (member === undefined || member.hasSatisfiedHeartbeat)) return;
    this.#options.logger.info('A group member is silent and leaves', {
      group: group.groupId,
      member: memberId,
    });
    this.remove(group, memberId);
    if (group.state === 'PreparingRebalance') this.#completeIfAllJoined(group);
    else if (!isPending) this.rebalanceOrComplete(group, `member ${memberId} was silent`);
  }

  /** An empty group waits a little for more members, longer while they keep coming (KIP-134). */
  #awaitFirstMembers(group: ClassicGroup, delayMs: number, remainingMs: number): void {
    // Without a delay the first generation begins in this turn: nothing is to be waited for.
    if (delayMs === 0) return this.#completeJoin(group);
    this.#deadlines.set(joinKey(group.groupId), delayMs, () => {
      if (!group.newMemberAdded || remainingMs === 0) return this.#completeJoin(group);
      group.newMemberAdded = false;
      const nextDelayMs = Math.min(this.#options.limits().initialRebalanceDelayMs, remainingMs);
      this.#awaitFirstMembers(group, nextDelayMs, Math.max(remainingMs - delayMs, 0));
    });
  }

  #completeIfAllJoined(group: ClassicGroup): void {
    if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined) this.#completeJoin(group);
  }

  /** The join phase is over: who has not come is out, the others learn the new generation. */
  #completeJoin(group: ClassicGroup): void {
    this.#deadlines.cancel(joinKey(group.groupId));
    for (const member of [...group.members.values()]) {
      if (!member.isAwaitingJoin && !member.isStatic) this.remove(group, member.memberId);
    }
    if (!group.electJoinedLeader() && group.members.size > 0) {
      // Only static members are left and none has come back yet: they keep their places for another round.
      this.#deadlines.set(joinKey(group.groupId), group.rebalanceTimeoutMs, () => this.#completeJoin(group));
      return;
    }
    group.beginNextGeneration(this.#nowMs());
    if (group.isEmpty) {
      // Not awaited: should it be lost, the generation before it comes back with members that time out.
      this.#options.write([groupEntryOf(group)], () => {});
      return;
    }
    for (const member of group.members.values()) {
      member.answerJoin(joinAnswerFor(group, member));
      this.touch(group, member);
      member.isNew = false;
      group.pendingSync.add(member.memberId);
    }
    const { generationId } = group;
    this.#deadlines.set(syncKey(group.groupId), group.rebalanceTimeoutMs, () =>
      this.#syncExpired(group, generationId),
    );
  }

  /** Members that never asked for their assignment are out. */
  #syncExpired(group: ClassicGroup, generationId: number): void {
    if (generationId !== group.generationId || group.pendingSync.size === 0) return;
    if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return;
    for (const memberId of [...group.pendingSync]) this.remove(group, memberId);
    this.prepare(group, 'members did not ask for their assignment');
  }

  /** Nobody has an assignment any more; who waits for one is told why, and its session runs again. */
  #resetAssignments(group: ClassicGroup, errorCode: number): void {
    for (const member of group.members.values()) {
      member.assignment = nothing;
      if (member.answerSync(syncRefusal(errorCode))) this.touch(group, member);
    }
  }

  #nowMs(): number {
    return this.#options.environment.clock.nowMs();
  }
}

const sessionKey = (groupId: string, memberId: string): string => `session\0${groupId}\0${memberId}`;
const joinKey = (groupId: string): string => `join\0${groupId}`;
const syncKey = (groupId: string): string => `sync\0${groupId}`;
