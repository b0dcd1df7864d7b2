/**
 * Members whose process died leave without waiting for their session time-out: on a laptop and in a test suite that is the normal
 * end of a consumer, and 30 or 45 seconds are a long time there.
 *
 *                       connection closes               graceMs without a sign
 *     connected ──────────────────────────► in grace ───────────────────────────► leaves
 *         ▲    (by us: forgotten)            │  ▲
 *         │            its client connects   │  │  that connection closes, too, or somebody new
 *         │            or asks for its group ▼  │  of this client joins the same group: that was it
 *         └──────────────────────────────── expected
 *            its next Join, Sync, Heartbeat
 *
 * A client that lost its connection opens a new one at once, under the same client id and from the same host; while that is open only
 * the session time-out decides. (Seen with default settings after all connections were cut: kafkajs after 5 ms, and 240 to 360 later
 * by its settings if that fails; librdkafka after 2 to 55; Java after 120.) But a consumer that was started again looks the same at
 * first: it shows itself by joining as a new member. A client that lost only the connection of its group may take its time (kafkajs
 * until its next heartbeat); the grace is not spent while it reads its partitions on another one (client-connections.ts).
 *
 * Static members never leave this way (KIP-345), nor does anybody whose connection this side closed.
 */
import type { Caller, CallerConnection } from '../apis/handler.ts';
import type { Deadlines } from '../journal/deadlines.ts';
import { type ClientConnections, clientKeyOf, type IsAmong } from './client-connections.ts';

export interface MemberConnectionsOptions {
  readonly deadlines: Deadlines;
  readonly clients: Pick<ClientConnections, 'isReading'>;
  /** The monotonic clock. */
  nowMs(): number;
  /** kompakt.group.disconnect.grace.ms; 0 or less: off. */
  graceMs(): number;
  /** Tells the partitions that are assigned to a member; null when they are not known. */
  assigned(groupId: string, memberId: string): IsAmong | null;
  leave(groupId: string, memberId: string): void;
}

interface Tracked {
  readonly groupId: string;
  readonly memberId: string;
  readonly clientKey: string;
  /** Of its latest Join, Sync or Heartbeat; while it is expected, the one on which that seems to come. */
  connection: CallerConnection;
  stopListening: () => void;
  closedMs: number;
  /** Its client was seen to read its partitions while it was in grace. */
  wasReading: boolean;
  /** Somebody else has joined in its place: signs of its client are not its own. */
  isReplaced: boolean;
}

/**
 * The grace is spent in so many steps, each begun when the one before has ended: a process that stood still (a breakpoint, a long
 * computation beside a broker in the same program) has missed one step at most, and reads what came meanwhile before it decides.
 */
const graceSteps = 4;

export class MemberConnections {
  readonly #options: MemberConnectionsOptions;
  readonly #byMember = new Map<string, Tracked>();
  /** By client: members in their grace, and members whose client has come back. */
  readonly #inGrace = new Map<string, Set<Tracked>>();
  readonly #expected = new Map<string, Set<Tracked>>();

  constructor(options: MemberConnectionsOptions) {
    this.#options = options;
  }

  /** How many members are watched. */
  get size(): number {
    return this.#byMember.size;
  }

  /** A dynamic member has spoken on this connection. `isNew`: it has just become one. */
  seen(groupId: string, memberId: string, caller: Caller, isNew = false): void {
    if (this.#options.graceMs() <= 0) return;
    const clientKey = clientKeyOf(caller.clientId, caller.clientHost);
    if (isNew) this.#newcomer(groupId, clientKey);
    const key = keyOf(groupId, memberId);
    const before = this.#byMember.get(key);
    if (before?.connection === caller.connection) {
      this.#settle(before);
      return;
    }
    if (before !== undefined) this.#forget(before);
    const tracked: Tracked = {
      groupId,
      memberId,
      clientKey,
      connection: caller.connection,
      stopListening: () => {},
      closedMs: 0,
      wasReading: false,
      isReplaced: false,
    };
    this.#byMember.set(key, tracked);
    this.#moveTo(tracked, caller.connection);
  }

  /** A sign of life that moves the member to this connection only if its own is gone (an offset commit). */
  heard(groupId: string, memberId: string, caller: Caller): void {
    const tracked = this.#byMember.get(keyOf(groupId, memberId));
    if (tracked === undefined || !this.#isInDoubt(tracked)) return;
    this.#settle(tracked);
    this.#moveTo(tracked, caller.connection);
  }

  /**
   * A client has opened a connection, or asks for the coordinator of `groupId`: members of it that are in their grace are alive,
   * it seems, and expected on this connection.
   */
  clientSeen(clientKey: string, connection: CallerConnection, groupId?: string): void {
    for (const tracked of [...(this.#inGrace.get(clientKey) ?? [])]) {
      if (tracked.isReplaced || (groupId !== undefined && tracked.groupId !== groupId)) continue;
      this.#settle(tracked);
      addTo(this.#expected, tracked);
      this.#moveTo(tracked, connection);
    }
  }

  /** The member has left. */
  gone(groupId: string, memberId: string): void {
    const tracked = this.#byMember.get(keyOf(groupId, memberId));
    if (tracked !== undefined) this.#forget(tracked);
  }

  clear(): void {
    for (const tracked of [...this.#byMember.values()]) this.#forget(tracked);
  }

  /** The connection that seemed to be an old member's belongs to a new one. */
  #newcomer(groupId: string, clientKey: string): void {
    for (const tracked of [...(this.#expected.get(clientKey) ?? [])]) {
      if (tracked.groupId !== groupId) continue;
      tracked.isReplaced = true;
      this.#beginGrace(tracked);
    }
  }

  #isInDoubt(tracked: Tracked): boolean {
    const { clientKey } = tracked;
    return this.#inGrace.get(clientKey)?.has(tracked) || this.#expected.get(clientKey)?.has(tracked) || false;
  }

  #moveTo(tracked: Tracked, connection: CallerConnection): void {
    tracked.stopListening();
    tracked.connection = connection;
    if (connection.isClosed) {
      this.#beginGrace(tracked);
      return;
    }
    tracked.stopListening = connection.onClose((byUs) => {
      if (byUs) this.#forget(tracked);
      else this.#beginGrace(tracked);
    });
  }

  #beginGrace(tracked: Tracked): void {
    tracked.stopListening();
    tracked.closedMs = this.#options.nowMs();
    removeFrom(this.#expected, tracked);
    addTo(this.#inGrace, tracked);
    this.#spend(tracked, this.#options.graceMs());
  }

  #spend(tracked: Tracked, leftMs: number): void {
    const stepMs = Math.min(leftMs, Math.ceil(this.#options.graceMs() / graceSteps));
    this.#options.deadlines.set(graceKey(tracked), stepMs, () => {
      if (leftMs > stepMs) this.#spend(tracked, leftMs - stepMs);
      else this.#graceIsOver(tracked);
    });
  }

  #graceIsOver(tracked: Tracked): void {
    const isReading = this.#isReading(tracked);
    // What it read on may have closed just now: it has its whole grace from there.
    if (isReading || tracked.wasReading) {
      tracked.wasReading = isReading;
      this.#spend(tracked, this.#options.graceMs());
      return;
    }
    this.#forget(tracked);
    this.#options.leave(tracked.groupId, tracked.memberId);
  }

  #isReading({ groupId, memberId, clientKey, closedMs, isReplaced }: Tracked): boolean {
    if (isReplaced) return false;
    const { assigned, clients, graceMs } = this.#options;
    const isAssigned = assigned(groupId, memberId);
    const withItMs = graceMs();
    return (
      isAssigned !== null &&
      clients.isReading(clientKey, isAssigned, { sinceMs: closedMs - withItMs, untilMs: closedMs + withItMs })
    );
  }

  /** Neither in its grace nor expected: it is connected, or only its session is left to decide. */
  #settle(tracked: Tracked): void {
    this.#options.deadlines.cancel(graceKey(tracked));
    removeFrom(this.#inGrace, tracked);
    removeFrom(this.#expected, tracked);
    tracked.wasReading = false;
    tracked.isReplaced = false;
  }

  #forget(tracked: Tracked): void {
    this.#settle(tracked);
    tracked.stopListening();
    this.#byMember.delete(keyOf(tracked.groupId, tracked.memberId));
  }
}

function addTo(sets: Map<string, Set<Tracked>>, tracked: Tracked): void {
  const set = sets.get(tracked.clientKey);
  if (set === undefined) sets.set(tracked.clientKey, new Set([tracked]));
  else set.add(tracked);
}

function removeFrom(sets: Map<string, Set<Tracked>>, tracked: Tracked): void {
  const set = sets.get(tracked.clientKey);
  set?.delete(tracked);
  if (set?.size === 0) sets.delete(tracked.clientKey);
}

const keyOf = (groupId: string, memberId: string): string => `${groupId}\0${memberId}`;
const graceKey = ({ groupId, memberId }: Tracked): string => `grace\0${groupId}\0${memberId}`;
