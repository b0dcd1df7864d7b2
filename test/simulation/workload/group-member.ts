/**
 * A consumer as a client library makes one: finds its coordinator, joins, assigns where it leads, reads from the committed offset on,
 * commits what it has read, heartbeats, and joins again when it is told to. Between two lives of the broker it waits, and goes on
 * with what it knew.
 */
import { errors } from '../../../protocol/errors.ts';
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
  decodeConsumerBlob,
  encodeConsumerBlob,
} from '../../../protocol/messages/client/consumer-protocol.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { joinGroup } from '../../../protocol/messages/groups/join-group.ts';
import { leaveGroup } from '../../../protocol/messages/groups/leave-group.ts';
import { offsetCommit } from '../../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import { syncGroup } from '../../../protocol/messages/groups/sync-group.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import { delay } from '../../../storage/environment/clock.ts';
import type { World } from '../world.ts';
import type { GroupHistory } from './group-history.ts';
import { collect, Requests } from './requests.ts';

const none = errors.none.code;
/** Joining anew under the id it has is enough. */
const mustRejoin: ReadonlySet<number> = new Set([
  errors.rebalanceInProgress.code,
  errors.illegalGeneration.code,
]);
/** Whatever befalls a broker, these are never its answers to an honest member. */
const impossible: ReadonlySet<number> = new Set([
  errors.unknownServerError.code,
  errors.inconsistentGroupProtocol.code,
  errors.invalidSessionTimeout.code,
]);

/** The default of kompakt.group.disconnect.grace.ms. */
const graceMs = 500;

interface Place {
  readonly topic: string;
  readonly partition: number;
  offset: number;
}

export class GroupMember {
  readonly name: string;
  readonly instanceId: string | null;
  readonly #world: World;
  readonly #history: GroupHistory;
  readonly #requests: Requests;
  readonly #sessionTimeoutMs: number;
  #memberId = '';
  #generation = -1;
  #places: Place[] = [];
  /** Of this life of the broker: waits no more for anything. */
  #isWaiting = true;
  #isDead = false;
  /** Its broker has said in this life that it is a member. */
  #isConfirmed = false;
  /** When its connections broke first after that; null: they did not, or it has spoken since. */
  #cutMs: number | null = null;

  constructor(world: World, history: GroupHistory, name: string, instanceId: string | null) {
    this.#world = world;
    this.#history = history;
    this.name = name;
    this.instanceId = instanceId;
    this.#requests = new Requests(world, name);
    this.#sessionTimeoutMs = 6_000 + world.random.below(6_000);
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** The generation whose assignment it has; -1: it has none at the moment. */
  get generation(): number {
    return this.#generation;
  }

  get partitions(): readonly string[] {
    return this.#places.map(nameOf);
  }

  /** Lives until it is suspended, killed, or fenced by another one of its instance. */
  async live(): Promise<void> {
    this.#isWaiting = false;
    while (!this.#isWaiting && !this.#isDead) {
      if (this.#generation < 0 && !(await this.#join()))
        await this.#sleep(50 + this.#world.random.below(200));
      else if (this.#generation >= 0) await this.#consume();
    }
  }

  /** The broker goes. */
  suspend(): void {
    this.#isWaiting = true;
    this.#isConfirmed = false;
    this.#cutMs = null;
    this.#requests.disconnect();
  }

  /** The process ends without a word. */
  kill(): void {
    this.#isDead = true;
    this.#requests.disconnect();
  }

  /** Its connections break; it opens others when it needs them. */
  cut(): void {
    if (this.#isConfirmed) this.#cutMs ??= this.#world.clock.monotonicMs();
    this.#requests.disconnect();
  }

  async leave(): Promise<void> {
    this.#isDead = true;
    await this.#requests.ask(leaveGroup, 3, {
      groupId: this.#history.groupId,
      members: [{ memberId: this.#memberId, groupInstanceId: this.instanceId }],
    });
    this.#requests.disconnect();
  }

  get #identity() {
    const { groupId } = this.#history;
    return { groupId, memberId: this.#memberId, groupInstanceId: this.instanceId };
  }

  /** True once it has an assignment. */
  async #join(): Promise<boolean> {
    const found = await this.#requests.ask(findCoordinator, 3, { key: this.#history.groupId, keyType: 0 });
    if (this.#isOver || found === null || found.errorCode !== none) return false;
    const topics = [...this.#history.topics];
    const answer = await this.#requests.ask(joinGroup, 5, {
      ...this.#identity,
      sessionTimeoutMs: this.#sessionTimeoutMs,
      rebalanceTimeoutMs: 8_000,
      protocolType: 'consumer',
      protocols: [
        { name: 'range', metadata: encodeConsumerBlob(consumerProtocolSubscription, 0, { topics }) },
      ],
    });
    if (this.#isOver || answer === null) return false;
    if (answer.errorCode === errors.memberIdRequired.code) {
      this.#memberId = answer.memberId;
      return this.#join();
    }
    if (!this.#isGood(answer.errorCode)) return false;
    this.#memberId = answer.memberId;
    const leads = answer.leader === answer.memberId;
    const assignments = leads ? await this.#assign(answer.members) : [];
    return assignments !== null && (await this.#sync(answer.generationId, assignments));
  }

  /** Round robin over all partitions; null when the broker does not tell them. */
  async #assign(members: readonly { memberId: string }[]) {
    const answer = await this.#requests.ask(metadata, 9, {
      topics: this.#history.topics.map((name) => ({ name })),
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    if (answer === null) return null;
    const parts = members.map(({ memberId }) => ({ memberId, topics: new Map<string, number[]>() }));
    let next = 0;
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex } of partitions) {
        const { topics } = parts[next++ % parts.length]!;
        topics.set(name!, [...(topics.get(name!) ?? []), partitionIndex]);
      }
    }
    return parts.map(({ memberId, topics }) => {
      const assignedPartitions = [...topics].map(([topic, partitions]) => ({ topic, partitions }));
      return {
        memberId,
        assignment: encodeConsumerBlob(consumerProtocolAssignment, 0, { assignedPartitions }),
      };
    });
  }

  async #sync(
    generationId: number,
    assignments: readonly { memberId: string; assignment: Buffer }[],
  ): Promise<boolean> {
    const answer = await this.#requests.ask(syncGroup, 3, { ...this.#identity, generationId, assignments });
    if (this.#isOver || answer === null || !this.#isGood(answer.errorCode)) return false;
    const places: Place[] = [];
    if (answer.assignment.length > 0) {
      const blob = Buffer.from(answer.assignment);
      for (const { topic, partitions } of decodeConsumerBlob(consumerProtocolAssignment, blob)
        .assignedPartitions)
        for (const partition of partitions) places.push({ topic, partition, offset: -1 });
    }
    this.#history.assigned(generationId, this.instanceId ?? this.#memberId, places.map(nameOf));
    this.#places = places;
    this.#generation = generationId;
    return true;
  }

  /** One round: where to go on, read, commit, heartbeat, wait. */
  async #consume(): Promise<void> {
    const isBackInTime = this.#isBackInTime();
    const generation = this.#generation;
    const isReady = await this.#findPlaces();
    if (this.#isOver) return;
    if (isReady) {
      await this.#read();
      if (!this.#isOver && this.#world.random.chance(0.6)) await this.#commit();
    }
    if (this.#isOver || this.#generation < 0) return;
    const answer = await this.#requests.ask(heartbeat, 3, {
      ...this.#identity,
      generationId: this.#generation,
    });
    if (isBackInTime && generation === this.#generation && answer?.errorCode === errors.unknownMemberId.code)
      throw new Error(`${this.name} was back in time and is out of its group all the same`);
    const isGood = answer !== null && this.#isGood(answer.errorCode);
    if (answer !== null) this.#isConfirmed = isGood;
    if (this.#isOver || this.#generation < 0) return;
    await this.#sleep(100 + this.#world.random.below(isGood ? 1_500 : 100));
  }

  /** Whether its connections broke lately, and it is about to open new ones before it is given up. */
  #isBackInTime(): boolean {
    const cutMs = this.#cutMs;
    this.#cutMs = null;
    const isSoon = cutMs !== null && this.#world.clock.monotonicMs() - cutMs < graceMs;
    // What a coordinator could not write, it has forgotten when it loads its groups again.
    return isSoon && this.#world.weather.seen.size === 0;
  }

  async #findPlaces(): Promise<boolean> {
    const asked = this.#places.filter(({ offset }) => offset < 0);
    if (asked.length === 0) return this.#places.length > 0;
    const expected = asked.map((place) => this.#history.expected(nameOf(place)));
    const answer = await this.#requests.ask(offsetFetch, 5, {
      groupId: this.#history.groupId,
      topics: asked.map(({ topic, partition }) => ({ name: topic, partitionIndexes: [partition] })),
    });
    if (answer === null || answer.errorCode !== none) return false;
    for (const [i, place] of asked.entries()) {
      const { errorCode, committedOffset } = answer.topics[i]!.partitions[0]!;
      if (errorCode !== none) return false;
      this.#history.found(nameOf(place), committedOffset, expected[i]!);
      place.offset = Math.max(committedOffset, 0);
    }
    return true;
  }

  async #read(): Promise<void> {
    for (const place of this.#places) {
      const answer = await this.#requests.fetch(place.topic, place.partition, place.offset);
      if (this.#isOver || answer === null) return;
      if (answer.errorCode === errors.offsetOutOfRange.code) await this.#reset(place);
      if (answer.errorCode !== none) continue;
      const values = new Map<number, string>();
      place.offset = collect(answer.records, place.offset, values);
      this.#history.read(nameOf(place), values.keys());
    }
  }

  /** The log begins later by now, or (after a power cut without fsync) ends earlier. */
  async #reset(place: Place): Promise<void> {
    const start = await this.#requests.offsetOf('start', place.topic, place.partition);
    if (start === null) return;
    place.offset = start;
    this.#history.skipped(nameOf(place), start);
  }

  async #commit(): Promise<void> {
    const generation = this.#generation;
    const { latestGeneration } = this.#history;
    const committed = this.#places.map((place) => ({ ...place }));
    for (const place of committed) this.#history.committing(nameOf(place), place.offset);
    const answer = await this.#requests.ask(offsetCommit, 7, {
      ...this.#identity,
      generationIdOrMemberEpoch: generation,
      topics: committed.map(({ topic, partition, offset }) => ({
        name: topic,
        partitions: [{ partitionIndex: partition, committedOffset: offset, committedMetadata: '' }],
      })),
    });
    // Also when this process has been killed meanwhile: an answer is an answer.
    if (answer === null) return;
    for (const [i, place] of committed.entries()) {
      const { errorCode } = answer.topics[i]!.partitions[0]!;
      if (errorCode === none)
        this.#history.committed(nameOf(place), place.offset, generation, latestGeneration);
      else if (!this.#isGood(errorCode)) return;
    }
  }

  /** False: what this member has of its group is not worth anything any more, or the broker cannot tell at the moment. */
  #isGood(errorCode: number): boolean {
    if (errorCode === none) return true;
    if (impossible.has(errorCode)) throw new Error(`${this.name} was answered ${errorCode}`);
    if (errorCode === errors.fencedInstanceId.code) this.#isDead = true;
    if (errorCode === errors.unknownMemberId.code) this.#memberId = '';
    if (mustRejoin.has(errorCode) || errorCode === errors.unknownMemberId.code || this.#isDead) {
      this.#generation = -1;
      this.#places = [];
    }
    return false;
  }

  get #isOver(): boolean {
    return this.#isWaiting || this.#isDead;
  }

  #sleep(ms: number): Promise<void> {
    return delay(this.#world.clock, ms);
  }
}

const nameOf = ({ topic, partition }: Place): string => `${topic}-${partition}`;
