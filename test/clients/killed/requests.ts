/** Kafka requests over TCP, one connection, for tests that kill whoever is at the other end. */
import net from 'node:net';
import type { AnyApi, RequestInit, ResponseOf } from '../../../protocol/schema/api.ts';
import { decoderOf } from '../../../protocol/schema/compile.ts';
import { decodeResponseHeader, encodeRequest } from '../../../protocol/wire/headers.ts';
import { Reader } from '../../../protocol/wire/reader.ts';

export class Requests {
  readonly #socket: net.Socket;
  readonly #waiting = new Map<number, (frame: Buffer | null) => void>();
  #received = Buffer.alloc(0);
  #correlationId = 0;
  isClosed = false;

  constructor(port: number) {
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (bytes) => this.#take(bytes));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#giveUp());
  }

  /** Null: the connection ended before the answer came. */
  async request<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInit<A>,
  ): Promise<ResponseOf<A> | null> {
    if (this.isClosed) return null;
    const correlationId = this.#correlationId++;
    const answered = new Promise<Buffer | null>((resolve) => this.#waiting.set(correlationId, resolve));
    const chunks = encodeRequest(api, version, { correlationId, clientId: 'killed' }, body);
    this.#socket.write(Buffer.concat(chunks as Buffer[]));
    const frame = await answered;
    if (frame === null) return null;
    const reader = new Reader(frame);
    decodeResponseHeader(reader, api, version);
    return decoderOf(api, 'response', version)(reader);
  }

  close(): void {
    this.#socket.destroy();
    this.#giveUp();
  }

  #take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      const frame = Buffer.from(this.#received.subarray(4, end));
      this.#received = this.#received.subarray(end);
      const correlationId = frame.readInt32BE(0);
      this.#waiting.get(correlationId)?.(frame);
      this.#waiting.delete(correlationId);
    }
  }

  #giveUp(): void {
    this.isClosed = true;
    for (const resolve of this.#waiting.values()) resolve(null);
    this.#waiting.clear();
  }
}
