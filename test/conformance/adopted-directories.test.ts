/** Directories of Apache Kafka, looked at as `kompakt adopt` does and served by a whole broker: the same as Kafka's own consumers got. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfiguration } from '../../broker/config/settings.ts';
import { startBroker } from '../../broker/index.ts';
import { adoptionOf, lookAtDirectory } from '../../broker/moving.ts';
import { contentOf } from '../clients/graduation/broker-content.ts';
import { type ExpectedRecord, KafkaDirectory, written } from './kafka-directory.ts';

const fixtures = fs
  .readdirSync(new URL('../fixtures/', import.meta.url))
  .filter((name) => name.endsWith('.tar.gz'))
  .map((name) => name.slice(0, -'.tar.gz'.length));

/** Every file with a digest of its bytes. */
function filesIn(directory: string): Record<string, string> {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => fs.statSync(path.join(directory, name)).isFile());
  const digest = (name: string) => createHash('md5').update(fs.readFileSync(path.join(directory, name)));
  return Object.fromEntries(files.map((name) => [name, digest(name).digest('hex')]));
}

const base64 = (value: unknown): string | undefined =>
  value === null || value === undefined
    ? undefined
    : typeof value === 'string'
      ? Buffer.from(value).toString('base64')
      : (value as { b64: string }).b64;

function lineOf({ offset, ts, key, value, headers }: ExpectedRecord): string {
  const texts = ((headers ?? []) as [string, unknown][]).map(([name, each]) => `${name}=${base64(each)}`);
  return `${offset} ${ts} ${base64(key)} ${base64(value)} ${texts.join()}`;
}

describe.each(fixtures)('%s', (name) => {
  let directory: KafkaDirectory;
  beforeAll(async () => {
    directory = await KafkaDirectory.unpack(name);
  });
  afterAll(() => directory.remove());

  it('is taken as it is, and looking at it changes nothing', async () => {
    const before = filesIn(directory.path);
    const read = readConfiguration();
    if (!read.ok) throw new Error(read.messages.join());
    const { environment } = directory;
    const look = { environment, configuration: read.configuration, directory: directory.path, processId: 1 };
    const checked = await lookAtDirectory(look, (found) => found);
    expect(checked.problems).toEqual([]);
    expect(adoptionOf(checked).refusals).toEqual([]);
    expect(checked.wasStoppedClean).toBe(directory.cleanShutdown);
    expect(filesIn(directory.path)).toEqual(before);
  });

  it('is served as Kafka serves it', async () => {
    const broker = await startBroker({
      dataDir: directory.path,
      config: {
        'kompakt.ignore.acls': true,
        'log.retention.ms': -1,
        'log.initial.task.delay.ms': 3_600_000,
        'log.cleaner.enable': false,
        'transaction.max.timeout.ms': 2_147_483_647,
      },
    });
    try {
      const { topics } = await contentOf(broker.port);
      const served = new Map(
        Object.entries(topics).map(([key, partitions]) => [key.split(' ')[0]!, partitions] as const),
      );
      for (const [partition, want] of Object.entries(directory.expected.consumer ?? {})) {
        const dash = partition.lastIndexOf('-');
        const partitions = served.get(partition.slice(0, dash));
        if (typeof partitions === 'number' || partitions === undefined) continue;
        const found = partitions[Number(partition.slice(dash + 1))]!;
        expect([found.earliest, found.latest], partition).toEqual([want.logStartOffset, want.highWatermark]);
        if (want.lastStableOffset !== undefined) expect(found.stable, partition).toBe(want.lastStableOffset);
        const records = found.records
          .filter((line) => !/^\d+ marker /.test(line))
          .map((line) => line.slice(0, line.lastIndexOf(' ')));
        expect(records, partition).toEqual(written(want.records).map(lineOf));
      }
    } finally {
      await broker.stop();
    }
  });
});
