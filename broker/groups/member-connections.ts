/**
 * Members whose process died leave without waiting for their session time-out: on a laptop and in a test suite that is the normal
 * end of a consumer, and 30 or 45 seconds are a long time there.
 *
 *   Join/Sync/Heartbeat on connection C ─► C closes (not by us) ─► nothing of the member for `graceMs` ─► it leaves
 *                                              any request of it, or a new connection of its client ─► it stays
 *
 * A client that merely lost its connection opens a new one at once, under the same client id and from the same host; that counts as a
 * sign of life, and from then on only the session time-out decides. Static members never leave this way (KIP-345), nor does anybody
 * whose connection this side closed.
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
  clientKey: string;
  connection: CallerConnection;
  forget: () => void;
}

export class MemberConnections {
  readonly #options: MemberConnectionsOptions;
  readonly #byMember = new Map<string, Tracked>();
  /** Members in their grace, by client. */
  readonly #inGrace = new Map<string, Set<Tracked>>();

  constructor(options: MemberConnectionsOptions) {
    this.#options = options;
  }

  /** A dynamic member has spoken on this connection. */
  seen(groupId: string, memberId: string, caller: Caller): void {
    if (memberId === '' || this.#options.graceMs() <= 0) return;
    const key = keyOf(groupId, memberId);
    const tracked = this.#byMember.get(key);
    if (tracked?.connection === caller.connection) return;
    if (tracked !== undefined) this.#forget(tracked);
    this.#track(key, groupId, memberId, caller);
  }

  /** A sign of life that does not move the member to this connection (an offset commit). */
  heard(groupId: string, memberId: string): void {
    const tracked = this.#byMember.get(keyOf(groupId, memberId));
    if (tracked !== undefined) this.#endGrace(tracked);
  }

  /** A client has opened a new connection: members of it that are in their grace are alive. */
  clientConnected(clientId: string | null, clientHost: string): void {
    const waiting = this.#inGrace.get(clientKeyOf(clientId, clientHost));
    if (waiting !== undefined) for (const tracked of [...waiting]) this.#endGrace(tracked);
  }

  /** The member has left. */
  gone(groupId: string, memberId: string): void {
    const tracked = this.#byMember.get(keyOf(groupId, memberId));
    if (tracked !== undefined) this.#forget(tracked);
  }

  clear(): void {
    for (const tracked of [...this.#byMember.values()]) this.#forget(tracked);
  }

  #track(key: string, groupId: string, memberId: string, caller: Caller): void {
    const tracked: Tracked = {
      groupId,
      memberId,
      clientKey: clientKeyOf(caller.clientId, caller.clientHost),
      connection: caller.connection,
      forget: () => {},
    };
    this.#byMember.set(key, tracked);
    if (caller.connection.isClosed) this.#beginGrace(tracked);
    else {
      tracked.forget = caller.connection.onClose((byUs) => {
        if (byUs) this.#forget(tracked);
        else this.#beginGrace(tracked);
      });
    }
  }

  #beginGrace(tracked: Tracked): void {
    let waiting = this.#inGrace.get(tracked.clientKey);
    if (waiting === undefined) this.#inGrace.set(tracked.clientKey, (waiting = new Set()));
    waiting.add(tracked);
    this.#options.deadlines.set(graceKey(tracked), this.#options.graceMs(), () => {
      this.#forget(tracked);
      this.#options.leave(tracked.groupId, tracked.memberId);
    });
  }

  #endGrace(tracked: Tracked): void {
    this.#options.deadlines.cancel(graceKey(tracked));
    const waiting = this.#inGrace.get(tracked.clientKey);
    waiting?.delete(tracked);
    if (waiting?.size === 0) this.#inGrace.delete(tracked.clientKey);
  }

  #forget(tracked: Tracked): void {
    this.#endGrace(tracked);
    tracked.forget();
    this.#byMember.delete(keyOf(tracked.groupId, tracked.memberId));
  }
}

const keyOf = (groupId: string, memberId: string): string => `${groupId}\0${memberId}`;
const clientKeyOf = (clientId: string | null, clientHost: string): string =>
  `${clientId ?? ''}\0${clientHost}`;
const graceKey = ({ groupId, memberId }: Tracked): string => `grace\0${groupId}\0${memberId}`;
