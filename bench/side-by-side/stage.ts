/**
 * One broker of one round, and how it is measured: what a load cost the broker and the client, how busy the rest of the machine was,
 * and again where it was too busy.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { listOffsets } from '../../protocol/messages/data/list-offsets.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../protocol/messages/topics/delete-topics.ts';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { Client } from '../../tools/client.ts';
import type { BrokerProcess } from './broker-processes.ts';
import { cpuOf, watchOthers } from './proc.ts';

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

/** A row's figure of one broker in one round. */
export type Note = (
  row: string,
  unit: string,
  value: number,
  better: 'more' | 'less',
  measured?: Disturbance,
) => void;

/** What a reader must know of a figure besides its value. */
export type Disturbance = Pick<Figure, 'isClientBound' | 'otherCores'>;

export function noteInto(figures: Figure[]): Note {
  return (row, unit, value, better, { isClientBound, otherCores } = {}) => {
    const extra = {
      ...(isClientBound && { isClientBound }),
      ...(otherCores !== undefined && { otherCores }),
    };
    figures.push({ row, unit, value, better, ...extra });
  };
}

/** More of foreign work than that, and it is done again. */
export const otherCoresMax = 0.3;
let attemptsMax = 3;

/** How often at most a load is done where others are busy. */
export function setAttempts(most: number): void {
  attemptsMax = most;
}

/** Does it up to three times where the rest of the machine is busy; the least disturbed counts. */
export async function leastDisturbed<T extends { readonly otherCores: number }>(
  attempt: (attempt: number) => Promise<T>,
  attempts = attemptsMax,
): Promise<T> {
  let best: T | null = null;
  for (let count = 0; count < attempts; count++) {
    const found = await attempt(count);
    if (best === null || found.otherCores < best.otherCores) best = found;
    if (best.otherCores <= otherCoresMax) break;
  }
  return best!;
}

/** Work of this process as a load, which is its own client. */
export async function asClient(work: () => Promise<void>): Promise<ClientFigures> {
  const [startMs, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - startMs) / 1e3, cpuSeconds: (user + system) / 1e6 };
}

/** Of all stages: no name is used twice. */
let topicCount = 0;
export const freshName = (): string => `topic-${topicCount++}`;

interface StageOptions {
  readonly note?: Note;
  readonly attempts?: number;
}

export class Stage {
  readonly broker: BrokerProcess;
  readonly folder: string;
  readonly note: Note;
  readonly #attempts: number;

  /** `attempts`: 1 where a second load would meet a broker that knows the first. `note`: left out, nothing of it counts. */
  constructor(
    broker: BrokerProcess,
    parent: string,
    { note = () => {}, attempts = attemptsMax }: StageOptions = {},
  ) {
    this.broker = broker;
    this.folder = mkdtempSync(join(parent, 'frames-'));
    this.note = note;
    this.#attempts = attempts;
  }

  get port(): number {
    return this.broker.port;
  }

  /** Runs a load, again where the rest of the machine is busy. */
  measure<T extends ClientFigures>(load: (attempt: number) => Promise<T>): Promise<Measured<T>> {
    return leastDisturbed((attempt) => this.#once(() => load(attempt)), this.#attempts);
  }

  async #once<T extends ClientFigures>(load: () => Promise<T>): Promise<Measured<T>> {
    const { pid } = this.broker;
    const [before, others] = [cpuOf(pid), watchOthers()];
    const result = await load();
    const after = cpuOf(pid);
    const userSeconds = after.user - before.user;
    const kernelSeconds = after.kernel - before.kernel;
    const cpuSeconds = userSeconds + kernelSeconds;
    return {
      result,
      userSeconds,
      kernelSeconds,
      cpuSeconds,
      isClientBound: result.cpuSeconds / result.seconds > 0.9,
      otherCores: others(cpuSeconds),
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
    const name = freshName();
    await this.withClient((client) => createAll(client, [name], partitions, configs));
    return name;
  }

  /** Deletes topics, and waits until their files are gone: none of that shall be in the next load. */
  async drop(...names: string[]): Promise<void> {
    const body = { topicNames: names, timeoutMs: 60_000 };
    await this.withClient((client) => client.request(deleteTopics, 5, body));
    const { dataDirectory } = this.broker;
    if (dataDirectory === undefined) return;
    const dropped = new Set(names);
    const isThere = (directory: string): boolean => dropped.has(/^(.+)-\d+(\.|$)/.exec(directory)?.[1] ?? '');
    for (const endMs = performance.now() + 120_000; readdirSync(dataDirectory).some(isThere); await pause(20))
      if (performance.now() > endMs) throw new Error(`the files of ${names[0]} are still there`);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Writes one small record to each partition of the topics, again where the broker does not take it yet. */
export async function appendToAll(client: Client, names: readonly string[], partitions = 1): Promise<void> {
  const records = buildBatch({
    records: [{ timestampMs: Date.now(), key: null, value: Buffer.from('x'), headers: [] }],
  });
  const indexes = Array.from({ length: partitions }, (_, index) => index);
  for (let left = names.map((name) => ({ name, indexes })); left.length > 0; ) {
    const topicData = left.map((topic) => ({
      name: topic.name,
      partitionData: topic.indexes.map((index) => ({ index, records })),
    }));
    const answer = await client.request(produce, 8, { acks: -1, timeoutMs: 30_000, topicData });
    left = answer.responses
      .map(({ name, partitionResponses }) => ({
        name: name!,
        indexes: partitionResponses.filter(({ errorCode }) => errorCode !== 0).map(({ index }) => index),
      }))
      .filter((topic) => topic.indexes.length > 0);
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
