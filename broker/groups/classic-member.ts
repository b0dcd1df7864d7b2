import type { joinGroup } from '../../protocol/messages/groups/join-group.ts';
import type { syncGroup } from '../../protocol/messages/groups/sync-group.ts';
import type { ResponseInit } from '../../protocol/schema/api.ts';

export type JoinAnswer = ResponseInit<typeof joinGroup>;
export type SyncAnswer = ResponseInit<typeof syncGroup>;

/** A way of assigning partitions that a member supports, with what it tells the leader for it. The bytes are the member's own copy. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface MemberIdentity {
  readonly memberId: string;
  /** Static membership (KIP-345); null for a dynamic member. */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
}

const nothing = Buffer.alloc(0);

/** A member of a classic group, and the answers that it waits for. */
export class ClassicMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly protocolType: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly MemberProtocol[];
  assignment: Buffer = nothing;
  /** Has joined for the first time and waits for its first generation. */
  isNew = false;
  #join: ((answer: JoinAnswer) => void) | null = null;
  #sync: ((answer: SyncAnswer) => void) | null = null;

  constructor(
    identity: MemberIdentity,
    protocolType: string,
    protocols: readonly MemberProtocol[],
    timeouts: { readonly rebalanceTimeoutMs: number; readonly sessionTimeoutMs: number },
  ) {
    this.memberId = identity.memberId;
    this.groupInstanceId = identity.groupInstanceId;
    this.clientId = identity.clientId;
    this.clientHost = identity.clientHost;
    this.protocolType = protocolType;
    this.protocols = protocols;
    this.rebalanceTimeoutMs = timeouts.rebalanceTimeoutMs;
    this.sessionTimeoutMs = timeouts.sessionTimeoutMs;
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null;
  }

  get isAwaitingJoin(): boolean {
    return this.#join !== null;
  }

  get isAwaitingSync(): boolean {
    return this.#sync !== null;
  }

  /** Waiting for a rebalance counts as a heartbeat, except for the first one. */
  get hasSatisfiedHeartbeat(): boolean {
    return !this.isNew && (this.isAwaitingJoin || this.isAwaitingSync);
  }

  /** What the member tells for a protocol; empty when it does not support it. */
  metadataFor(protocolName: string | null): Buffer {
    return this.protocols.find(({ name }) => name === protocolName)?.metadata ?? nothing;
  }

  supportsExactly(protocols: readonly MemberProtocol[]): boolean {
    if (protocols.length !== this.protocols.length) return false;
    return protocols.every(({ name, metadata }, i) => {
      const mine = this.protocols[i]!;
      return mine.name === name && mine.metadata.equals(metadata);
    });
  }

  /** The first of its protocols that everybody supports. */
  vote(candidates: ReadonlySet<string>): string {
    return this.protocols.find(({ name }) => candidates.has(name))!.name;
  }

  /** Waits for the end of the join phase. An older wait of the same member, which nobody reads any more, is ended. */
  awaitJoin(answer: (answer: JoinAnswer) => void, replaced: JoinAnswer): void {
    this.answerJoin(replaced);
    this.#join = answer;
  }

  awaitSync(answer: (answer: SyncAnswer) => void, replaced: SyncAnswer): void {
    this.answerSync(replaced);
    this.#sync = answer;
  }

  /** True when somebody was waiting. */
  answerJoin(answer: JoinAnswer): boolean {
    const waiting = this.#join;
    this.#join = null;
    waiting?.(answer);
    return waiting !== null;
  }

  answerSync(answer: SyncAnswer): boolean {
    const waiting = this.#sync;
    this.#sync = null;
    waiting?.(answer);
    return waiting !== null;
  }
}
