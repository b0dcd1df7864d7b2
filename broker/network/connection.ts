/**
 * One client's connection: bytes become frames, frames go to dispatch, answers go back.
 *
 * Order. Handlers start in arrival order, and each has enqueued its append before its first `await`, so what one client
 * writes is applied in the order it was sent; one that must ask first holds the connection until it has (`hold`), as Kafka mutes a
 * channel. Handlers may overlap where they wait (a long poll, an fsync); answers leave in
 * arrival order all the same:
 *
 *    arrived    A   B   C   D          A done at once: sent at once, without a promise
 *    done       A   C   D   B          C and D wait behind B in `#slots`
 *    sent       A           B C D
 *
 * What cannot be answered (a broken frame, an unknown API) ends the connection in its turn: what was asked before it is answered, what
 * comes behind it is not read.
 *
 * Limits. A connection stops reading while it is held, while too many of its requests wait (`maxInFlightRequests`,
 * `maxInFlightBytes`), while it does not take its answers, and for one turn of the event loop when it has kept the loop for `turnBudgetMs`. Frames that
 * were already read by then are copied and held: at most one read buffer and one large frame.
 */
import { FrameSizeError, FrameSplitter } from '../../protocol/wire/frame.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type { CallerConnection, FetchedPartitionName } from '../apis/handler.ts';
import type { LimitedLog } from '../observe/limited-log.ts';
import { nameGarbage } from './garbage.ts';
import { hostAndPort, javaHost } from './hosts.ts';
import { releaseRegions } from './outbound-queue.ts';
import type { ConnectionEvents, Endpoint, OutboundChunk, TransportConnection } from './transport.ts';

/** Requests of one connection that may wait at the same time; further ones are not read. */
export const maxInFlightRequests = 100;
/** Bytes of such requests, as frames and as objects. One request may be larger than this by itself. */
export const maxInFlightBytes = 64 * 1024 * 1024;
/** What an element of an array costs at least once it is decoded, however few bytes of the frame it had. */
const elementBytes = 48;
/** After this long in one turn a connection lets the others have theirs. */
export const turnBudgetMs = 10;

/** The request cannot be answered (unknown API, broken body): the connection must go. */
export const hangUp = Symbol('hang up');

/** The last bytes that a connection gets: what comes behind them is not read. */
export class Farewell {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** An answer's bytes, null where none is sent. */
export type WholeReply = readonly OutboundChunk[] | null | typeof hangUp;
export type Reply = WholeReply | Farewell;

/** Answers frames; see dispatch.ts. Neither throws nor rejects. `frame` is borrowed until it returns, unless `ownsBytes`. */
export interface FrameHandler {
  handle(frame: Buffer, connection: Connection, ownsBytes: boolean): Reply | Promise<Reply>;
  /** Something else came than frames, and this is what it looks like. */
  strange?(protocol: string): void;
}

/** What all connections of a listener share. */
export interface ConnectionContext {
  readonly listenerName: string;
  readonly requestBytesMax: number;
  readonly frames: FrameHandler;
  readonly clock: Clock;
  readonly log: LimitedLog;
  closed(connection: Connection): void;
}

interface Slot {
  readonly requestBytes: number;
  reply: Reply;
  isDone: boolean;
}

let connectionsMade = 0;

export class Connection implements ConnectionEvents, CallerConnection {
  readonly id = ++connectionsMade;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** As Kafka names a client's host: '/127.0.0.1'. */
  readonly clientHost: string;
  clientSoftware: { name: string; version: string } | null = null;
  latestFetch: readonly FetchedPartitionName[] | null = null;
  /** A request of it has been understood. */
  hasSpoken = false;
  /** Elements in the arrays of the request that was decoded last. */
  requestElements = 0;
  readonly #transport: TransportConnection;
  readonly #context: ConnectionContext;
  readonly #splitter: FrameSplitter;
  /** The bytes being read: a frame that lies in them is borrowed, any other has memory of its own. */
  #piece: Buffer | null = null;
  #held: Buffer[] = [];
  #slots: Slot[] = [];
  #inFlightBytes = 0;
  /** Handlers that nothing may overtake. */
  #holds = 0;
  #outgoing: OutboundChunk[] = [];
  #isReading = false;
  #isSendBlocked = false;
  #isTurnOver = false;
  /** Nothing that comes from now on is read. */
  #isEnding = false;
  #turnStartMs = 0;
  #lastActiveMs: number;
  #isClosed = false;
  #closeListeners: Set<(byUs: boolean) => void> | null = null;

  constructor(transport: TransportConnection, context: ConnectionContext) {
    this.#transport = transport;
    this.#context = context;
    this.remote = transport.remote;
    this.local = transport.local;
    this.clientHost = javaHost(transport.remote.host);
    this.#lastActiveMs = context.clock.monotonicMs();
    this.#splitter = new FrameSplitter(context.requestBytesMax, (frame) => this.#arrived(frame));
  }

  get listenerName(): string {
    return this.#context.listenerName;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** For log lines. */
  get name(): string {
    return hostAndPort(this.remote.host, this.remote.port);
  }

  /** How long nothing has come or gone; 0 while a request is being handled. */
  idleMs(nowMs: number): number {
    return this.#slots.length > 0 ? 0 : nowMs - this.#lastActiveMs;
  }

  onClose(listener: (byUs: boolean) => void): () => void {
    const listeners = (this.#closeListeners ??= new Set());
    // A function of our own, so that one passed twice runs twice.
    const once = (byUs: boolean): void => listener(byUs);
    listeners.add(once);
    return () => listeners.delete(once);
  }

  hold(until: Promise<unknown>): void {
    this.#holds += 1;
    const over = (): void => {
      this.#holds -= 1;
      this.#goOn();
    };
    until.then(over, over);
  }

  disconnect(reason: string): void {
    if (this.#isClosed) return;
    this.#context.log.warn('disconnect', `closed the connection from ${this.name}: ${reason}`);
    this.close();
  }

  /** Closes at once, without a word. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#held = [];
    this.#transport.destroy();
  }

  readInto(): Uint8Array | null {
    return this.#isEnding ? null : this.#splitter.room();
  }

  received(bytes: Buffer): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#piece = bytes;
    this.#isReading = true;
    this.#turnStartMs = this.#context.clock.monotonicMs();
    this.#lastActiveMs = this.#turnStartMs;
    try {
      this.#splitter.feed(bytes);
    } catch (error) {
      if (!(error instanceof FrameSizeError)) throw error;
      this.#refuse(error);
    } finally {
      this.#isReading = false;
    }
    this.#flush(true);
    if (this.#held.length > 0) this.#transport.pause();
  }

  drained(): void {
    this.#isSendBlocked = false;
    this.#lastActiveMs = this.#context.clock.monotonicMs();
    this.#goOn();
  }

  /** The transport says so; a connection that we close ends up here too. */
  closed(byUs: boolean): void {
    this.#isClosed = true;
    this.#held = [];
    releaseRegions(this.#outgoing);
    this.#outgoing = [];
    // Slots stay: a handler that is not done yet finds the connection closed, and its answer is let go of then.
    for (const { reply } of this.#slots) letGo(reply);
    this.#slots = [];
    const listeners = this.#closeListeners;
    this.#closeListeners = null;
    this.#context.closed(this);
    if (listeners !== null) for (const listener of [...listeners]) listener(byUs);
  }

  /** What came is no frame: say what it seems to be, once. */
  #refuse(error: FrameSizeError): void {
    const garbage = nameGarbage(error.size);
    const what =
      garbage ??
      `${error.message}; this is not a Kafka client, or socket.request.max.bytes is too low for it`;
    this.#context.log.warn(
      garbage === null ? 'frame-size' : `garbage ${garbage}`,
      `closed the connection from ${this.name}: got ${what}`,
      { listener: this.listenerName },
    );
    if (garbage !== null) this.#context.frames.strange?.(garbage);
    this.#isEnding = true;
    if (this.#held.length === 0) this.#end();
  }

  /** Closes once everything that was asked before is answered. */
  #end(last: typeof hangUp | Farewell = hangUp): void {
    this.#isEnding = true;
    this.#held = [];
    if (this.#slots.length > 0) {
      this.#slots.push({ requestBytes: 0, reply: last, isDone: true });
      return;
    }
    this.#finish(last);
  }

  /** Closes as soon as what has been answered is out. */
  #finish(last: typeof hangUp | Farewell): void {
    if (last !== hangUp) this.#outgoing.push(last.bytes);
    this.#flush();
    this.#isClosed = true;
    this.#transport.end();
  }

  #arrived(frame: Buffer): void {
    if (this.#isClosed || this.#isEnding) return;
    const ownsBytes = !liesIn(frame, this.#piece);
    if (this.#held.length > 0 || this.#mustWait()) this.#held.push(ownsBytes ? frame : Buffer.from(frame));
    else this.#start(frame, ownsBytes);
  }

  #mustWait(): boolean {
    return (
      this.#holds > 0 ||
      this.#isSendBlocked ||
      this.#isTurnOver ||
      this.#slots.length >= maxInFlightRequests ||
      this.#inFlightBytes >= maxInFlightBytes
    );
  }

  #start(frame: Buffer, ownsBytes: boolean): void {
    const reply = this.#context.frames.handle(frame, this, ownsBytes);
    if (reply instanceof Promise) this.#await(reply, frame.length + this.requestElements * elementBytes);
    else if (reply === hangUp || reply instanceof Farewell) this.#end(reply);
    else if (this.#slots.length > 0) this.#slots.push({ requestBytes: 0, reply, isDone: true });
    else if (reply !== null) this.#queue(reply);
    if (this.#context.clock.monotonicMs() - this.#turnStartMs > turnBudgetMs) this.#endTurn();
  }

  #await(promise: Promise<Reply>, requestBytes: number): void {
    const slot: Slot = { requestBytes, reply: null, isDone: false };
    this.#slots.push(slot);
    this.#inFlightBytes += requestBytes;
    promise.then((reply) => {
      if (this.#isClosed) {
        letGo(reply);
        return;
      }
      slot.reply = reply;
      slot.isDone = true;
      if (this.#slots[0] === slot) this.#settle();
    });
  }

  /** Answers what is done at the head of the line, and goes on with what had to wait. */
  #settle(): void {
    let settled = 0;
    for (const slot of this.#slots) {
      if (!slot.isDone) break;
      settled += 1;
      this.#inFlightBytes -= slot.requestBytes;
      if (slot.reply === hangUp || slot.reply instanceof Farewell) return this.#finish(slot.reply);
      if (slot.reply !== null) this.#queue(slot.reply);
    }
    this.#slots.splice(0, settled);
    this.#lastActiveMs = this.#context.clock.monotonicMs();
    if (this.#isReading) return;
    this.#flush();
    this.#goOn();
  }

  #queue(reply: readonly OutboundChunk[]): void {
    for (const chunk of reply) this.#outgoing.push(chunk);
  }

  /** `isAll`: answers that come later come in other turns. */
  #flush(isAll = false): void {
    if (this.#outgoing.length === 0) return;
    const chunks = this.#outgoing;
    this.#outgoing = [];
    if (!this.#transport.send(chunks, isAll)) this.#isSendBlocked = true;
  }

  #endTurn(): void {
    if (this.#isTurnOver || this.#isClosed) return;
    this.#isTurnOver = true;
    this.#context.clock.defer(() => {
      this.#isTurnOver = false;
      this.#goOn();
    });
  }

  /** Handles the held frames, and reads again when none is left. */
  #goOn(): void {
    if (this.#isClosed || this.#isReading) return;
    this.#piece = null;
    this.#isReading = true;
    this.#turnStartMs = this.#context.clock.monotonicMs();
    while (this.#held.length > 0 && !this.#mustWait()) this.#start(this.#held.shift()!, true);
    this.#isReading = false;
    this.#flush();
    if (this.#held.length > 0 || this.#isClosed) return;
    const last = this.#slots.at(-1)?.reply;
    const isEnded = last === hangUp || last instanceof Farewell;
    if (this.#isEnding && !isEnded) this.#end();
    else this.#transport.resume();
  }
}

function letGo(reply: Reply): void {
  if (reply !== null && reply !== hangUp && !(reply instanceof Farewell)) releaseRegions(reply);
}

function liesIn(frame: Buffer, piece: Buffer | null): boolean {
  if (piece === null || frame.buffer !== piece.buffer) return false;
  const start = frame.byteOffset - piece.byteOffset;
  return start >= 0 && start + frame.length <= piece.length;
}
