/** Connections and callers without a network, and requests that go through the wire's codecs to a handler and back. */
import type { Caller, CallerConnection, Handler } from '../../broker/apis/handler.ts';
import type { Services } from '../../broker/services.ts';
import type { AnyApi, RequestInit, RequestOf, ResponseOf } from '../../protocol/schema/api.ts';
import { decoderOf } from '../../protocol/schema/compile.ts';
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequest,
  encodeResponse,
} from '../../protocol/wire/headers.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import type { Chunk } from '../../protocol/wire/writer.ts';
import type { FileRegion } from '../../storage/log/log-types.ts';

let connectionsMade = 0;

export class FakeConnection implements CallerConnection {
  readonly id = ++connectionsMade;
  readonly local = { host: '127.0.0.1', port: 9092 };
  isClosed = false;
  clientSoftware: { name: string; version: string } | null = null;
  latestFetch: CallerConnection['latestFetch'] = null;
  /** Why it was closed by the broker. */
  readonly disconnects: string[] = [];
  readonly #listeners = new Set<(byUs: boolean) => void>();

  /** Who asks here, asks one thing after the other. */
  hold(): void {}

  disconnect(reason: string): void {
    this.disconnects.push(reason);
    this.close(true);
  }

  onClose(listener: (byUs: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(byUs = false): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const listener of [...this.#listeners]) listener(byUs);
    this.#listeners.clear();
  }

  /** How many wait for its end. */
  get listenerCount(): number {
    return this.#listeners.size;
  }
}

export function callerOf(options: Partial<Caller> = {}): Caller & { readonly connection: FakeConnection } {
  return {
    apiVersion: 0,
    clientId: 'test',
    clientHost: '/127.0.0.1',
    principal: 'User:ANONYMOUS',
    listenerName: 'PLAINTEXT',
    ownsBytes: false,
    ...options,
    connection: (options.connection as FakeConnection | undefined) ?? new FakeConnection(),
  };
}

/** Asks a handler as dispatch does, at one version, through bytes on both ways. Null: it does not answer. */
export async function ask<A extends AnyApi>(
  services: Services,
  handler: Handler<A>,
  version: number,
  body: RequestInit<A>,
  caller: Partial<Caller> = {},
): Promise<ResponseOf<A> | null> {
  const { api } = handler;
  const frame = frameOf(api, version, body);
  const later = handler.handle(
    services,
    decoded(api, version, frame),
    callerOf({ ...caller, apiVersion: version }),
  );
  // The read buffer has other bytes by the time that anybody waits for.
  frame.fill(0xee);
  const answer = await later;
  return answer === null
    ? null
    : answerOf(api, version, encodeResponse(api, version, 1, answer) as readonly Chunk[]);
}

/** The same for a failure of the whole. */
export function refusalOf<A extends AnyApi>(
  handler: Handler<A>,
  version: number,
  body: RequestInit<A>,
  errorCode: number,
  message: string | null = null,
): ResponseOf<A> | null {
  const { api } = handler;
  const answer = handler.refuse(
    decoded(api, version, frameOf(api, version, body)),
    errorCode,
    message,
    version,
  );
  return answer === null
    ? null
    : answerOf(api, version, encodeResponse(api, version, 1, answer) as readonly Chunk[]);
}

function frameOf<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Buffer {
  const header = { correlationId: 1, clientId: 'test' };
  return joined(encodeRequest(api, version, header, body)).subarray(4);
}

function decoded<A extends AnyApi>(api: A, version: number, frame: Buffer): RequestOf<A> {
  const reader = new Reader(frame);
  decodeRequestHeader(reader);
  return decoderOf(api, 'request', version)(reader);
}

function answerOf<A extends AnyApi>(api: A, version: number, chunks: readonly Chunk[]): ResponseOf<A> {
  const reader = new Reader(joined(chunks).subarray(4));
  decodeResponseHeader(reader, api, version);
  return decoderOf(api, 'response', version)(reader);
}

/** Bytes of all chunks; file regions are read and released, as the network does it. */
function joined(chunks: readonly Chunk[]): Buffer {
  return Buffer.concat(
    chunks.map((chunk) => {
      if (chunk instanceof Uint8Array) return chunk;
      const region = chunk as FileRegion;
      const bytes = Buffer.alloc(region.byteLength);
      region.file.readSync(bytes, 0, bytes.length, region.position);
      region.release();
      return bytes;
    }),
  );
}
