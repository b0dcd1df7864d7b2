/**
 * One broker of one round, and how it is measured: what a load cost the broker and the client, how busy the rest of the machine was,
 * and again where it was too busy.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { listOffsets } from '../../protocol/messages/data/list-offsets.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../protocol/messages/topics/delete-topics.ts';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { Client } from '../../tools/client.ts';
import type { BrokerProcess } from './broker-processes.ts';
import { busySeconds, cpuOf } from './proc.ts';

/** What every client says of itself. */
export interface ClientFigures {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export interface Figure {
  readonly row: string;
  readonly unit: string;
  readonly value: number;
  /** Whether more or less is better. */
  readonly better: 'more' | 'less';
  /** The client used more than nine tenths of a core: it, not the broker, may be the limit. */
  readonly isClientBound?: boolean;
  /** Cores that others used meanwhile. */
  readonly otherCores?: number;
}

export interface Measured<T> {
  readonly result: T;
  readonly userSeconds: number;
  readonly kernelSeconds: number;
  readonly cpuSeconds: number;
  readonly isClientBound: boolean;
  readonly otherCores: number;
}

/** More of foreign work than that, and it is done again. */
const otherCoresMax = 0.3;
const attemptsMax = 3;

/** Of all stages: no name is used twice, since a deleted topic goes slowly. */
let topicCount = 0;

export class Stage {
  readonly broker: BrokerProcess;
  readonly folder: string;
  readonly figures: Figure[] = [];

  constructor(broker: BrokerProcess, parent: string) {
    this.broker = broker;
    this.folder = mkdtempSync(join(parent, 'frames-'));
  }

  get port(): number {
    return this.broker.port;
  }

  note(
    row: string,
    unit: string,
    value: number,
    better: 'more' | 'less',
    measured?: Measured<unknown>,
  ): void {
    const { isClientBound, otherCores } = measured ?? {};
    const extra = measured === undefined ? {} : { isClientBound, otherCores };
    this.figures.push({ row, unit, value, better, ...extra } as Figure);
  }

  /** Runs a load, up to three times where the rest of the machine is busy; the least disturbed counts. */
  async measure<T extends ClientFigures>(load: (attempt: number) => Promise<T>): Promise<Measured<T>> {
    let best: Measured<T> | null = null;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const measured = await this.#once(() => load(attempt));
      if (best === null || measured.otherCores < best.otherCores) best = measured;
      if (best.otherCores <= otherCoresMax) break;
    }
    return best!;
  }

  async #once<T extends ClientFigures>(load: () => Promise<T>): Promise<Measured<T>> {
    const { pid } = this.broker;
    const [before, busyBefore, startMs] = [cpuOf(pid), busySeconds(), performance.now()];
    const ownBefore = process.cpuUsage();
    const result = await load();
    const seconds = (performance.now() - startMs) / 1000;
    const [after, busy] = [cpuOf(pid), busySeconds() - busyBefore];
    const own = process.cpuUsage(ownBefore);
    const userSeconds = after.user - before.user;
    const kernelSeconds = after.kernel - before.kernel;
    const known = userSeconds + kernelSeconds + result.cpuSeconds + (own.user + own.system) / 1e6;
    return {
      result,
      userSeconds,
      kernelSeconds,
      cpuSeconds: userSeconds + kernelSeconds,
      isClientBound: result.cpuSeconds / result.seconds > 0.9,
      otherCores: Math.max(0, (busy - known) / seconds),
    };
  }

  async withClient<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const client = await Client.connect('127.0.0.1', this.port);
    try {
      return await use(client);
    } finally {
      client.close();
    }
  }

  /** A topic of its own for each load; resolves when all partitions have a leader. */
  async topic(partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = `topic-${topicCount++}`;
    await this.withClient((client) => createAll(client, [name], partitions, configs));
    return name;
  }

  /** What was measured need not stay in the page cache. */
  async drop(name: string): Promise<void> {
    const body = { topicNames: [name], timeoutMs: 30_000 };
    await this.withClient((client) => client.request(deleteTopics, 5, body));
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Writes one small record to each of the topics, again where the broker does not take it yet. */
export async function appendToAll(client: Client, names: readonly string[]): Promise<void> {
  const records = buildBatch({
    records: [{ timestampMs: Date.now(), key: null, value: Buffer.from('x'), headers: [] }],
  });
  for (let left = names; left.length > 0; ) {
    const topicData = left.map((name) => ({ name, partitionData: [{ index: 0, records }] }));
    const answer = await client.request(produce, 8, { acks: -1, timeoutMs: 30_000, topicData });
    left = answer.responses
      .filter(({ partitionResponses }) => partitionResponses[0]!.errorCode !== 0)
      .map(({ name }) => name!);
  }
}

/** What is measured has fixed times, which both brokers would find too old in the middle of a row. */
const keepsAll = { 'retention.ms': '-1' };

export async function createAll(
  client: Client,
  names: readonly string[],
  partitions: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const topics = names.map((name) => ({
    name,
    numPartitions: partitions,
    replicationFactor: 1,
    assignments: [],
    configs: Object.entries({ ...keepsAll, ...configs }).map(([key, value]) => ({ name: key, value })),
  }));
  const created = await client.request(createTopics, 5, { topics, timeoutMs: 60_000, validateOnly: false });
  const refused = created.topics.find(({ errorCode }) => errorCode !== 0);
  if (refused) throw new Error(`CreateTopics ${refused.name}: error ${refused.errorCode}`);
  await untilLed(client, names, partitions);
}

/** Resolves when the broker itself, which learns of a topic after Metadata shows it, answers for each partition as its leader. */
async function untilLed(client: Client, names: readonly string[], partitions: number): Promise<void> {
  const topics = names.map((name) => ({
    name,
    partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: -1,
    })),
  }));
  for (;;) {
    const asked = { topics: names.map((name) => ({ name })), allowAutoTopicCreation: false };
    const known = await client.request(metadata, 9, asked);
    const led = await client.request(listOffsets, 5, { replicaId: -1, isolationLevel: 0, topics });
    const isKnown = known.topics.every((topic) => topic.partitions.every(({ leaderId }) => leaderId >= 0));
    if (isKnown && led.topics.every((topic) => topic.partitions.every(({ errorCode }) => errorCode === 0)))
      return;
  }
}
