/** One partition's log: appends to it, and finding a place in it. */
import { join } from 'node:path';
import * as batch from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { readInt32 } from '../../protocol/records/int64.ts';
import { defaultTopicSettings } from '../../storage/config/topic-settings.ts';
import { createNodeEnvironment } from '../../storage/environment/node.ts';
import { HeldIndexes } from '../../storage/log/held-indexes.ts';
import { IndexFile } from '../../storage/log/index-file.ts';
import { Log } from '../../storage/log/log.ts';
import type { AppendOutcome, LogRead, LogReadRefused } from '../../storage/log/log-types.ts';
import { OffsetIndex, offsetIndexEntryBytes } from '../../storage/log/offset-index.ts';
import { drawn, type MicroCase, type MicroGroup, mustBe } from './micro-case.ts';

const environment = createNodeEnvironment();
const { files } = environment;
const silent = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };

function openLog(directory: string, segmentBytes: number): Log {
  return Log.open({
    environment,
    directory,
    topic: 'orders',
    partition: 0,
    topicId: 'sf0KkVQDRf6C6V3cBWHl0A',
    settings: { ...defaultTopicSettings, 'segment.bytes': segmentBytes },
    durability: { kind: 'page-cache' },
    logger: silent,
    producerIdExpirationMs: () => Number.MAX_SAFE_INTEGER,
    recoveryPoint: 0,
    logStartOffset: 0,
    cleanShutdown: true,
  });
}

function batchOf(count: number, valueBytes: number, codec = 0): Buffer {
  const value = Buffer.alloc(valueBytes, 'the quick brown fox jumps over the lazy dog; ');
  return buildBatch({
    codec,
    records: Array.from({ length: count }, () => ({ timestampMs: Date.now(), key: null, value })),
  });
}

function appendNow(log: Log, bytes: Buffer): AppendOutcome {
  // The append before has stamped its offset into it.
  batch.setBaseOffset(bytes, 0, 0);
  const outcome = log.append(bytes, { origin: 'client', leaderEpoch: 0 });
  if (outcome instanceof Promise) throw new Error('the append had to wait');
  return outcome;
}

export const append: MicroGroup = {
  name: 'append',
  per: 'batch',
  cases: (scratch) =>
    (
      [
        ['one record of 1 KiB', 1, 1024],
        ['160 records of 100 B', 160, 100],
        ['64 records of 1 KiB', 64, 1024],
        ['6 records of 10 KiB', 6, 10_240],
      ] as const
    ).map(([name, count, valueBytes]): MicroCase => {
      const log = openLog(join(scratch, `${name.replaceAll(' ', '-')}-0`), 1024 ** 3);
      const bytes = batchOf(count, valueBytes);
      return {
        name: `append a batch of ${name}, page cache`,
        bytes: bytes.length,
        run: () => appendNow(log, bytes),
        check: (outcome: AppendOutcome) => {
          if (!outcome.ok) throw new Error(`refused with ${outcome.errorCode}`);
          mustBe('last offset', outcome.lastOffset, log.endOffset - 1);
          mustBe('first offset', outcome.baseOffset, log.endOffset - count);
        },
        close: () => log.close(),
      };
    }),
};

const entries = 100_000;
const perEntry = 40;

export const index: MicroGroup = {
  name: 'index',
  per: 'lookup',
  cases: (scratch) => [...indexCases(scratch), readCase(scratch)],
};

function indexCases(scratch: string): MicroCase[] {
  const made = (name: string): OffsetIndex => {
    const one = new OffsetIndex(files, join(scratch, name), 0, 10 * 1024 * 1024);
    one.create();
    for (let n = 0; n < entries; n++) one.append((n + 1) * perEntry - 1, n * 4096);
    return one;
  };
  const growing = made('growing.index');
  const sealed = made('sealed.index');
  sealed.seal();
  const unheld = new IndexFile(
    files,
    join(scratch, 'sealed.index'),
    offsetIndexEntryBytes,
    new HeldIndexes(0),
  );
  const next = drawn(entries * perEntry);
  let offset = 0;
  // The last entry whose offset is at most the one asked for.
  const expected = (): number => Math.max(0, Math.floor((offset + 1) / perEntry) - 1) * 4096;
  const check = (position: number): void => mustBe(`position of ${offset}`, position, expected());
  return [
    {
      name: 'offset index of 100,000 entries, growing',
      run: () => growing.lookup((offset = next())),
      check,
    },
    {
      name: 'offset index of 100,000 entries, sealed and held in memory',
      run: () => sealed.lookup((offset = next())),
      check,
    },
    {
      name: 'offset index of 100,000 entries, sealed, read from its file',
      run: () => Math.max(0, unheld.lastAtMost((offset = next()), readInt32)) * 4096,
      check,
    },
  ];
}

function readCase(scratch: string): MicroCase {
  const log = openLog(join(scratch, 'read-0'), 1024 * 1024);
  const bytes = batchOf(16, 1024);
  const batches = 4000;
  for (let n = 0; n < batches; n++) appendNow(log, bytes);
  const next = drawn(batches * 16);
  return {
    name: `where a fetch begins, in a log of ${log.segments().length} segments`,
    run: () => {
      const read = log.read(next(), { maxBytes: 1024 * 1024, minOneBatch: true, upTo: 'high-watermark' });
      if (read.ok) for (const region of read.regions) region.release();
      return read;
    },
    check: (read: LogRead | LogReadRefused) => mustBe('found', read.ok && read.byteLength > 0, true),
    close: () => log.close(),
  };
}
