/**
 * Members whose process died leave without waiting for their session time-out: on a laptop and in a test suite that is the normal
 * end of a consumer, and 30 or 45 seconds are a long time there.
 *
 *                       connection closes               graceMs without a word
 *     connected ──────────────────────────► in grace ───────────────────────────► leaves
 *         ▲    (by us: forgotten)            │  ▲
 *         │                 new connection   │  │  somebody new of this client joins
 *         │                 of its client    ▼  │  the same group: that was it
 *         └──────────────────────────────── expected          a request of the member on any connection: alive
 *            its next Join, Sync, Heartbeat
 *
 * A client that merely lost its connection opens a new one at once, under the same client id and from the same host; that counts as a
 * sign of life, and from then on only the session time-out decides. But a consumer that was started again looks the same at first: it
 * shows itself by joining as a new member. Static members never leave this way (KIP-345), nor does anybody whose connection this side
 * closed.
 */
import type { Caller, CallerConnection } from '../apis/handler.ts';
import type { Deadlines } from '../journal/deadlines.ts';

export interface MemberConnectionsOptions {
  readonly deadlines: Deadlines;
  /** kompakt.group.disconnect.grace.ms; 0 or less: off. */
  graceMs(): number;
  leave(groupId: string, memberId: string): void;
}

interface Tracked {
  readonly groupId: string;
  readonly memberId: string;
  readonly clientKey: string;
  /** Of its latest Join, Sync or Heartbeat. */
  readonly connection: CallerConnection;
  stopListening: () => void;
}

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
    if (before?.connection === caller.connection) return;
    if (before !== undefined) this.#forget(before);
    this.#track(key, {
      groupId,
      memberId,
      clientKey,
      connection: caller.connection,
      stopListening: () => {},
    });
  }

  /** A sign of life that does not move the member to this connection (an offset commit). */
  heard(groupId: string, memberId: string): void {
    const tracked = this.#byMember.get(keyOf(groupId, memberId));
    if (tracked !== undefined) this.#settle(tracked);
  }

  /** A client has opened a new connection: members of it that are in their grace are alive, it seems. */
  clientConnected(clientId: string | null, clientHost: string): void {
    const clientKey = clientKeyOf(clientId, clientHost);
    for (const tracked of [...(this.#inGrace.get(clientKey) ?? [])]) {
      this.#settle(tracked);
      addTo(this.#expected, tracked);
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
    for (const tracked of [...(this.#expected.get(clientKey) ?? [])])
      if (tracked.groupId === groupId) this.#beginGrace(tracked);
  }

  #track(key: string, tracked: Tracked): void {
    this.#byMember.set(key, tracked);
    if (tracked.connection.isClosed) {
      this.#beginGrace(tracked);
      return;
    }
    tracked.stopListening = tracked.connection.onClose((byUs) => {
      if (byUs) this.#forget(tracked);
      else this.#beginGrace(tracked);
    });
  }

  #beginGrace(tracked: Tracked): void {
    removeFrom(this.#expected, tracked);
    addTo(this.#inGrace, tracked);
    this.#options.deadlines.set(graceKey(tracked), this.#options.graceMs(), () => {
      this.#forget(tracked);
      this.#options.leave(tracked.groupId, tracked.memberId);
    });
  }

  /** Neither in its grace nor expected: it is connected, or only its session is left to decide. */
  #settle(tracked: Tracked): void {
    this.#options.deadlines.cancel(graceKey(tracked));
    removeFrom(this.#inGrace, tracked);
    removeFrom(this.#expected, tracked);
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
const clientKeyOf = (clientId: string | null, clientHost: string): string =>
  `${clientId ?? ''}\0${clientHost}`;
const graceKey = ({ groupId, memberId }: Tracked): string => `grace\0${groupId}\0${memberId}`;
