/**
 * Server-sent events: what changed, as long as somebody listens.
 *
 *    log ──▶ changes ──▶ pump ──▶ socket        The pump takes the next change when the socket has room again: what a slow reader has
 *                                               not read waits in the log, not in memory.
 *
 * A reader that takes nothing for a while is dropped with an `end` event that says why, so that it does not keep one of the places,
 * which are counted; and sooner where many such readers together hold too much of what is in their sockets. It may come back and go on behind the last event that it has.
 */
import { MiB } from '../../storage/config/define.ts';
import type { Clock, Timer } from '../../storage/environment/clock.ts';
import { type Change, LookupRefused } from '../lookup/lookup.ts';
import type { Logger } from '../observe/logger.ts';
import type { RawResponse } from './http-transport.ts';
import { type Problem, ProblemError, problemOf, problemText } from './problems.ts';
import { recordText } from './record-json.ts';

/** A comment so often keeps proxies and readers sure that the stream lives. */
const heartbeatMs = 15_000;
/** So long a reader may take nothing. */
const stalledMsMax = 60_000;
/** What may wait in the sockets of all streams together: with more, readers that have been slow for a while go at once. */
export const waitingBytesMax = 64 * MiB;
const slowMsMax = 5_000;
/** So long, besides what it asked for, it waits for the first event or a refusal; then the stream begins, without an event. */
const firstMsMax = 200;
/** What a browser waits before it comes back with Last-Event-ID. */
const comeBackMs = 2_000;

export interface ChangeStreamOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** What the reader gave for a table that is loading. */
  readonly waitMs: number;
}

export class ChangeStreams {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #max: number;
  readonly #open = new Set<ChangeStream>();
  /** Those whose sockets are full, the longest first, with the bytes that wait there. */
  readonly #full = new Map<ChangeStream, { readonly bytes: number; readonly sinceMs: number }>();
  #waitingBytes = 0;
  #check: Timer | null = null;
  #isStopping = false;

  constructor(clock: Clock, logger: Logger, max: number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#max = max;
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * Sends what `changesUntil` gives until one side ends it. A refusal before the first change is thrown, as long as it can still be an
   * answer of its own.
   */
  async run(
    response: RawResponse,
    options: ChangeStreamOptions,
    changesUntil: (signal: AbortSignal) => AsyncIterable<Change>,
  ): Promise<void> {
    if (this.#isStopping) throw new ProblemError('stopping', 'the broker stops');
    // The reader has left while fastify was loaded for him: nothing would tell so a second time.
    if (response.destroyed) return;
    if (this.#open.size >= this.#max) {
      const detail = `${this.#max} change streams are open, which is all that kompakt.http.change.streams.max allows`;
      throw new ProblemError('too-many', detail, { headers: { 'retry-after': '5' } });
    }
    const stream = new ChangeStream(response, this.#clock, this.#logger, {
      full: (bytes) => this.#isFull(stream, bytes),
      moving: () => this.#isMoving(stream),
    });
    this.#open.add(stream);
    try {
      await stream.run(options, changesUntil);
    } finally {
      this.#open.delete(stream);
    }
  }

  /** Tells every reader, and lets nobody in any more. */
  stop(): void {
    this.#isStopping = true;
    this.#check?.cancel();
    for (const stream of this.#open) stream.end({ kind: 'stopping', detail: 'the broker stops' });
  }

  #isFull(stream: ChangeStream, bytes: number): void {
    this.#full.set(stream, { bytes, sinceMs: this.#clock.monotonicMs() });
    this.#waitingBytes += bytes;
    if (this.#waitingBytes > waitingBytesMax) this.#checkLater();
  }

  #isMoving(stream: ChangeStream): void {
    this.#waitingBytes -= this.#full.get(stream)?.bytes ?? 0;
    this.#full.delete(stream);
  }

  /** A burst of changes fills the sockets of good readers too, for a moment. */
  #checkLater(): void {
    this.#check ??= this.#clock.schedule(slowMsMax, () => {
      this.#check = null;
      const slowSinceMs = this.#clock.monotonicMs() - slowMsMax;
      for (const [stream, { sinceMs }] of [...this.#full]) {
        if (this.#waitingBytes <= waitingBytesMax) return;
        if (sinceMs > slowSinceMs) break;
        this.#isMoving(stream);
        stream.cut();
      }
      if (this.#waitingBytes > waitingBytesMax) this.#checkLater();
    });
  }
}

/** What a stream says of its socket. */
interface Flow {
  full(bytes: number): void;
  moving(): void;
}

class ChangeStream {
  readonly #response: RawResponse;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #flow: Flow;
  readonly #aborted = new AbortController();
  #heartbeat: Timer | null = null;
  #hasBegun = false;
  #hasEnded = false;
  /** Since the last heartbeat something was written. */
  #wasBusy = false;
  #wake: (() => void) | null = null;

  constructor(response: RawResponse, clock: Clock, logger: Logger, flow: Flow) {
    this.#flow = flow;
    this.#response = response;
    this.#clock = clock;
    this.#logger = logger;
  }

  async run(
    { headers, waitMs }: ChangeStreamOptions,
    changesUntil: (signal: AbortSignal) => AsyncIterable<Change>,
  ): Promise<void> {
    this.#response.once('close', () => this.#close());
    this.#response.on('drain', () => this.#wake?.());
    const begin = this.#clock.schedule(waitMs + firstMsMax, () => this.#begin(headers));
    try {
      for await (const change of changesUntil(this.#aborted.signal)) {
        this.#begin(headers);
        if (!(await this.#write(eventText(change)))) return;
      }
      this.end({ kind: 'stopping', detail: 'the changes have come to an end' });
    } catch (error) {
      // Whoever has left, or was told to, needs no reason.
      if (this.#aborted.signal.aborted) return;
      if (!this.#hasBegun) throw error;
      this.end(this.#problem(error));
    } finally {
      begin.cancel();
      this.#heartbeat?.cancel();
    }
  }

  /** The last event, then the end of the answer. A reader that does not take it in time is cut off. */
  end(problem: Problem): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#hasBegun && !this.#response.destroyed) {
      this.#response.end(`event: end\ndata: ${problemText(problem)}\n\n`);
      const late = this.#clock.schedule(stalledMsMax, () => this.#response.destroy());
      this.#response.once('close', () => late.cancel());
    }
    this.#close();
  }

  /** The end, with its reason if the socket takes it at once: what waits there is wanted back. */
  cut(): void {
    this.end(slowProblem);
    this.#response.destroy();
  }

  #begin(headers: Readonly<Record<string, string>>): void {
    if (this.#hasBegun || this.#aborted.signal.aborted) return;
    this.#hasBegun = true;
    this.#response.writeHead(200, headers);
    this.#response.write(`retry: ${comeBackMs}\n\n`);
    this.#beat();
  }

  #beat(): void {
    this.#heartbeat = this.#clock.schedule(heartbeatMs, () => {
      if (!this.#wasBusy && this.#response.writableLength === 0) this.#response.write(':\n\n');
      this.#wasBusy = false;
      this.#beat();
    });
  }

  /** False: it is over. */
  async #write(text: string): Promise<boolean> {
    if (this.#hasEnded || this.#response.destroyed) return false;
    this.#wasBusy = true;
    if (!this.#response.write(text)) await this.#drained();
    return !this.#hasEnded && !this.#response.destroyed;
  }

  async #drained(): Promise<void> {
    this.#flow.full(this.#response.writableLength);
    const stalled = this.#clock.schedule(stalledMsMax, () => this.end(stalledProblem));
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
    stalled.cancel();
    this.#flow.moving();
  }

  #close(): void {
    this.#heartbeat?.cancel();
    this.#aborted.abort();
    this.#wake?.();
  }

  #problem(error: unknown): Problem {
    if (error instanceof LookupRefused) return problemOf(error, false);
    if (error instanceof ProblemError) return error.problem;
    this.#logger.error('a change stream failed', { error });
    return { kind: 'unforeseen', detail: 'the broker logs why' };
  }
}

const slowProblem: Problem = {
  kind: 'reader-too-slow',
  detail: `for ${slowMsMax / 1000} s less was read than had come, and slow readers held ${waitingBytesMax / MiB} MiB`,
};

const stalledProblem: Problem = {
  kind: 'reader-too-slow',
  detail: `nothing was read for ${stalledMsMax / 1000} s`,
};

function eventText(change: Change): string {
  if (change.kind === 'live') return `id: ${change.position}\nevent: live\ndata: {}\n\n`;
  const { position, isSnapshot, record } = change;
  // A document may have line ends between its parts, where any will do.
  const lines = recordText(record)
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`);
  return `id: ${position}\nevent: ${isSnapshot ? 'snapshot' : 'change'}\n${lines.join('')}\n`;
}
