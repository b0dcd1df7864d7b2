/**
 * A client's end of one connection to the Lookup service (protocol/lookup/service.ts): calls and streams side by side. What the broker would
 * refuse for their number waits here instead; what it has sent of a stream stays here until its reader takes it.
 */
import {
  type ControlFile,
  controlFrame,
  controlFrameBytesMax,
  controlMethod,
  controlProtocol,
} from '../../protocol/control/service.ts';
import {
  type LookupProtocol,
  lookupProtocol,
  lookupReplyBytesMax,
  type OpenLookupReply,
  streamWindowBytes,
} from '../../protocol/lookup/service.ts';
import { decode, encode } from '../../protocol/protobuf.ts';
import { FrameSplitter } from '../../protocol/wire/frame.ts';
import type { ConnectionEvents, TransportConnection } from '../network/transport.ts';
import { LookupConnectionError } from './connection-error.ts';
import { FrameBatch } from './frame-batch.ts';
import { LookupRefused } from './lookup.ts';
import { openLookupMethod } from './rpc-door.ts';
import { type ReplyMessage, refusedOf } from './rpc-messages.ts';

/** Opens a connection to a listener of a broker; rejects with the system's error. */
export type Connect = (events: ConnectionEvents) => Promise<TransportConnection>;

export interface ChannelOptions {
  readonly connect: Connect;
  readonly token: ControlFile['token'];
  /** Who that is, for errors. */
  readonly where: string;
}

/** Taken off the front of the queue at a time. */
const waitingTrimmed = 1_024;

/** A call that waits for its replies. */
interface Pending {
  /** `byteCount`: of the reply's frame. Gives whether the call is over. */
  replied(reply: ReplyMessage, byteCount: number): boolean;
  failed(error: unknown): void;
}

export class LookupChannel {
  readonly #where: string;
  readonly #protocol: LookupProtocol;
  readonly #connection: TransportConnection;
  readonly #batch: FrameBatch;
  readonly #limits: OpenLookupReply;
  readonly #pending = new Map<number, Pending>();
  /** Calls for which there is no room at the broker; those before `#waitingFrom` have begun. */
  #waiting: (() => void)[] = [];
  #waitingFrom = 0;
  #calls = 0;
  #lastId = 0;
  #isClosed = false;

  private constructor(where: string, opened: Opened, protocol: LookupProtocol) {
    this.#where = where;
    this.#protocol = protocol;
    this.#connection = opened.connection;
    this.#limits = opened.limits;
    this.#batch = new FrameBatch((chunks) => this.#connection.send(chunks));
  }

  /** Rejects with a LookupConnectionError. */
  static async open({ connect, token, where }: ChannelOptions): Promise<LookupChannel> {
    const protocol = await lookupProtocol();
    const receiver: Receiver = { received: () => {}, closed: () => {} };
    const opened = await openConnection(connect, token, where, receiver);
    const channel = new LookupChannel(where, opened, protocol);
    const splitter = new FrameSplitter(lookupReplyBytesMax, (frame) => channel.#replied(frame));
    receiver.received = (bytes) => splitter.feed(bytes);
    receiver.closed = () => channel.#closed();
    return channel;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#connection.destroy();
    this.#closed();
  }

  /** `take` makes the result of a reply; undefined while more of it follows. */
  call<Result>(
    request: object,
    signal: AbortSignal | undefined,
    take: (reply: ReplyMessage) => Result | undefined,
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (signal !== undefined) {
        this.#cancellable(request, signal, take, resolve, reject);
        return;
      }
      const replied = (reply: ReplyMessage): boolean => {
        const result = take(reply);
        if (result === undefined) return false;
        resolve(result);
        return true;
      };
      this.#begin(request, { replied, failed: reject });
    });
  }

  /** Of one stream, until its reader stops reading; each with the bytes that it takes up. */
  async *stream<Item>(
    request: object,
    signal: AbortSignal | undefined,
    take: (reply: ReplyMessage) => Item,
  ): AsyncGenerator<Item> {
    signal?.throwIfAborted();
    const stream = new Stream<Item>(take);
    const id = this.#send(request, stream);
    const abort = (): void => stream.failed(signal!.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      for (let takenBytes = 0; ; ) {
        const next = await stream.next();
        if (next === null) return;
        takenBytes += next.byteCount;
        if (takenBytes >= streamWindowBytes / 2 && this.#pending.has(id)) {
          this.#tell({ id, taken: { bytes: takenBytes } });
          takenBytes = 0;
        }
        yield next.item;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      if (this.#pending.delete(id)) this.#tell({ id, cancel: {} });
    }
  }

  #cancellable<Result>(
    request: object,
    signal: AbortSignal,
    take: (reply: ReplyMessage) => Result | undefined,
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
  ): void {
    if (signal.aborted) return reject(signal.reason);
    let id = 0;
    let isOver = false;
    const over = (): void => {
      isOver = true;
      signal.removeEventListener('abort', abort);
    };
    const abort = (): void => {
      over();
      // Its place is free when the broker is done with it.
      if (id !== 0) this.#tell({ id, cancel: {} });
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort);
    const pending: Pending = {
      replied: (reply) => {
        const result = isOver ? null : take(reply);
        if (result === undefined) return false;
        if (isOver) return !reply.isPart;
        over();
        resolve(result as Result);
        return true;
      },
      failed: (error) => {
        over();
        reject(error);
      },
    };
    const begin = (): void => {
      if (!isOver) id = this.#started({ ...request, isCancellable: true }, pending);
    };
    this.#whenRoom(begin, pending);
  }

  #begin(request: object, pending: Pending): void {
    this.#whenRoom(() => this.#started(request, pending), pending);
  }

  #whenRoom(begin: () => void, pending: Pending): void {
    if (this.#isClosed) pending.failed(this.#gone());
    else if (this.#calls < this.#limits.callsMax) begin();
    else
      this.#waiting.push(() => {
        if (this.#isClosed) pending.failed(this.#gone());
        else begin();
      });
  }

  #started(request: object, pending: Pending): number {
    this.#calls += 1;
    return this.#send(request, new Counted(pending, () => this.#callOver()));
  }

  #callOver(): void {
    this.#calls -= 1;
    if (this.#isClosed || this.#waitingFrom === this.#waiting.length) return;
    const begin = this.#waiting[this.#waitingFrom++]!;
    if (this.#waitingFrom === waitingTrimmed) {
      this.#waiting.splice(0, waitingTrimmed);
      this.#waitingFrom = 0;
    }
    begin();
  }

  #send(request: object, pending: Pending): number {
    const id = this.#nextId();
    if (this.#isClosed) {
      pending.failed(this.#gone());
      return id;
    }
    try {
      this.#batch.add(this.#protocol.call, { id, ...request }, this.#limits.callBytesMax);
      this.#pending.set(id, pending);
    } catch (error) {
      pending.failed(
        error instanceof RangeError ? new LookupRefused({ reason: 'too-large' }, error.message) : error,
      );
    }
    return id;
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#lastId === 0 || this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  #tell(message: object): void {
    if (!this.#isClosed) this.#batch.add(this.#protocol.call, message, this.#limits.callBytesMax);
  }

  #replied(frame: Buffer): void {
    // The frame is borrowed, and keys and values are views into it.
    const reply = this.#protocol.reply.decode(Buffer.from(frame)) as unknown as ReplyMessage;
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    const error = errorOf(reply);
    if (error === null && !pending.replied(reply, frame.length)) return;
    this.#pending.delete(reply.id);
    if (error !== null) pending.failed(error);
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const one of pending) one.failed(this.#gone());
    for (const begin of this.#waiting.splice(this.#waitingFrom)) begin();
  }

  #gone(): LookupConnectionError {
    return new LookupConnectionError(`the connection to ${this.#where} is closed`);
  }
}

function errorOf({ refused, outcome, failed }: ReplyMessage): Error | null {
  if (refused !== null) return refusedOf(refused);
  return outcome === 'failed' ? new Error(failed) : null;
}

/** Tells when a call is over, however. */
class Counted implements Pending {
  readonly #pending: Pending;
  readonly #over: () => void;

  constructor(pending: Pending, over: () => void) {
    this.#pending = pending;
    this.#over = over;
  }

  replied(reply: ReplyMessage, byteCount: number): boolean {
    const isOver = this.#pending.replied(reply, byteCount);
    if (isOver) this.#over();
    return isOver;
  }

  failed(error: unknown): void {
    this.#over();
    this.#pending.failed(error);
  }
}

/** Replies to one call, until its reader takes them; at most the stream's window of them. */
class Stream<Item> implements Pending {
  readonly #take: (reply: ReplyMessage) => Item;
  #items: { readonly item: Item; readonly byteCount: number }[] = [];
  #from = 0;
  #isEnded = false;
  #error: unknown = null;
  #wake: (() => void) | null = null;

  constructor(take: (reply: ReplyMessage) => Item) {
    this.#take = take;
  }

  replied(reply: ReplyMessage, byteCount: number): boolean {
    if (reply.outcome === 'end') this.#isEnded = true;
    else this.#items.push({ item: this.#take(reply), byteCount });
    this.#wakeUp();
    return this.#isEnded;
  }

  failed(error: unknown): void {
    this.#isEnded = true;
    this.#error ??= error;
    this.#wakeUp();
  }

  /** null: that was all. Throws what ended it, after what came before. */
  async next(): Promise<{ readonly item: Item; readonly byteCount: number } | null> {
    while (this.#from === this.#items.length) {
      if (this.#error !== null) throw this.#error;
      if (this.#isEnded) return null;
      this.#items = [];
      this.#from = 0;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#items[this.#from++]!;
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

interface Receiver {
  received: (bytes: Buffer) => void;
  closed: () => void;
}

interface Opened {
  readonly connection: TransportConnection;
  readonly limits: OpenLookupReply;
}

/** The first call and its answer; what comes after it is `receiver`'s. */
async function openConnection(
  connect: Connect,
  token: string,
  where: string,
  receiver: Receiver,
): Promise<Opened> {
  const control = await controlProtocol();
  const { request, response } = controlMethod(control, openLookupMethod)!;
  let answered!: (answer: Buffer | null) => void;
  const answer = new Promise<Buffer | null>((resolve) => {
    answered = resolve;
  });
  const opening = new FrameSplitter(controlFrameBytesMax, (frame) => answered(Buffer.from(frame)));
  receiver.received = (bytes) => opening.feed(bytes);
  receiver.closed = () => answered(null);
  let connection: TransportConnection | null = null;
  try {
    connection = await connect({
      readInto: () => null,
      received: (bytes) => {
        try {
          receiver.received(bytes);
        } catch {
          connection?.destroy();
        }
      },
      drained: () => {},
      closed: () => receiver.closed(),
    });
  } catch (error) {
    throw new LookupConnectionError(`nobody listens on ${where}`, { cause: error });
  }
  const call = { id: 1, token, method: openLookupMethod, body: encode(request, {}) };
  connection.send([controlFrame(control.call, call)]);
  const frame = await answer;
  if (frame === null)
    throw new LookupConnectionError(`${where} has closed the connection: is the token right?`);
  const { error, body } = decode(control.reply, frame) as { error: string; body: Uint8Array };
  if (error !== '') {
    connection.destroy();
    throw new LookupConnectionError(`${where}: ${error}`);
  }
  return { connection, limits: decode(response, body) as OpenLookupReply };
}
