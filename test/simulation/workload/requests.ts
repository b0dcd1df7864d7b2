/** One client of a simulated broker that anybody may use: it connects when it must, and knows the requests that many need. */
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { listOffsets } from '../../../protocol/messages/data/list-offsets.ts';
import { forEachBatch } from '../../../protocol/records/batch.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../../protocol/schema/api.ts';
import type { SimulatedClient, World } from '../world.ts';

export interface FetchAnswer {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly records: Buffer;
}

export class Requests {
  readonly world: World;
  readonly clientId: string;
  #client: SimulatedClient | null = null;
  #isResting = false;

  constructor(world: World, clientId: string) {
    this.world = world;
    this.clientId = clientId;
  }

  /** Null: no answer came. */
  async ask<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<ResponseOf<A> | null> {
    if (this.#isResting) return null;
    if (this.#client === null || this.#client.isClosed) this.#client = this.world.connect(this.clientId);
    return this.#client.send(api, version, body);
  }

  /** As a process that ends, or a cable that is cut. */
  disconnect(): void {
    this.#client?.close();
    this.#client = null;
  }

  /** No answer comes any more, and no connection is made. */
  rest(): void {
    this.#isResting = true;
    this.disconnect();
  }

  goOn(): void {
    this.#isResting = false;
  }

  async fetch(topic: string, partition: number, fetchOffset: number): Promise<FetchAnswer | null> {
    const answer = await this.ask(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 50_000_000,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
      forgottenTopicsData: [],
      rackId: '',
    });
    if (answer === null || answer.responses.length === 0) return null;
    const { errorCode, highWatermark, logStartOffset, records } = answer.responses[0]!.partitions[0]!;
    return { errorCode, highWatermark, logStartOffset, records: records as Buffer };
  }

  /** Where a partition begins or ends; null when the broker does not say. */
  async offsetOf(which: 'start' | 'end', topic: string, partitionIndex: number): Promise<number | null> {
    const timestamp = which === 'start' ? -2 : -1;
    const answer = await this.ask(listOffsets, 5, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex, timestamp }] }],
    });
    const found = answer?.topics[0]?.partitions[0];
    return found === undefined || found.errorCode !== 0 ? null : found.offset;
  }
}

/** Takes the records of whole batches from `from` on; returns the offset after the last. */
export function collect(records: Buffer, from: number, into: Map<number, string>): number {
  let next = from;
  forEachBatch(records, 0, records.length, (position) => {
    for (const { offset, value } of readRecords(records, position)) {
      if (offset >= from) into.set(offset, value!.toString());
      next = Math.max(next, offset + 1);
    }
  });
  return next;
}
