/**
 * Incremental fetch sessions (KIP-227): a consumer names its partitions once and then only what changes; the answer holds only
 * the partitions with something new.
 *
 *   request (sessionId, epoch)      meaning
 *   (any, -1)                       full fetch without a session; an existing one is closed
 *   (any, 0)                        full fetch that asks for a session; an existing one is closed
 *   (id, 1, 2, … 2^31-1, 1 …)       incremental: the next in order, or INVALID_FETCH_SESSION_EPOCH
 *
 * Order rotates: a partition that gave records goes to the end, so that with a tight byte limit every one has its turn.
 * The cache is bounded (max.incremental.fetch.session.cache.slots). A newcomer may push out a session unused for
 * `evictionMs`, or one that is older than that and has fewer partitions; else it is told to go on without (session id 0).
 */

import { errors } from '../../protocol/errors.ts';
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import { type FetchedPartition, type FetchTarget, missingLast } from './fetch-read.ts';

const noSession = 0;
const finalEpoch = -1;
const initialEpoch = 0;
const maxEpoch = 0x7fffffff;
const evictionMs = 120_000;
/** Partitions that all sessions together may remember; Kafka counts sessions only, and a session grows with every request. */
export const sessionPartitionsMax = 2_000_000;

export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly byTopicId: boolean;
  readonly targets: readonly FetchTarget[];
  readonly forgotten: readonly {
    readonly topic: string;
    readonly topicId: string;
    readonly partition: number;
  }[];
}

/** What one fetch is about: which partitions to read, and which of the results to send. */
export interface FetchContext {
  readonly targets: readonly FetchTarget[];
  /** Chooses what goes into the answer and notes it in the session. */
  conclude(fetched: readonly FetchedPartition[]): FetchConclusion;
}

export interface FetchConclusion {
  readonly errorCode: number;
  readonly sessionId: number;
  readonly send: readonly FetchedPartition[];
  /** Read, but not to be sent: their records must be released. */
  readonly unsent: readonly FetchedPartition[];
}

/** One partition of a session, with what its client was told last. */
class CachedPartition implements FetchTarget {
  /** Its place in the session. */
  readonly key: string;
  isForgotten = false;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  highWatermark = -1;
  logStartOffset = -1;

  constructor(key: string, target: FetchTarget) {
    this.key = key;
    this.topic = target.topic;
    this.topicId = target.topicId;
    this.partition = target.partition;
    this.fetchOffset = target.fetchOffset;
    this.maxBytes = target.maxBytes;
    this.currentLeaderEpoch = target.currentLeaderEpoch;
    this.lastFetchedEpoch = target.lastFetchedEpoch;
  }

  update(target: FetchTarget): void {
    this.fetchOffset = target.fetchOffset;
    this.maxBytes = target.maxBytes;
    this.currentLeaderEpoch = target.currentLeaderEpoch;
    this.lastFetchedEpoch = target.lastFetchedEpoch;
  }

  /** Forgets what the client was told. */
  reset(): void {
    this.highWatermark = -1;
    this.logStartOffset = -1;
  }

  /** Notes a result; true when the client must hear of it. */
  note(result: FetchedPartition): boolean {
    const failed = result.errorCode !== errors.none.code;
    const isNews =
      failed ||
      result.divergingEpoch !== undefined ||
      (result.records !== null && result.records.byteLength > 0) ||
      this.highWatermark !== result.highWatermark ||
      this.logStartOffset !== result.logStartOffset;
    // After an error the partition is sent again whatever its watermark, so that the client sees the error is over.
    this.highWatermark = failed ? -1 : result.highWatermark;
    this.logStartOffset = result.logStartOffset;
    return isNews;
  }
}

interface Session {
  readonly id: number;
  readonly byTopicId: boolean;
  readonly partitions: Map<string, CachedPartition>;
  readonly createdMs: number;
  lastUsedMs: number;
  /** Its size for a larger newcomer to push it out; null while it is too young for that. Both as of its last use. */
  evictableSize: number | null;
  /** The epoch that the next request must carry. */
  epoch: number;
}

export class FetchSessions {
  readonly #environment: Environment;
  readonly #slots: () => number;
  readonly #partitionsMax: number;
  /** In order of last use, the stalest first. */
  readonly #sessions = new Map<number, Session>();

  constructor(
    environment: Environment,
    cluster: Pick<ClusterState, 'onChange'>,
    slots: () => number,
    partitionsMax = sessionPartitionsMax,
  ) {
    this.#partitionsMax = partitionsMax;
    this.#environment = environment;
    this.#slots = slots;
    cluster.onChange((change) => {
      if (change.kind === 'topic-deleted') this.#topicDeleted(change.topic.name);
    });
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** What a session is about at the moment; nothing where there is no such session. */
  partitionsOf(sessionId: number): Iterable<Pick<FetchTarget, 'topic' | 'topicId' | 'partition'>> {
    return this.#sessions.get(sessionId)?.partitions.values() ?? [];
  }

  /** The context of a request, or the session error that answers it. */
  begin(request: SessionRequest): FetchContext | { readonly errorCode: number } {
    if (request.sessionEpoch === finalEpoch || request.sessionEpoch === initialEpoch) {
      if (request.sessionId !== noSession) this.#sessions.delete(request.sessionId);
      return request.sessionEpoch === finalEpoch ? sessionless(request.targets) : this.#full(request);
    }
    return this.#incremental(request);
  }

  /**
   * What the clients were told of a deleted topic says nothing about a new one of its name. A partition that is named by topic id
   * stays one of the deleted topic, and its client hears so until it forgets it.
   */
  #topicDeleted(topic: string): void {
    for (const { byTopicId, partitions } of this.#sessions.values()) {
      if (byTopicId) continue;
      for (const cached of partitions.values()) if (cached.topic === topic) cached.reset();
    }
  }

  #full(request: SessionRequest): FetchContext {
    return {
      targets: request.targets,
      conclude: (fetched) => ({
        errorCode: errors.none.code,
        sessionId: this.#create(request, fetched),
        send: fetched,
        unsent: [],
      }),
    };
  }

  #incremental(request: SessionRequest): FetchContext | { readonly errorCode: number } {
    const session = this.#sessions.get(request.sessionId);
    if (session === undefined) return { errorCode: errors.fetchSessionIdNotFound.code };
    if (session.epoch !== request.sessionEpoch) return { errorCode: errors.invalidFetchSessionEpoch.code };
    if (session.byTopicId !== request.byTopicId) return { errorCode: errors.fetchSessionTopicIdError.code };
    // The client begins again, and fetches without a session if there is no room for one.
    if (request.targets.length > 0 && !this.#hasRoomFor(request.targets.length)) {
      this.#sessions.delete(session.id);
      return { errorCode: errors.fetchSessionIdNotFound.code };
    }
    for (const target of request.targets) {
      const key = keyOf(target, session.byTopicId);
      const cached = session.partitions.get(key);
      if (cached === undefined) session.partitions.set(key, new CachedPartition(key, target));
      else cached.update(target);
    }
    for (const gone of request.forgotten) forget(session, keyOf(gone, session.byTopicId));
    if (session.partitions.size === 0) {
      this.#sessions.delete(session.id);
      return sessionless(request.targets);
    }
    this.#touch(session);
    session.epoch = nextEpoch(session.epoch);
    const expected = session.epoch;
    const targets = [...session.partitions.values()];
    return { targets, conclude: (fetched) => concludeIncremental(session, expected, targets, fetched) };
  }

  #create(request: SessionRequest, fetched: readonly FetchedPartition[]): number {
    if (!this.#forgetStale(fetched.length) || !this.#makeRoom(fetched.length)) return noSession;
    const partitions = new Map<string, CachedPartition>();
    const found = fetched.map((result, i) => ({ result, target: request.targets[i]! }));
    for (const { result, target } of missingLast(found, (one) => one.result)) {
      const cached = new CachedPartition(keyOf(target, request.byTopicId), target);
      cached.note(result);
      partitions.set(cached.key, cached);
    }
    const now = outsideClock(this.#environment.clock).monotonicMs();
    const session: Session = {
      id: this.#newId(),
      byTopicId: request.byTopicId,
      partitions,
      createdMs: now,
      lastUsedMs: now,
      evictableSize: null,
      epoch: 1,
    };
    this.#sessions.set(session.id, session);
    return session.id;
  }

  #makeRoom(newcomerSize: number): boolean {
    if (this.#sessions.size < this.#slots()) return true;
    const now = outsideClock(this.#environment.clock).monotonicMs();
    let smallest: Session | null = null;
    let smallestSize = newcomerSize;
    for (const session of this.#sessions.values()) {
      if (now - session.lastUsedMs > evictionMs) return this.#sessions.delete(session.id);
      if (session.evictableSize === null || session.evictableSize >= smallestSize) continue;
      smallest = session;
      smallestSize = session.evictableSize;
    }
    return smallest !== null && this.#sessions.delete(smallest.id);
  }

  /** Until so many more partitions may be remembered; false when the rest is in use. */
  #forgetStale(more: number): boolean {
    const now = outsideClock(this.#environment.clock).monotonicMs();
    for (const { id, lastUsedMs } of this.#sessions.values()) {
      if (this.#hasRoomFor(more)) return true;
      if (now - lastUsedMs <= evictionMs) return false;
      this.#sessions.delete(id);
    }
    return this.#hasRoomFor(more);
  }

  #hasRoomFor(more: number): boolean {
    let count = more;
    for (const { partitions } of this.#sessions.values()) count += partitions.size;
    return count <= this.#partitionsMax;
  }

  #touch(session: Session): void {
    session.lastUsedMs = outsideClock(this.#environment.clock).monotonicMs();
    const isOld = session.lastUsedMs - session.createdMs > evictionMs;
    session.evictableSize = isOld ? session.partitions.size : null;
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #newId(): number {
    for (;;) {
      const id = 1 + Math.floor(this.#environment.random.next() * (maxEpoch - 1));
      if (!this.#sessions.has(id)) return id;
    }
  }
}

function sessionless(targets: readonly FetchTarget[]): FetchContext {
  return {
    targets,
    conclude: (fetched) => ({ errorCode: errors.none.code, sessionId: noSession, send: fetched, unsent: [] }),
  };
}

/** Sends what is news. `fetched` is in the order of `targets`; a partition may have been forgotten meanwhile. */
function concludeIncremental(
  session: Session,
  expectedEpoch: number,
  targets: readonly CachedPartition[],
  fetched: readonly FetchedPartition[],
): FetchConclusion {
  // The client has sent the next request without waiting for this answer.
  if (session.epoch !== expectedEpoch)
    return {
      errorCode: errors.invalidFetchSessionEpoch.code,
      sessionId: session.id,
      send: [],
      unsent: fetched,
    };
  const send: FetchedPartition[] = [];
  const unsent: FetchedPartition[] = [];
  for (let i = 0; i < fetched.length; i++) {
    const result = fetched[i]!;
    const cached = targets[i]!;
    if (cached.isForgotten) {
      unsent.push(result);
      continue;
    }
    // What is no news has no records either.
    if (!cached.note(result)) continue;
    send.push(result);
    if (result.records === null || result.records.byteLength === 0) continue;
    session.partitions.delete(cached.key);
    session.partitions.set(cached.key, cached);
  }
  return { errorCode: errors.none.code, sessionId: session.id, send, unsent };
}

function forget({ partitions }: Session, key: string): void {
  const cached = partitions.get(key);
  if (cached === undefined) return;
  cached.isForgotten = true;
  partitions.delete(key);
}

function keyOf(
  target: { readonly topic: string; readonly topicId: string; readonly partition: number },
  byTopicId: boolean,
): string {
  return `${byTopicId ? target.topicId : target.topic}:${target.partition}`;
}

function nextEpoch(epoch: number): number {
  return epoch === maxEpoch ? 1 : epoch + 1;
}
