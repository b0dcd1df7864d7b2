import { expect, test } from 'vitest';
import {
  checkpointFiles,
  DamagedCheckpoint,
  formatOffsetCheckpoint,
  OffsetCheckpoint,
  parseOffsetCheckpoint,
} from '../../../storage/directory/offset-checkpoint.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';

const entries = [
  { topic: 'orders', partition: 0, offset: 120 },
  { topic: '__consumer_offsets', partition: 49, offset: 2 ** 40 },
];

test('text as Kafka writes it', () => {
  expect(formatOffsetCheckpoint(entries)).toBe('0\n2\norders 0 120\n__consumer_offsets 49 1099511627776\n');
  expect(formatOffsetCheckpoint([])).toBe('0\n0\n');
});

test.each([
  ['0\n2\norders 0 120\n__consumer_offsets 49 1099511627776\n', 2],
  ['0\r\n1\r\norders\t0   120\r\n', 1],
  ['0\n1\norders 0 120', 1],
  ['0\n1\norders 0 120 \n', 1],
  ['', 0],
  ['0', 0],
  ['0\n0\n', 0],
])('%j is read', (text, count) => {
  expect(parseOffsetCheckpoint(text, 'x')).toHaveLength(count);
});

test.each([
  ['1\n0\n', 'version "1" instead of 0'],
  ['\0\0\0', 'version'],
  ['0\nmany\n', '"many" is not a number of entries'],
  ['0\n2\norders 0 120\n', '1 entries instead of 2'],
  ['0\n1\norders 0 120\nmore 0 1\n', '2 entries instead of 1'],
  ['0\n1\norders 0\n', '"orders 0" is not a topic, a partition and an offset'],
  ['0\n1\norders 0 1 2\n', 'is not a topic'],
  ['0\n1\n orders 0 1\n', 'is not a topic'],
  ['0\n1\norders zero 1\n', 'is not a topic'],
  ['0\n1\norders 0 99999999999999999999\n', 'is not a topic'],
  ['0\n1\n\n', 'is not a topic'],
])('%j is damaged', (text, problem) => {
  expect(() => parseOffsetCheckpoint(text, '/data/x')).toThrow(DamagedCheckpoint);
  expect(() => parseOffsetCheckpoint(text, '/data/x')).toThrow(`/data/x is damaged: `);
  expect(() => parseOffsetCheckpoint(text, '/data/x')).toThrow(problem);
});

test('a file is replaced whole, and read by partition', async () => {
  const { files } = simulatedEnvironment();
  files.makeDirectorySync('/data');
  const checkpoint = new OffsetCheckpoint(files, '/data', checkpointFiles.recoveryPoint);
  expect(checkpoint.read().size).toBe(0);
  await checkpoint.write(entries);
  expect(Object.fromEntries(checkpoint.read())).toEqual({
    'orders-0': 120,
    '__consumer_offsets-49': 2 ** 40,
  });
  checkpoint.writeSync(entries.slice(0, 1));
  expect([...checkpoint.read().keys()]).toEqual(['orders-0']);
  expect(files.listSync('/data')).toEqual(['recovery-point-offset-checkpoint']);
});
