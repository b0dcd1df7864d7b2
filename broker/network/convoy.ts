/**
 * Keeps those together who read the same file, so that what one of them had read is still there for the others (shared-chunks.ts).
 *
 *    file      | · · · · · a · b c · · · · · · · · · d · · ·        d waits while a, b and c are served: they come nearer
 *
 * Consumers that begin together drift apart: by 100 MB after 300, measured with twenty, and then a cache of 16 MiB is of use to one read in
 * five. So who is more than `aheadBytesMax` in front of another lets the other go first, for no longer than `turnsMax` turns of the event
 * loop or `waitMsMax`, and only while the loop is so busy that the other was served in this turn or the last: nobody waits for one who is
 * slow himself, and no time is lost, for others use it. Answers of less than a chunk, such as those of who reads what is just written, never wait.
 */
import type { Clock } from '../../storage/environment/clock.ts';

const aheadBytesMax = 1024 * 1024;
/** With 8 of them twenty consumers still drifted apart by 60 MB, with 30 they stayed within 2. */
const turnsMax = 32;
/** Only turns of more than 8 ms make this the one that counts: beside a loop that has such nobody is slow, and 32 of them may be seconds. */
export const waitMsMax = 250;
/** Farther away nobody will be met soon. */
const reachBytes = 128 * 1024 * 1024;

export interface Place {
  readonly contentId: number;
  readonly position: number;
}

interface Seen extends Place {
  readonly turn: number;
}

interface Waiting extends Seen {
  readonly reader: object;
  readonly sinceMs: number;
  readonly go: () => void;
}

export class Convoy {
  readonly #clock: Clock;
  /** Who went on in this turn or the last, and where; of one who reads alone the last that was heard, for no turn is watched for it. */
  readonly #seen = new Map<object, Seen>();
  #waiting: Waiting[] = [];
  #turn = 0;
  #isTurnWatched = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Whether the reader may go on at once; else `go` is called when it may. Lone readers always may. `reader` is remembered, perhaps for
   * long after its connection has gone: something small that holds nothing.
   */
  mayGo(reader: object, { contentId, position }: Place, go: () => void): boolean {
    const seen = { contentId, position, turn: this.#turn };
    this.#seen.set(reader, seen);
    if (this.#seen.size === 1) return true;
    this.#watchTurn();
    if (!this.#isAhead(reader, seen)) return true;
    this.#seen.delete(reader);
    this.#waiting.push({ ...seen, reader, sinceMs: this.#clock.monotonicMs(), go });
    return false;
  }

  #isAhead(reader: object, { contentId, position }: Place): boolean {
    for (const [other, at] of this.#seen) {
      if (other === reader || at.contentId !== contentId) continue;
      const aheadBytes = position - at.position;
      if (aheadBytes > aheadBytesMax && aheadBytes < reachBytes) return true;
    }
    return false;
  }

  #watchTurn(): void {
    if (this.#isTurnWatched) return;
    this.#isTurnWatched = true;
    this.#clock.defer(() => this.#turnEnded());
  }

  #turnEnded(): void {
    this.#isTurnWatched = false;
    this.#turn += 1;
    for (const [reader, { turn }] of this.#seen) if (turn < this.#turn - 1) this.#seen.delete(reader);
    const waiting = this.#waiting;
    this.#waiting = [];
    const free: Waiting[] = [];
    const nowMs = this.#clock.monotonicMs();
    for (const one of waiting) {
      const isLong = this.#turn - one.turn >= turnsMax || nowMs - one.sinceMs >= waitMsMax;
      (isLong || !this.#isAhead(one.reader, one) ? free : this.#waiting).push(one);
    }
    if (this.#seen.size > 1 || this.#waiting.length > 0) this.#watchTurn();
    for (const { reader, contentId, position, go } of free) {
      this.#seen.set(reader, { contentId, position, turn: this.#turn });
      go();
    }
  }
}
