import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tar from 'tar';
import * as batch from '../../protocol/records/batch.ts';
import { ensureCodec } from '../../protocol/records/compression.ts';
import { controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import { type LogRecord, readRecords } from '../../protocol/records/record.ts';
import { defaultTopicSettings, type TopicSettings } from '../../storage/config/topic-settings.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { createNodeEnvironment } from '../../storage/environment/node.ts';
import { Log, type LogDependencies } from '../../storage/log/log.ts';
import type { ReadOptions } from '../../storage/log/log-types.ts';

/** Data directories that Apache Kafka 4.3.1 wrote (test/fixtures), and what its consumers read from them. */

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

export interface ExpectedRecord {
  readonly offset: number;
  readonly ts: number;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers?: unknown;
  readonly timestampType?: string;
  readonly leaderEpoch?: number;
}

export interface ExpectedPartition {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly records: readonly ExpectedRecord[];
  readonly lastStableOffset?: number;
  readonly readCommittedOffsets?: readonly number[];
}

export interface PartitionDump {
  readonly files: Readonly<Record<string, number>>;
  readonly 'leader-epoch-checkpoint'?: string;
}

export interface Expected {
  /** When the records were made (2-compact-*, 3-txn-*). */
  readonly nowMs: number;
  readonly brokerConfig: Readonly<Record<string, string | number>>;
  readonly consumer: Readonly<Record<string, ExpectedPartition>>;
  readonly disk?: { readonly partitions: Readonly<Record<string, PartitionDump>> };
  readonly diskRecovered?: Readonly<Record<string, PartitionDump>>;
}

export class KafkaDirectory {
  readonly expected: Expected;
  readonly path: string;
  readonly environment: Environment = createNodeEnvironment();
  readonly cleanShutdown: boolean;
  readonly #root: string;

  private constructor(name: string, root: string) {
    this.#root = root;
    this.path = path.join(root, 'data');
    this.expected = JSON.parse(fs.readFileSync(path.join(fixtures, `${name}.expected.json`), 'utf8'));
    this.cleanShutdown = fs.existsSync(path.join(this.path, '.kafka_cleanshutdown'));
  }

  static async unpack(name: string): Promise<KafkaDirectory> {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt-fixture-'));
    await tar.extract({ file: path.join(fixtures, `${name}.tar.gz`), cwd: root });
    return new KafkaDirectory(name, root);
  }

  remove(): void {
    fs.rmSync(this.#root, { recursive: true, force: true });
  }

  /** Opens a partition as a start of the broker would. */
  open(partition: string, settings: Partial<TopicSettings> = {}): Log {
    return Log.open(this.dependencies(partition, settings));
  }

  dependencies(partition: string, settings: Partial<TopicSettings> = {}): LogDependencies {
    const dash = partition.lastIndexOf('-');
    const nothing = () => {};
    return {
      environment: this.environment,
      directory: path.join(this.path, partition),
      topic: partition.slice(0, dash),
      partition: Number(partition.slice(dash + 1)),
      topicId: this.#text(partition, 'partition.metadata').slice(-22),
      settings: { ...defaultTopicSettings, ...this.#settings(), ...settings },
      durability: { kind: 'page-cache' },
      logger: { info: nothing, warn: nothing, error: nothing },
      producerIdExpirationMs: () => Number.MAX_SAFE_INTEGER,
      recoveryPoint: this.#checkpoint('recovery-point-offset-checkpoint').get(partition) ?? 0,
      logStartOffset: this.#checkpoint('log-start-offset-checkpoint').get(partition) ?? 0,
      cleanShutdown: this.cleanShutdown,
    };
  }

  /** The first dirty offset, as Kafka's cleaner left it; null without one. */
  cleanerOffset(partition: string): number | null {
    return this.#checkpoint('cleaner-offset-checkpoint').get(partition) ?? null;
  }

  /** Name and size of each file in a partition's directory. */
  files(partition: string): Record<string, number> {
    const directory = path.join(this.path, partition);
    return Object.fromEntries(
      fs.readdirSync(directory).map((name) => [name, fs.statSync(path.join(directory, name)).size]),
    );
  }

  bytes(partition: string, name: string): Buffer {
    return fs.readFileSync(path.join(this.path, partition, name));
  }

  #settings(): Partial<TopicSettings> {
    const indexBytes = this.expected.brokerConfig['log.index.size.max.bytes'];
    return indexBytes === undefined ? {} : { 'segment.index.bytes': Number(indexBytes) };
  }

  #checkpoint(name: string): Map<string, number> {
    const lines = this.#text('.', name).trim().split('\n').slice(2);
    return new Map(
      lines.map((line) => {
        const [topic, partition, offset] = line.split(' ');
        return [`${topic}-${partition}`, Number(offset)];
      }),
    );
  }

  #text(directory: string, name: string): string {
    const file = path.join(this.path, directory, name);
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  }
}

/** Reads a log as Kafka's consumer does, from its start: control records and, read committed, aborted ones are left out. */
export async function consume(log: Log, upTo: ReadOptions['upTo']): Promise<ExpectedRecord[]> {
  const found: ExpectedRecord[] = [];
  for (let offset = log.logStartOffset; ; ) {
    const read = log.read(offset, { maxBytes: 100_000, minOneBatch: true, upTo });
    if (!read.ok) throw new Error(`read of ${offset} refused with ${read.errorCode}`);
    if (read.byteLength === 0) return found;
    const bytes = Buffer.alloc(read.byteLength);
    for (const region of read.regions) region.file.readSync(bytes, 0, region.byteLength, region.position);
    for (const region of read.regions) region.release();
    const aborted = [...(read.abortedTransactions ?? [])];
    const skipped = new Set<number>();
    const from = offset;
    for (let at = 0, size = 0; (size = batch.batchBytesAt(bytes, at, bytes.length)) > 0; at += size) {
      offset = batch.lastOffset(bytes, at) + 1;
      const producerId = batch.producerId(bytes, at);
      for (let next = aborted[0]; next && next.firstOffset < offset; next = aborted[0]) {
        skipped.add(next.producerId);
        aborted.shift();
      }
      await ensureCodec(batch.codecOf(bytes, at));
      const records = readRecords(bytes, at).filter((record) => record.offset >= from);
      if (batch.isControl(bytes, at)) {
        if (records[0] && controlTypeOf(records[0]) === controlTypes.abort) skipped.delete(producerId);
      } else if (!(batch.isTransactional(bytes, at) && skipped.has(producerId))) {
        for (const record of records) found.push(describe(bytes, at, record));
      }
    }
    if (offset === from) throw new Error(`no whole batch at ${offset}`);
  }
}

function describe(bytes: Buffer, at: number, record: LogRecord): ExpectedRecord {
  const headers = record.headers.map(({ key, value }) => [key, textOf(value)]);
  return {
    offset: record.offset,
    ts: record.timestamp,
    key: textOf(record.key),
    value: textOf(record.value),
    ...(headers.length > 0 ? { headers } : {}),
    ...(batch.timestampType(bytes, at) === 'LogAppendTime' ? { timestampType: 'LogAppendTime' } : {}),
  };
}

/** UTF-8 as a string, other bytes as base64, as the fixtures write them. */
function textOf(bytes: Buffer | null): unknown {
  if (bytes === null) return null;
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { b64: bytes.toString('base64') };
}

/** The expected records with their shortened values written out, and without the leader epoch, which is not compared. */
export function written(records: readonly ExpectedRecord[]): ExpectedRecord[] {
  return records.map(({ leaderEpoch: _, ...record }) => {
    const repeated = /^'(\d+;)' \* (\d+)$/.exec(String(record.value));
    if (repeated) return { ...record, value: repeated[1]!.repeat(Number(repeated[2])) };
    if (record.value === '(key + " ") * 2000') return { ...record, value: `${record.key} `.repeat(2000) };
    return record;
  });
}
