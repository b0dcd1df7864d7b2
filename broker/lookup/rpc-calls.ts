/**
 * The calls of one connection that speaks the Lookup service (protocol/lookup/service.ts).
 *
 * What comes in is started a few calls at a time, then their replies are let out; while the caller is slow to take these, nothing is started
 * and nothing read. So its memory is that of the calls it may have, and of a few answers.
 */

import { setMaxListeners } from 'node:events';
import {
  type LookupProtocol,
  lookupCallsMax,
  lookupReplyBytesMax,
  lookupStreamsMax,
  streamWindowBytes,
} from '../../protocol/lookup/service.ts';
import { FrameSplitter } from '../../protocol/wire/frame.ts';
import { microtask } from '../../storage/environment/clock.ts';
import type { TransportConnection } from '../network/transport.ts';
import type { Logger } from '../observe/logger.ts';
import { FrameBatch } from './frame-batch.ts';
import { type GetOptions, LookupRefused, type ServedLookups } from './lookup.ts';
import {
  answerToMessage,
  type CallMessage,
  type ChangesMessage,
  changeToMessage,
  type GetManyMessage,
  type GetMessage,
  givenOf,
  type HistoryMessage,
  type PageMessage,
  type PutMessage,
  refusalToMessage,
  writeOptionsOf,
} from './rpc-messages.ts';
import { answerBytes, type Part, partsOf, recordBytes } from './rpc-parts.ts';

export interface LookupCallsOptions {
  readonly protocol: LookupProtocol;
  readonly lookups: ServedLookups;
  readonly connection: Pick<TransportConnection, 'send' | 'pause' | 'resume' | 'destroy'>;
  readonly callBytesMax: number;
  readonly logger: Logger;
}

/** Started before the first of them gets its turn to answer. */
const startedAtOnce = 32;

/**
 * Calls that are not over, with the values that they write, may have so many bytes on a connection, and one call more; nothing more is read
 * until there are fewer. Small ones are not counted: there are so many of them at most.
 */
export const callsBytesMax = 16 * 1024 * 1024;
const countedBytesMin = 4 * 1024;

/** Answers that may be many MiB are made, and sent, so many at a time on a connection. */
const largeAtOnce = 4;

/** The fields of message Reply, of which one outcome. */
type Reply = { readonly id: number } & Readonly<Record<string, unknown>>;

/** A call that is not over. */
interface Running {
  readonly abort: AbortController | null;
  /** Nobody waits for it. */
  isCancelled: boolean;
  /** Bytes of a stream that may still be sent. */
  window: number;
  goOn: (() => void) | null;
}

/** All calls that cannot be taken back by themselves and have one reply: most. */
const plain: Running = { abort: null, isCancelled: false, window: 0, goOn: null };

export class LookupCalls {
  readonly #options: LookupCallsOptions;
  readonly #splitter: FrameSplitter;
  readonly #batch: FrameBatch;
  readonly #running = new Map<number, Running>();
  #streams = 0;
  #largeCount = 0;
  readonly #largeWaiting: (() => void)[] = [];
  #waiting: CallMessage[] = [];
  #isPumpScheduled = false;
  #hasRoom = true;
  /** Of the larger calls that are not over, by their ids; and of all of these. */
  readonly #callBytes = new Map<number, number>();
  #bytes = 0;
  #isPaused = false;
  #foundRoom: (() => void)[] = [];
  #isClosed = false;
  readonly #gone = new AbortController();
  readonly #plainOptions: GetOptions = { signal: this.#gone.signal };

  constructor(options: LookupCallsOptions) {
    this.#options = options;
    // As many calls as may wait listen to it.
    setMaxListeners(0, this.#gone.signal);
    const { protocol, callBytesMax, connection } = options;
    this.#splitter = new FrameSplitter(callBytesMax, (frame) =>
      // The frame is borrowed, and keys and values are views into it.
      this.#take(protocol.readCall(Buffer.from(frame)) as CallMessage, frame.length),
    );
    this.#batch = new FrameBatch((chunks) => {
      if (this.#isClosed || connection.send(chunks) || !this.#hasRoom) return;
      this.#hasRoom = false;
      this.#readOrPause();
    });
  }

  /** The bytes are borrowed. */
  received(bytes: Uint8Array): void {
    try {
      this.#splitter.feed(bytes);
    } catch {
      this.#options.connection.destroy();
    }
  }

  drained(): void {
    if (this.#hasRoom) return;
    this.#hasRoom = true;
    this.#readOrPause();
    for (const found of this.#foundRoom.splice(0)) found();
    this.#pump();
  }

  /** The caller has gone: nobody waits for what runs. */
  closed(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#gone.abort();
    for (const running of this.#running.values()) cancel(running);
    for (const found of this.#foundRoom.splice(0)) found();
  }

  #take(call: CallMessage, byteCount: number): void {
    const { id } = call;
    const running = this.#running.get(id);
    if (call.cancel !== null) {
      if (running !== undefined && running !== plain) cancel(running);
      return;
    }
    if (call.taken !== null) {
      if (running !== undefined && running !== plain) taken(running, call.taken.bytes);
      return;
    }
    if (running !== undefined) throw new Error(`two calls with the id ${id}`);
    const isStream = call.changes !== null;
    const isFull = isStream
      ? this.#streams >= lookupStreamsMax
      : this.#running.size - this.#streams >= lookupCallsMax;
    if (isFull) {
      this.#send({ id, refused: tooMany(isStream) });
      return;
    }
    if (isStream) this.#streams += 1;
    this.#running.set(id, isStream || call.isCancellable ? newRunning() : plain);
    if (byteCount >= countedBytesMin) this.#count(id, byteCount);
    this.#waiting.push(call);
    if (!this.#isPumpScheduled) this.#pump();
  }

  #count(id: number, byteCount: number): void {
    this.#callBytes.set(id, byteCount);
    this.#bytes += byteCount;
    this.#readOrPause();
  }

  #over(id: number): void {
    this.#running.delete(id);
    const byteCount = this.#callBytes.get(id);
    if (byteCount === undefined) return;
    this.#callBytes.delete(id);
    this.#bytes -= byteCount;
    this.#readOrPause();
  }

  #readOrPause(): void {
    const isPaused = !this.#hasRoom || this.#bytes > callsBytesMax;
    if (isPaused === this.#isPaused || this.#isClosed) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#options.connection.pause();
    else this.#options.connection.resume();
  }

  #pump(): void {
    this.#isPumpScheduled = false;
    const count = Math.min(this.#waiting.length, startedAtOnce);
    if (!this.#hasRoom || count === 0) return;
    const calls = this.#waiting.splice(0, count);
    // Before they are started: what they answer comes before those behind them.
    for (const call of calls) this.#start(call);
    this.#isPumpScheduled = true;
    microtask(() => this.#pump());
  }

  #start(call: CallMessage): void {
    const { id } = call;
    const running = this.#running.get(id)!;
    if (call.get !== null) this.#get(id, call.get, running);
    else if (call.put !== null) this.#put(id, call.put, running);
    else if (call.changes !== null) this.#settle(id, this.#changes(id, call.changes, running));
    else if (call.getMany !== null || call.page !== null || call.history !== null)
      this.#settle(id, this.#large(call, running));
    else if (call.tables !== null) this.#reply({ id, tables: { tables: this.#options.lookups.status() } });
    else this.#reply({ id, failed: 'this broker knows no such call' });
  }

  #get(id: number, { topic, key, options }: GetMessage, running: Running): void {
    const given =
      options === null && running === plain ? this.#plainOptions : this.#optionsOf(options ?? {}, running);
    const { lookups } = this.#options;
    try {
      const answer = lookups.getNow(topic, key, given);
      if (answer !== null) return this.#reply({ id, answer: answerToMessage(answer) });
    } catch (error) {
      return this.#fail(id, error);
    }
    lookups.get(topic, key, given).then(
      (answer) => this.#reply({ id, answer: answerToMessage(answer) }),
      (error) => this.#fail(id, error),
    );
  }

  #put(id: number, message: PutMessage, running: Running): void {
    const { topic, key, value } = message;
    const options = { ...writeOptionsOf(message), signal: this.#signalOf(running) };
    this.#options.lookups.put(topic, key, value, options).then(
      (written) => this.#reply({ id, written }),
      (error) => this.#fail(id, error),
    );
  }

  async #large({ id, getMany, page, history }: CallMessage, running: Running): Promise<void> {
    if (this.#largeCount >= largeAtOnce)
      await new Promise<void>((resolve) => this.#largeWaiting.push(resolve));
    else this.#largeCount += 1;
    try {
      if (getMany !== null) await this.#getMany(id, getMany, running);
      else if (page !== null) await this.#page(id, page, running);
      else await this.#history(id, history!, running);
    } finally {
      // Its place goes to the next, or nobody has it.
      const next = this.#largeWaiting.shift();
      if (next === undefined) this.#largeCount -= 1;
      else next();
    }
  }

  async #getMany(id: number, { topic, keys, options }: GetManyMessage, running: Running): Promise<void> {
    const given = this.#optionsOf(options ?? {}, running);
    const answers = await this.#options.lookups.getMany(topic, keys, given);
    for (const part of partsOf(answers, answerBytes))
      await this.#sendPart(id, part, { answers: { answers: part.items.map(answerToMessage) } });
  }

  async #page(id: number, { topic, ...options }: PageMessage, running: Running): Promise<void> {
    const { records, next } = await this.#options.lookups.page(topic, this.#optionsOf(options, running));
    for (const part of partsOf(records, recordBytes))
      await this.#sendPart(id, part, { page: { records: part.items, ...(part.isLast ? { next } : {}) } });
  }

  async #history(id: number, { topic, key, ...options }: HistoryMessage, running: Running): Promise<void> {
    const given = this.#optionsOf(options, running);
    const { records, isCut, completeFrom } = await this.#options.lookups.history(topic, key, given);
    for (const part of partsOf(records, recordBytes))
      await this.#sendPart(id, part, {
        history: { records: part.items, ...(part.isLast ? { isCut, completeFrom } : {}) },
      });
  }

  async #changes(id: number, { topic, ...options }: ChangesMessage, running: Running): Promise<void> {
    try {
      for await (const change of this.#options.lookups.changes(topic, this.#optionsOf(options, running))) {
        if (running.isCancelled) return;
        running.window -= this.#send({ id, change: changeToMessage(change), isPart: true });
        if (!this.#hasRoom) await this.#room();
        if (running.window <= 0 && !running.isCancelled)
          await new Promise<void>((resolve) => {
            running.goOn = resolve;
          });
        if (running.isCancelled) return;
      }
      this.#send({ id, end: {} });
    } finally {
      this.#streams -= 1;
    }
  }

  #optionsOf(options: object, running: Running): never {
    return givenOf({ ...ownFields(options), signal: this.#signalOf(running) });
  }

  #signalOf({ abort }: Running): AbortSignal {
    return abort === null ? this.#gone.signal : abort.signal;
  }

  async #sendPart(id: number, { isLast }: Part<unknown>, outcome: object): Promise<void> {
    this.#send({ id, ...outcome, isPart: !isLast });
    if (!this.#hasRoom && !isLast) await this.#room();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => this.#foundRoom.push(resolve));
  }

  #settle(id: number, work: Promise<void>): void {
    work.then(
      () => this.#over(id),
      (error) => this.#fail(id, error),
    );
  }

  /** The call is over. */
  #reply(message: Reply): void {
    this.#over(message.id);
    this.#send(message);
  }

  /** Gives its size. */
  #send(message: Reply): number {
    if (this.#isClosed) return 0;
    const { reply } = this.#options.protocol;
    try {
      return this.#batch.add(reply, message, lookupReplyBytesMax);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const refused = { reason: 'too-large', message: `the answer is too large: ${error.message}` };
      return this.#batch.add(reply, { id: message.id, refused }, lookupReplyBytesMax);
    }
  }

  #fail(id: number, error: unknown): void {
    const isCancelled = this.#running.get(id)?.isCancelled === true;
    this.#over(id);
    if (this.#isClosed || isCancelled) return;
    if (error instanceof LookupRefused) {
      this.#send({ id, refused: refusalToMessage(error) });
      return;
    }
    this.#options.logger.error('a lookup failed', { error });
    const message = error instanceof Error ? error.message : String(error);
    this.#send({ id, failed: `the lookup failed unexpectedly: ${message}` });
  }
}

function newRunning(): Running {
  return { abort: new AbortController(), isCancelled: false, window: streamWindowBytes, goOn: null };
}

function cancel(running: Running): void {
  if (running === plain) return;
  running.isCancelled = true;
  running.abort?.abort();
  running.goOn?.();
}

function taken(running: Running, byteCount: number): void {
  // Nobody takes more than was sent.
  running.window = Math.min(streamWindowBytes, running.window + byteCount);
  if (running.window > 0) {
    running.goOn?.();
    running.goOn = null;
  }
}

const tooMany = (isStream: boolean) => ({
  reason: 'too-many',
  message: isStream
    ? `more than ${lookupStreamsMax} streams of changes at a time on one connection`
    : `more than ${lookupCallsMax} calls at a time on one connection`,
});

/** A decoded message keeps what is absent in its prototype. */
function ownFields(message: object): object {
  return { ...message };
}
