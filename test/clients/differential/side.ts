/**
 * One of the two brokers as a scenario sees it. What it answers is noted as steps, in the order in which the scenario asks for the
 * answers; the other side's steps must then be the same (compare.ts).
 */
import { apiVersions } from '../../../protocol/messages/cluster/api-versions.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../../protocol/schema/api.ts';
import { decoderOf } from '../../../protocol/schema/compile.ts';
import { decodeResponseHeader, encodeRequest } from '../../../protocol/wire/headers.ts';
import { Reader } from '../../../protocol/wire/reader.ts';
import { type Json, Names, normalise } from './normalise.ts';
import { Wire } from './wire.ts';

export interface Step {
  readonly what: string;
  readonly answer: Json;
}

export type Which = 'kafka' | 'kompakt';

export const closed = 'the connection is closed';

/** A request that has been sent and whose answer is read later. */
export interface Pending<A extends AnyApi> {
  readonly hasNews: boolean;
  answer(): Promise<ResponseOf<A>>;
}

/** What of an answer is compared, where the whole is too much or in no order. */
export type View<A extends AnyApi> = (answer: ResponseOf<A>) => unknown;

export class Side {
  readonly which: Which;
  readonly port: number;
  /** Begins the name of every topic and group of the scenario, which thereby has them for itself. */
  readonly prefix: string;
  readonly steps: Step[] = [];
  readonly names = new Names();
  readonly #peers: Peer[] = [];
  #first: Peer | null = null;

  constructor(which: Which, port: number, prefix: string) {
    this.which = which;
    this.port = port;
    this.prefix = prefix;
  }

  /** A client with a connection of its own. */
  async connect(clientId = 'differential'): Promise<Peer> {
    const peer = new Peer(this, await Wire.connect(this.port), clientId);
    this.#peers.push(peer);
    return peer;
  }

  /** Asks on the connection that the scenario uses where it does not care which. */
  async ask<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInit<A>,
    note?: string,
    view?: View<A>,
  ): Promise<ResponseOf<A>> {
    return (await this.main()).ask(api, version, body, note, view);
  }

  async main(): Promise<Peer> {
    if (this.#first === null || this.#first.isClosed) this.#first = await this.connect();
    return this.#first;
  }

  note(what: string, answer: unknown): void {
    this.steps.push({ what, answer: normalise(answer, this.names) });
  }

  close(): void {
    for (const peer of this.#peers) peer.close();
  }
}

export class Peer {
  readonly #side: Side;
  readonly #wire: Wire;
  readonly #clientId: string | null;
  #correlationId = 0;
  isClosed = false;

  constructor(side: Side, wire: Wire, clientId: string | null) {
    this.#side = side;
    this.#wire = wire;
    this.#clientId = clientId;
  }

  /** Sends a request, reads its answer and notes it. */
  ask<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInit<A>,
    note?: string,
    view?: View<A>,
  ): Promise<ResponseOf<A>> {
    return this.start(api, version, body, note, view).answer();
  }

  /** The same for what is not compared: how a scenario gets to where it begins. */
  async ready<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<ResponseOf<A>> {
    this.#send(api, version, body);
    return this.#decode(api, version, await this.#wire.next());
  }

  /** Many of them at once; their answers come in order. */
  async readyAll<A extends AnyApi>(
    api: A,
    version: number,
    bodies: readonly RequestInit<A>[],
  ): Promise<void> {
    for (const body of bodies) this.#send(api, version, body);
    for (const _ of bodies) this.#decode(api, version, await this.#wire.next());
  }

  start<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInit<A>,
    note = '',
    view: View<A> = (answer) => answer,
  ): Pending<A> {
    const what = `${api.name} v${version}${note === '' ? '' : ` ${note}`}`;
    this.#send(api, version, body);
    const wire = this.#wire;
    return {
      get hasNews() {
        return wire.hasNews;
      },
      answer: async () => {
        const frame = await wire.next();
        if (frame === null) {
          this.isClosed = true;
          this.#side.note(what, closed);
          throw new Error(`${this.#side.which} closed the connection on ${what}`);
        }
        const answer = this.#decode(api, version, frame);
        this.#side.note(what, view(answer));
        return answer;
      },
    };
  }

  /** Sends what need not have an answer, and notes what came of it: one, none, or the end of the connection. */
  async tell<A extends AnyApi>(api: A, version: number, body: RequestInit<A>, note = ''): Promise<void> {
    this.#send(api, version, body);
    const correlationId = this.#correlationId - 1;
    await this.#noteOutcome(`${api.name} v${version}${note === '' ? '' : ` ${note}`}`, correlationId);
  }

  /** The same with bytes that nobody would send on purpose. `correlationId`: the one in them, to know its answer by. */
  async tellBytes(bytes: Uint8Array, correlationId: number, what: string): Promise<void> {
    this.#wire.send([bytes]);
    await this.#noteOutcome(what, correlationId);
  }

  /** The same in parts, each of which reaches the broker by itself. */
  async tellParts(parts: readonly Uint8Array[], correlationId: number, what: string): Promise<void> {
    for (const part of parts) await this.#wire.sendAlone(part);
    await this.#noteOutcome(what, correlationId);
  }

  close(): void {
    this.#wire.close();
  }

  /** A second request behind the first shows whether the first was answered: a broker answers in order. */
  async #noteOutcome(what: string, correlationId: number): Promise<void> {
    const probeId = 0x7fff0000 + this.#correlationId++;
    this.#wire.send(
      encodeRequest(apiVersions, 0, { correlationId: probeId, clientId: null }, {}) as Buffer[],
    );
    const frame = await this.#wire.next();
    if (frame === null) {
      this.isClosed = true;
      return this.#side.note(what, closed);
    }
    if (frame.readInt32BE(0) === probeId) return this.#side.note(what, 'no answer');
    this.#side.note(
      what,
      frame.readInt32BE(0) === correlationId ? 'an answer' : 'an answer to something else',
    );
    await this.#wire.next();
  }

  #send<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): void {
    const header = { correlationId: this.#correlationId++, clientId: this.#clientId };
    this.#wire.send(encodeRequest(api, version, header, body) as Buffer[]);
  }

  #decode<A extends AnyApi>(api: A, version: number, frame: Buffer | null): ResponseOf<A> {
    if (frame === null)
      throw new Error(`${this.#side.which} closed the connection on ${api.name} v${version}`);
    const reader = new Reader(frame);
    decodeResponseHeader(reader, api, version);
    const answer = decoderOf(api, 'response', version)(reader);
    if (reader.remaining > 0)
      throw new Error(`${this.#side.which}'s ${api.name} v${version} has ${reader.remaining} bytes too many`);
    return answer;
  }
}
