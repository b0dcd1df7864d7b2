import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consume, type Expected, KafkaDirectory, written } from './kafka-directory.ts';

function expectedOf(name: string): Expected {
  return JSON.parse(fs.readFileSync(new URL(`../fixtures/${name}.expected.json`, import.meta.url), 'utf8'));
}

const fixtures = fs
  .readdirSync(new URL('../fixtures/', import.meta.url))
  .filter((name) => name.endsWith('.expected.json'))
  .map((name) => name.slice(0, -'.expected.json'.length))
  // What was killed is described as it lies there; its damaged copy, as Kafka recovers it.
  .filter((name) => expectedOf(name).consumer !== undefined);

describe.each(fixtures)('the directory %s that Apache Kafka left', (name) => {
  let directory: KafkaDirectory;
  beforeAll(async () => {
    directory = await KafkaDirectory.unpack(name);
  });
  afterAll(() => directory.remove());

  const expected = expectedOf(name);
  const partitions = Object.keys(expected.consumer);

  it.each(partitions)('%s is served as Kafka serves it', async (partition) => {
    const want = expected.consumer[partition]!;
    const log = directory.open(partition, { 'retention.ms': -1 });
    expect(log.logStartOffset).toBe(want.logStartOffset);
    expect(log.highWatermark).toBe(want.highWatermark);
    expect(await consume(log, 'high-watermark')).toEqual(written(want.records));
    if (want.lastStableOffset !== undefined) expect(log.lastStableOffset).toBe(want.lastStableOffset);
    if (want.readCommittedOffsets !== undefined) {
      const committed = await consume(log, 'stable');
      expect(committed.map((record) => record.offset)).toEqual(want.readCommittedOffsets);
    }
    await log.applyRetention(directory.environment.clock.nowMs());
    expect(await log.close()).toBe(true);
  });
  const recovered = expected.diskRecovered;
  if (!recovered) return;
  it.each(Object.keys(recovered).filter((key) => partitions.includes(key)))(
    '%s has the files that Kafka leaves after its recovery',
    (partition) => {
      const left = (files: Readonly<Record<string, number>>) =>
        Object.entries(files).filter(
          ([file]) => !file.endsWith('.deleted') && file !== 'leader-epoch-checkpoint',
        );
      expect(Object.fromEntries(left(directory.files(partition)))).toEqual(
        Object.fromEntries(left(recovered[partition]!.files)),
      );
    },
  );
});
