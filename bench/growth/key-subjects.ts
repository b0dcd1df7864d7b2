/** The cleaner and lookups by key, each size in a process of its own: key-process.ts. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeEnvironment } from '../../storage/environment/node.ts';
import { runScript } from '../brokers.ts';
import { type LogShape, writeLog } from '../cleaner-data.ts';
import { type Cost, type Subject, sizesUpTo } from './measuring.ts';

const { files } = createNodeEnvironment();

const shape: LogShape = {
  records: 1_000_000,
  keys: 100_000,
  keyBytes: 16,
  valueBytes: 100,
  batchBytes: 16 * 1024,
  segmentBytes: 64 * 1024 * 1024,
  codec: 0,
};
/** Of one record in such a log, about. */
const bytesPerRecord = 125;

export interface CleanOptions {
  readonly directory: string;
  readonly shape: LogShape;
  readonly warmDirectory: string;
  readonly warmShape: LogShape;
}

export interface KeysOptions {
  readonly directory: string;
  readonly keys: number;
}

export interface LookupCosts {
  readonly build: Cost;
  readonly lookups: Cost;
}

export const lookupCount = 50_000;

const run = <T>(mode: string, options: object): Promise<T> =>
  runScript<T>('bench/growth/key-process.ts', mode, options);

const cleanerRow = 'one pass of the cleaner';

function cleanerOf(
  of: string,
  sizes: readonly number[],
  work: 'size' | 'none',
  shapeOf: (n: number) => LogShape,
): Subject {
  return {
    name: 'cleaner',
    of,
    sizes,
    curves: [{ row: cleanerRow, work }],
    async begin(directory, size) {
      const [log, warm] = [join(directory, 'log-0'), join(directory, 'warm-0')];
      const warmShape = { ...shape, records: 100_000, keys: 10_000 };
      mkdirSync(log);
      mkdirSync(warm);
      writeLog(files, log, shapeOf(size));
      writeLog(files, warm, warmShape);
      const options: CleanOptions = { directory: log, shape: shapeOf(size), warmDirectory: warm, warmShape };
      return async () => ({ [cleanerRow]: await run<Cost>('clean', options) });
    },
  };
}

export const cleanerSubjects: readonly Subject[] = [
  cleanerOf('records, a tenth as many keys', sizesUpTo(2_000_000), 'size', (records) => ({
    ...shape,
    records,
    keys: records / 10,
  })),
  cleanerOf('keys in 1,000,000 records', sizesUpTo(1_000_000), 'none', (keys) => ({ ...shape, keys })),
  cleanerOf('segments of 500,000 records', sizesUpTo(1000), 'none', (segments) => ({
    ...shape,
    records: 500_000,
    segmentBytes: Math.max(17_000, Math.ceil((500_000 * bytesPerRecord) / segments)),
  })),
];

const lookupRows = {
  build: 'key table read from the log',
  lookups: '50,000 lookups by key',
} as const;

export const lookupSubject: Subject = {
  name: 'lookup',
  of: 'keys',
  sizes: sizesUpTo(10_000_000),
  curves: [
    { row: lookupRows.build, work: 'size' },
    { row: lookupRows.lookups, work: 'none' },
  ],
  async begin(directory, keys) {
    const options: KeysOptions = { directory: join(directory, 'data'), keys };
    await run('fill', options);
    return async () => {
      const { build, lookups } = await run<LookupCosts>('lookup', options);
      return { [lookupRows.build]: build, [lookupRows.lookups]: lookups };
    };
  },
};
