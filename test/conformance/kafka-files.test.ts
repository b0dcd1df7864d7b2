import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as batch from '../../protocol/records/batch.ts';
import type { TopicSettings } from '../../storage/config/topic-settings.ts';
import { Log } from '../../storage/log/log.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { KafkaDirectory } from './kafka-directory.ts';

/**
 * The other direction: Kafka's batches, appended to an empty log of ours with the same settings, must leave the same files,
 * byte for byte: segments, both indexes, aborted transactions, producer snapshots, leader epochs, metadata.
 */
const tx = { 'segment.ms': 60_000, 'message.timestamp.after.max.ms': Number.MAX_SAFE_INTEGER };
const cases: readonly [fixture: string, partition: string, settings: Partial<TopicSettings>][] = [
  ['1-plain', 'plain-0', { 'segment.ms': 60_000 }],
  ['1-plain', 'plain-1', { 'segment.ms': 60_000 }],
  ['1-plain', 'plain-2', { 'segment.ms': 60_000 }],
  ['1-plain', 'plain-3', { 'segment.ms': 60_000 }],
  ['1-plain', 'plain-4', { 'segment.ms': 60_000 }],
  ['1-plain', 'edge-0', {}],
  ['1-plain', 'trimmed-0', { 'segment.ms': 60_000 }],
  ['1-plain', 'big-0', { 'segment.bytes': 1_048_576 }],
  ['3-txn-0-before', 'tx-0', tx],
  ['3-txn-0-before', 'tx-1', tx],
  ['3-txn-0-before', 'txc-0', tx],
  ['3-txn-0-before', 'txc-keep-0', tx],
  ['3-txn-0-before', 'txc-drop-0', tx],
];

describe.each(['1-plain', '3-txn-0-before'])('batches of %s', (fixture) => {
  let kafka: KafkaDirectory;
  beforeAll(async () => {
    kafka = await KafkaDirectory.unpack(fixture);
  });
  afterAll(() => kafka.remove());

  it.each(cases.filter(([name]) => name === fixture))(
    '%s %s leave the same files',
    async (_, partition, settings) => {
      const environment = simulatedEnvironment();
      environment.files.makeDirectorySync('/data');
      const directory = `/data/${partition}`;
      const open = { ...kafka.dependencies(partition, settings), environment, directory, logStartOffset: 0 };
      const log = Log.open(open);
      const names = Object.keys(kafka.files(partition)).sort();
      for (const name of names.filter((each) => each.endsWith('.log'))) {
        for (const records of batches(kafka.bytes(partition, name))) {
          const outcome = await log.append(records, { origin: 'coordinator', leaderEpoch: 0 });
          expect(outcome).toMatchObject({ ok: true });
        }
      }
      await log.deleteRecordsBefore(kafka.expected.consumer[partition]!.logStartOffset);
      expect(await log.close()).toBe(true);
      expect(environment.files.listSync(directory)).toEqual(names);
      for (const name of names) {
        const ours = environment.files.readFileSync(`${directory}/${name}`);
        expect(ours.equals(kafka.bytes(partition, name)), name).toBe(true);
      }
    },
  );
});

/** As their producer sent them: offsets from 0 on. */
function batches(segment: Buffer): Buffer[] {
  const found: Buffer[] = [];
  batch.forEachBatch(segment, 0, segment.length, (at, bytes) => {
    const sent = Buffer.from(segment.subarray(at, at + bytes));
    batch.setBaseOffset(sent, 0, 0);
    found.push(sent);
  });
  return found;
}
