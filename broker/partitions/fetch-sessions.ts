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
import { zeroUuid } from '../../protocol/schema/field.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { FetchedPartition, FetchTarget } from './fetch-read.ts';

const noSession = 0;
const finalEpoch = -1;
const initialEpoch = 0;
const maxEpoch = 0x7fffffff;
const evictionMs = 120_000;

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
}

/** One partition of a session, with what its client was told last. */
class CachedPartition implements FetchTarget {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  highWatermark = -1;
  logStartOffset = -1;

  constructor(target: FetchTarget) {
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
    this.highWatermark = failed || result.divergingEpoch !== undefined ? -1 : result.highWatermark;
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
  /** The epoch that the next request must carry. */
  epoch: number;
}

export class FetchSessions {
  readonly #environment: Environment;
  readonly #slots: () => number;
  /** In order of last use, the stalest first. */
  readonly #sessions = new Map<number, Session>();

  constructor(environment: Environment, slots: () => number) {
    this.#environment = environment;
    this.#slots = slots;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The context of a request, or the session error that answers it. */
  begin(request: SessionRequest): FetchContext | { readonly errorCode: number } {
    if (request.sessionEpoch === finalEpoch || request.sessionEpoch === initialEpoch) {
      if (request.sessionId !== noSession) this.#sessions.delete(request.sessionId);
      return request.sessionEpoch === finalEpoch ? sessionless(request.targets) : this.#full(request);
    }
    return this.#incremental(request);
  }

  /** A deleted topic leaves every session; its id or name then counts as one that was never there. */
  topicDeleted(topicId: string, topic: string): void {
    for (const session of this.#sessions.values()) {
      if (session.byTopicId) continue;
      for (const [key, cached] of session.partitions) {
        if (cached.topic !== topic && (topicId === zeroUuid || cached.topicId !== topicId)) continue;
        // The partition stays asked for; only what the old topic's answers said is forgotten.
        const fresh = new CachedPartition(cached);
        session.partitions.set(key, fresh);
      }
    }
  }

  #full(request: SessionRequest): FetchContext {
    return {
      targets: request.targets,
      conclude: (fetched) => ({
        errorCode: errors.none.code,
        sessionId: this.#create(request, fetched),
        send: fetched,
      }),
    };
  }

  #incremental(request: SessionRequest): FetchContext | { readonly errorCode: number } {
    const session = this.#sessions.get(request.sessionId);
    if (session === undefined) return { errorCode: errors.fetchSessionIdNotFound.code };
    if (session.epoch !== request.sessionEpoch) return { errorCode: errors.invalidFetchSessionEpoch.code };
    if (session.byTopicId !== request.byTopicId) return { errorCode: errors.fetchSessionTopicIdError.code };
    for (const target of request.targets) {
      const key = keyOf(target, session.byTopicId);
      const cached = session.partitions.get(key);
      if (cached === undefined) session.partitions.set(key, new CachedPartition(target));
      else cached.update(target);
    }
    for (const gone of request.forgotten) session.partitions.delete(keyOf(gone, session.byTopicId));
    if (session.partitions.size === 0) {
      this.#sessions.delete(session.id);
      return sessionless([]);
    }
    this.#touch(session);
    session.epoch = nextEpoch(session.epoch);
    const expected = session.epoch;
    return {
      targets: [...session.partitions.values()],
      conclude: (fetched) => concludeIncremental(session, expected, fetched),
    };
  }

  #create(request: SessionRequest, fetched: readonly FetchedPartition[]): number {
    if (fetched.length === 0 || !this.#makeRoom(fetched.length)) return noSession;
    const partitions = new Map<string, CachedPartition>();
    for (let i = 0; i < fetched.length; i++) {
      const cached = new CachedPartition(request.targets[i]!);
      cached.note(fetched[i]!);
      partitions.set(keyOf(cached, request.byTopicId), cached);
    }
    const now = this.#environment.clock.monotonicMs();
    const id = this.#newId();
    const session = {
      id,
      byTopicId: request.byTopicId,
      partitions,
      createdMs: now,
      lastUsedMs: now,
      epoch: 1,
    };
    this.#sessions.set(id, session);
    return id;
  }

  #makeRoom(newcomerSize: number): boolean {
    if (this.#sessions.size < this.#slots()) return true;
    const now = this.#environment.clock.monotonicMs();
    let smallest: Session | null = null;
    for (const session of this.#sessions.values()) {
      if (now - session.lastUsedMs > evictionMs) return this.#sessions.delete(session.id);
      if (now - session.createdMs <= evictionMs) continue;
      if (smallest === null || session.partitions.size < smallest.partitions.size) smallest = session;
    }
    if (smallest === null || smallest.partitions.size >= newcomerSize) return false;
    return this.#sessions.delete(smallest.id);
  }

  #touch(session: Session): void {
    session.lastUsedMs = this.#environment.clock.monotonicMs();
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
    conclude: (fetched) => ({ errorCode: errors.none.code, sessionId: noSession, send: fetched }),
  };
}

/** Sends what is news. `fetched` is in the order of the context's targets; a partition may have been forgotten meanwhile. */
function concludeIncremental(
  session: Session,
  expectedEpoch: number,
  fetched: readonly FetchedPartition[],
): FetchConclusion {
  if (session.epoch !== expectedEpoch) {
    return { errorCode: errors.invalidFetchSessionEpoch.code, sessionId: noSession, send: [] };
  }
  const send: FetchedPartition[] = [];
  for (const result of fetched) {
    const key = session.byTopicId
      ? `${result.topicId}:${result.partitionIndex}`
      : `${result.topic}:${result.partitionIndex}`;
    const cached = session.partitions.get(key);
    if (cached === undefined || !cached.note(result)) continue;
    send.push(result);
    if (result.records === null || result.records.byteLength === 0) continue;
    session.partitions.delete(key);
    session.partitions.set(key, cached);
  }
  return { errorCode: errors.none.code, sessionId: session.id, send };
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
