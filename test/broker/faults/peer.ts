/** A broker on virtual time and a network in memory, and clients that speak the protocol by hand, one request or many at a time. */
import { type Broker, type BrokerOptions, startBroker } from '../../../broker/index.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../../protocol/schema/api.ts';
import { decoderOf } from '../../../protocol/schema/compile.ts';
import { decodeResponseHeader, encodeRequest } from '../../../protocol/wire/headers.ts';
import { Reader } from '../../../protocol/wire/reader.ts';
import type { Environment } from '../../../storage/environment/environment.ts';
import type { MemoryClient } from '../../simulation/memory-transport.ts';
import { MemoryTransport } from '../../simulation/memory-transport.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import type { VirtualClock } from '../../simulation/virtual-clock.ts';

export interface PeerWorld {
  readonly broker: Broker;
  readonly clock: VirtualClock;
  peer(clientId?: string): Peer;
  topic(name: string, numPartitions?: number, configs?: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

export async function peerWorld(
  options: BrokerOptions = {},
  environment: Environment & { readonly clock: VirtualClock } = simulatedEnvironment(),
): Promise<PeerWorld> {
  const { clock } = environment;
  const transport = new MemoryTransport((callback) => clock.defer(callback));
  const broker = await clock.until(startBroker({ environment, transport, ...options }));
  const peer = (clientId = 'peer') =>
    new Peer(transport.connect({ host: '127.0.0.1', port: broker.port }), clock, clientId);
  return {
    broker,
    clock,
    peer,
    async topic(name, numPartitions = 1, configs = {}) {
      const texts = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
      const made = { name, numPartitions, replicationFactor: 1, assignments: [], configs: texts };
      const answer = await peer('maker').ask(createTopics, 7, { topics: [made], validateOnly: false });
      if (answer?.topics[0]?.errorCode !== 0) throw new Error(`${name} was not made`);
    },
    stop: () => clock.until(broker.stop()),
  };
}

export class Peer {
  readonly client: MemoryClient;
  readonly #clock: VirtualClock;
  readonly #clientId: string;
  readonly #asked: { readonly api: AnyApi; readonly version: number }[] = [];
  #correlationId = 0;
  #bytes = Buffer.alloc(0);

  constructor(client: MemoryClient, clock: VirtualClock, clientId: string) {
    this.client = client;
    this.#clock = clock;
    this.#clientId = clientId;
  }

  get isClosed(): boolean {
    return this.client.isClosed;
  }

  /** Sends and does not wait. */
  send<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): void {
    this.#correlationId += 1;
    const header = { correlationId: this.#correlationId, clientId: this.#clientId };
    this.#asked.push({ api, version });
    this.client.send(Buffer.concat(encodeRequest(api, version, header, body) as Buffer[]));
  }

  /** All answers that have come, in order. */
  async answers(): Promise<unknown[]> {
    await this.#clock.settle();
    this.#bytes = Buffer.concat([this.#bytes, this.client.take()]);
    const found: unknown[] = [];
    while (this.#bytes.length >= 4) {
      const size = this.#bytes.readInt32BE(0);
      if (this.#bytes.length < 4 + size) break;
      const { api, version } = this.#asked.shift()!;
      const reader = new Reader(this.#bytes.subarray(4, 4 + size));
      decodeResponseHeader(reader, api, version);
      found.push(decoderOf(api, 'response', version)(reader));
      this.#bytes = this.#bytes.subarray(4 + size);
    }
    return found;
  }

  /** What of an answer has come that is not whole. */
  get brokenBytes(): number {
    return this.#bytes.length;
  }

  /** Asks one thing; null: no answer without time passing. */
  async ask<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<ResponseOf<A> | null> {
    this.send(api, version, body);
    return ((await this.answers()).at(-1) as ResponseOf<A> | undefined) ?? null;
  }
}

/** One record in a batch. */
export function oneRecord(value: string): Buffer {
  return buildBatch({ records: [{ timestampMs: 1000, key: null, value: Buffer.from(value) }] });
}
