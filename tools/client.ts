/**
 * A small Kafka client made of the project's own messages: for benches, tests and tools. One connection to one broker, requests in
 * flight without limit, answers matched by correlation id. It retries nothing and follows no metadata.
 */
import { createConnection, type Socket } from 'node:net';
import type { AnyApi, RequestInit, ResponseOf } from '../protocol/schema/api.ts';
import { decoderOf } from '../protocol/schema/compile.ts';
import { decodeResponseHeader, encodeRequest } from '../protocol/wire/headers.ts';
import { Reader } from '../protocol/wire/reader.ts';

type Waiting = { readonly resolve: (frame: Buffer) => void; readonly reject: (error: Error) => void };

export class Client {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #clientId: string;
  #correlationId = 0;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  #ended: Error | null = null;

  private constructor(socket: Socket, clientId: string) {
    this.#socket = socket;
    this.#clientId = clientId;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the broker closed the connection')));
  }

  static connect(host: string, port: number, clientId = 'kompakt-client'): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Client(socket, clientId));
      });
    });
  }

  /** Sends a request and gives its decoded answer. */
  async request<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<ResponseOf<A>> {
    const frame = await this.requestFrame(api, version, body);
    const reader = new Reader(frame);
    decodeResponseHeader(reader, api, version);
    return decoderOf(api, 'response', version)(reader);
  }

  /** The same, but the answer stays bytes (without its size): header first. */
  requestFrame<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<Buffer> {
    const correlationId = this.#correlationId++;
    const chunks = encodeRequest(api, version, { correlationId, clientId: this.#clientId }, body) as Buffer[];
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(this.#ended);
      this.#waiting.set(correlationId, { resolve, reject });
      this.#socket.cork();
      for (const chunk of chunks) this.#socket.write(chunk);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    while (this.#chunkBytes >= 4) {
      if (this.#chunks[0]!.length < 4) this.#chunks = [Buffer.concat(this.#chunks)];
      const frameBytes = 4 + this.#chunks[0]!.readInt32BE(0);
      if (this.#chunkBytes < frameBytes) return;
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      this.#chunks = all.length === frameBytes ? [] : [all.subarray(frameBytes)];
      this.#chunkBytes -= frameBytes;
      const frame = all.subarray(4, frameBytes);
      const correlationId = frame.readInt32BE(0);
      const waiting = this.#waiting.get(correlationId);
      this.#waiting.delete(correlationId);
      waiting?.resolve(frame);
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    this.#socket.destroy();
  }
}
