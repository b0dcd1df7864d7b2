/**
 * One reader of changes. It has what was read for it last, a chunk of a log at most, and gets the next when it has taken that. It ends
 * when the reader says so, the topic or the broker goes, or the reader takes nothing for too long: its place may be wanted by others.
 */
import type { Clock, Timer } from '../../storage/environment/clock.ts';
import { ChangeSource, type SourceParts } from './change-source.ts';
import { type Change, LookupRefused } from './lookup.ts';
import { following } from './waiting.ts';

/** A reader that takes nothing for so long, though there is something for it, is dropped. */
export const slowReaderMs = 300_000;

export interface StreamParts extends Omit<SourceParts, 'signal'> {
  readonly clock: Clock;
  readonly onEnd: (stream: ChangeStream) => void;
}

export class ChangeStream implements AsyncIterator<Change> {
  readonly #parts: StreamParts;
  readonly #source: ChangeSource;
  readonly #abort = new AbortController();
  readonly #forget: () => void;
  /** What the reader has not taken yet. */
  #ready: readonly Change[] = [];
  #taken = 0;
  #slow: Timer | null = null;
  #isOver = false;
  /** Why it is over, until that is told. */
  #reason: unknown = null;
  /** One `next` after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: StreamParts) {
    this.#parts = parts;
    const { signal } = this.#abort;
    this.#source = new ChangeSource({ ...parts, signal });
    this.#forget = following(parts.options.signal, this.#abort);
    signal.addEventListener('abort', () => this.#fail(signal.reason), { once: true });
    if (signal.aborted) this.#fail(signal.reason);
    else this.#watchReader();
  }

  next(): Promise<IteratorResult<Change>> {
    const result = this.#last.then(() => this.#next());
    this.#last = result.catch(() => {});
    return result;
  }

  async return(): Promise<IteratorResult<Change>> {
    this.#end();
    return { done: true, value: undefined };
  }

  /** The topic of this name has more partitions, or other settings, or is gone. */
  topicChanged(topic: string): void {
    if (topic === this.#parts.topic) this.#source.changed();
  }

  stop(why: LookupRefused): void {
    this.#fail(why);
  }

  async #next(): Promise<IteratorResult<Change>> {
    this.#slow?.cancel();
    if (this.#taken === this.#ready.length && !this.#isOver) {
      this.#taken = 0;
      this.#ready = [];
      try {
        const ready = await this.#source.next();
        if (!this.#isOver) this.#ready = ready;
      } catch (error) {
        this.#fail(error);
      }
    }
    if (this.#isOver) return this.#over();
    this.#watchReader();
    return { done: false, value: this.#ready[this.#taken++]! };
  }

  /** Its reason once, then that there is nothing. */
  #over(): IteratorResult<Change> {
    const reason = this.#reason;
    this.#reason = null;
    if (reason !== null) throw reason;
    return { done: true, value: undefined };
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#reason = reason;
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#slow?.cancel();
    this.#ready = [];
    this.#taken = 0;
    this.#forget();
    this.#abort.abort(this.#reason);
    this.#source.close();
    this.#parts.onEnd(this);
  }

  #watchReader(): void {
    this.#slow = this.#parts.clock.schedule(slowReaderMs, () => {
      if (this.#taken === this.#ready.length && !this.#source.hasMore) return this.#watchReader();
      this.#fail(
        new LookupRefused({ reason: 'too-slow' }, `nothing was taken for ${slowReaderMs / 1000} seconds`),
      );
    });
  }
}
