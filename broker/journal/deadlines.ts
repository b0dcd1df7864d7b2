import type { Clock, Timer } from '../../storage/environment/clock.ts';

/**
 * Time-outs by key (a member's session, a rebalance, a transaction) on the monotonic clock, with one timer for all.
 *
 * Deadlines are not state: nothing of them is written, they are computed again after a load, and one that fires is just
 * another decision. A binary heap orders them by `heapMs`; setting a key to a later moment only moves its `dueMs`, which
 * costs nothing (each heartbeat does that), and the entry sinks to its new place when the old moment comes:
 *
 *     heapMs ≤ dueMs        always; equal unless the deadline was postponed since it was last placed
 *     timer  ≤ heap[0].heapMs
 *
 * Equal moments fire in the order in which they were set.
 */
export class Deadlines<Key = string> {
  readonly #clock: Clock;
  readonly #byKey = new Map<Key, Deadline<Key>>();
  readonly #heap: Deadline<Key>[] = [];
  #timer: Timer | null = null;
  #timerMs = Infinity;
  #order = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many keys have a deadline. */
  get size(): number {
    return this.#byKey.size;
  }

  /** Calls `action` once after `delayMs`, unless the key is set again or cancelled before; replaces what the key had. */
  set(key: Key, delayMs: number, action: () => void): void {
    const dueMs = this.#clock.monotonicMs() + Math.max(0, delayMs);
    const order = this.#order++;
    const existing = this.#byKey.get(key);
    if (existing === undefined) {
      const place = this.#heap.length;
      const deadline = { key, dueMs, order, action, heapMs: dueMs, heapOrder: order, place };
      this.#byKey.set(key, deadline);
      this.#heap.push(deadline);
      this.#rise(deadline);
    } else {
      existing.dueMs = dueMs;
      existing.order = order;
      existing.action = action;
      if (dueMs <= existing.heapMs) this.#place(existing);
    }
    this.#arm();
  }

  /** True when there was one. */
  cancel(key: Key): boolean {
    const deadline = this.#byKey.get(key);
    if (deadline === undefined) return false;
    this.#remove(deadline);
    return true;
  }

  has(key: Key): boolean {
    return this.#byKey.has(key);
  }

  /** Milliseconds until the key's deadline, never negative; undefined when it has none. */
  remainingMs(key: Key): number | undefined {
    const deadline = this.#byKey.get(key);
    return deadline === undefined ? undefined : Math.max(0, deadline.dueMs - this.#clock.monotonicMs());
  }

  /** Forgets all; before a load, and when the owner stops. New ones may be set afterwards. */
  clear(): void {
    this.#byKey.clear();
    this.#heap.length = 0;
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerMs = Infinity;
  }

  /** Sees to it that the timer comes no later than the first deadline; a timer that is early costs one look. */
  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || this.#timerMs <= first.heapMs) return;
    this.#timer?.cancel();
    this.#timerMs = first.heapMs;
    const delayMs = Math.min(
      Math.max(0, Math.ceil(first.heapMs - this.#clock.monotonicMs())),
      longestTimerMs,
    );
    this.#timer = this.#clock.schedule(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timer = null;
    this.#timerMs = Infinity;
    const nowMs = this.#clock.monotonicMs();
    try {
      for (let first = this.#heap[0]; first !== undefined && first.heapMs <= nowMs; first = this.#heap[0]) {
        if (first.dueMs > first.heapMs) {
          this.#place(first);
        } else {
          this.#remove(first);
          first.action();
        }
      }
    } finally {
      this.#arm();
    }
  }

  /** Puts it where its true moment belongs. */
  #place(deadline: Deadline<Key>): void {
    deadline.heapMs = deadline.dueMs;
    deadline.heapOrder = deadline.order;
    this.#rise(deadline);
    this.#sink(deadline);
  }

  #remove(deadline: Deadline<Key>): void {
    this.#byKey.delete(deadline.key);
    const last = this.#heap.pop()!;
    if (last === deadline) return;
    last.place = deadline.place;
    this.#heap[last.place] = last;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(deadline: Deadline<Key>): void {
    const heap = this.#heap;
    let place = deadline.place;
    while (place > 0) {
      const above = heap[(place - 1) >> 1]!;
      if (!isBefore(deadline, above)) break;
      above.place = place;
      heap[place] = above;
      place = (place - 1) >> 1;
    }
    deadline.place = place;
    heap[place] = deadline;
  }

  #sink(deadline: Deadline<Key>): void {
    const heap = this.#heap;
    let place = deadline.place;
    for (let below = 2 * place + 1; below < heap.length; below = 2 * place + 1) {
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      const child = heap[below]!;
      if (!isBefore(child, deadline)) break;
      child.place = place;
      heap[place] = child;
      place = below;
    }
    deadline.place = place;
    heap[place] = deadline;
  }
}

/** Node's timers hold no more than an int32; a longer wait is looked at again then. */
const longestTimerMs = 0x7fffffff;

interface Deadline<Key> {
  readonly key: Key;
  /** When it is really due, and how many were set before it. */
  dueMs: number;
  order: number;
  action: () => void;
  /** The two as they were when it got its place in the heap. */
  heapMs: number;
  heapOrder: number;
  place: number;
}

function isBefore(a: Deadline<unknown>, b: Deadline<unknown>): boolean {
  return a.heapMs < b.heapMs || (a.heapMs === b.heapMs && a.heapOrder < b.heapOrder);
}
