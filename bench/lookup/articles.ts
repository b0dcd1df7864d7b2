/**
 * The data set of the lookup bench: articles as JSON of 300 to 1,000 bytes, keyed by number; the same text for every system, made
 * from the number alone. A version changes the price, so that a reader can tell which one it has.
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { produce } from '../../protocol/messages/data/produce.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { buildBatch, type NewRecord } from '../../protocol/records/batch-builder.ts';
import { murmur2 } from '../../protocol/records/murmur2.ts';
import { Client } from '../../tools/client.ts';

export const topic = 'articles';
export const partitionCount = 4;

const words = ['trail', 'road', 'rain', 'wool', 'light', 'warm', 'dry', 'sun', 'alpine', 'city'];
const colours = ['black', 'blue', 'orange', 'green', 'white'];

export function articleKey(n: number): string {
  return `47${String(n).padStart(8, '0')}`;
}

export function articleValue(n: number, version = 0): string {
  const word = (i: number): string => words[(n * 7 + i * 13) % words.length]!;
  const skus = Array.from({ length: 2 + (n % 9) }, (_, i) => ({
    sku: `${articleKey(n)}-${i}`,
    colour: colours[(n + i) % colours.length],
    size: 36 + i,
    stock: (n * 31 + i * 17) % 40,
  }));
  return JSON.stringify({
    id: articleKey(n),
    version,
    name: `${word(0)} ${word(1)} ${word(2)}`,
    brand: 'Nordlauf',
    price: { purchase: 10 + (n % 90), list: 29.9 + (n % 200), sales: 24.9 + ((n + version) % 200) },
    text: Array.from({ length: 8 + (n % 12) }, (_, i) => word(i)).join(' '),
    skus,
  });
}

/** The version in a value, without parsing it whole. */
export function versionOf(value: string | Buffer): number {
  const head = typeof value === 'string' ? value.slice(0, 60) : value.toString('latin1', 0, 60);
  return Number(/"version":(\d+)/.exec(head)?.[1] ?? -1);
}

/** Throws unless the value is that of the key, in some version. */
export function checkValue(key: string, value: string | Buffer | null): void {
  const head = value === null ? null : value.toString().slice(0, 17 + key.length);
  if (head === null || !head.startsWith(`{"id":"${key}"`)) throw new Error(`${key} is ${head}`);
}

export function partitionOf(key: Buffer): number {
  return (murmur2(key) & 0x7f_ff_ff_ff) % partitionCount;
}

export async function createArticles(port: number): Promise<void> {
  const client = await Client.connect('127.0.0.1', port);
  const configs = [{ name: 'cleanup.policy', value: 'compact' }];
  const wanted = {
    name: topic,
    numPartitions: partitionCount,
    replicationFactor: 1,
    assignments: [],
    configs,
  };
  const created = await client.request(createTopics, 5, { topics: [wanted], validateOnly: false });
  if (created.topics[0]!.errorCode !== 0) throw new Error(`CreateTopics: ${created.topics[0]!.errorCode}`);
  client.close();
}

/** One batch to one partition, acks=-1. */
export async function send(client: Client, index: number, records: readonly NewRecord[]): Promise<void> {
  const partitionData = [{ index, records: buildBatch({ records }) }];
  const topicData = [{ name: topic, partitionData }];
  const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
  const { errorCode } = answer.responses[0]!.partitionResponses[0]!;
  if (errorCode !== 0) throw new Error(`Produce: error ${errorCode}`);
}

/** What Java's producer puts into a batch by default. */
const batchBytes = 16 * 1024;

/** Writes all articles to the topic. */
export async function produceArticles(port: number, count: number): Promise<void> {
  const client = await Client.connect('127.0.0.1', port);
  const open: NewRecord[][] = Array.from({ length: partitionCount }, () => []);
  const openBytes: number[] = Array.from({ length: partitionCount }, () => 0);
  const flying = new Set<Promise<void>>();
  const flush = async (index: number): Promise<void> => {
    const flight = send(client, index, open[index]!).finally(() => flying.delete(flight));
    flying.add(flight);
    open[index] = [];
    openBytes[index] = 0;
    if (flying.size >= 5) await Promise.race(flying);
  };
  for (let n = 0; n < count; n++) {
    const key = Buffer.from(articleKey(n));
    const index = partitionOf(key);
    const value = Buffer.from(articleValue(n));
    if (openBytes[index]! + value.length > batchBytes) await flush(index);
    open[index]!.push({ timestampMs: Date.now(), key, value });
    openBytes[index]! += value.length;
  }
  for (let index = 0; index < partitionCount; index++) if (open[index]!.length > 0) await flush(index);
  await Promise.all(flying);
  client.close();
}

async function writeLines(path: string, count: number, lineOf: (n: number) => string): Promise<void> {
  const file = createWriteStream(path);
  for (let n = 0; n < count; n += 1000) {
    const end = Math.min(count, n + 1000);
    let text = '';
    for (let i = n; i < end; i++) text += lineOf(i);
    if (!file.write(text)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

/** For PostgreSQL's COPY: no value has a tab, a backslash or a line break. */
export function writeCopyFile(path: string, count: number): Promise<void> {
  return writeLines(path, count, (n) => `${articleKey(n)}\t${articleValue(n)}\n`);
}

/** For `redis-cli --pipe`. */
export function writeRedisFile(path: string, count: number): Promise<void> {
  const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  return writeLines(path, count, (n) => `*3\r\n${bulk('SET')}${bulk(articleKey(n))}${bulk(articleValue(n))}`);
}
