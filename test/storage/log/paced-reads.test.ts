import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Log } from '../../../storage/log/log.ts';
import type { LogRead, LogReadRefused, ReadOptions } from '../../../storage/log/log-types.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { faultyEnvironment, simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { appendNow, batchOf, openLog } from './log-fixture.ts';

const options: ReadOptions = { maxBytes: 1000, minOneBatch: true, upTo: 'high-watermark' };
const settings = { 'segment.bytes': 1000, 'index.interval.bytes': 100 };

/** Where a read begins, or why there is none; what it holds is given back. */
function told(read: LogRead | LogReadRefused | null): string {
  if (read === null) return 'may wait';
  if (!read.ok) return `error ${read.errorCode}`;
  const [region] = read.regions;
  region?.release();
  return region === undefined ? 'nothing' : `${region.file.path.slice(-10)} at ${region.position}`;
}

/** A log of some sealed segments, as a start finds it on a disk. */
async function reopened() {
  const environment = faultyEnvironment();
  const log = openLog(environment, { settings });
  for (let n = 0; n < 40; n++) appendNow(log, batchOf([`value ${n}`.padEnd(80)], { timestampMs: 1000 + n }));
  await log.close();
  return { ...environment, log: openLog(environment, { settings, cleanShutdown: true }) };
}

describe('a read that must not wait for the disk', () => {
  it('goes by the thread pool until that was fast', async () => {
    const { log, files } = await reopened();
    expect(told(log.paced.read(3, options))).toBe('may wait');
    const before = files.operations.length;
    await log.paced.reach(3, options);
    expect(files.operations.slice(before).some(({ operation }) => operation === 'read')).toBe(true);
    expect(told(log.paced.read(3, options))).toBe('may wait');
    await log.paced.reach(3, options);
    expect(told(log.paced.read(3, options))).toBe(told(log.read(3, options)));
    await log.close();
  });

  it('waits for the pool, which waits for the disk', async () => {
    const { log, files, clock } = await reopened();
    files.delay('read', 5);
    let isReached = false;
    const reaching = log.paced.reach(3, options).then(() => (isReached = true));
    await clock.advance(4);
    expect(isReached).toBe(false);
    await clock.advance(100);
    await reaching;
  });

  it('goes by the pool again for long after one that was slow, and when nobody has read there for a while', async () => {
    const { log, files, clock } = await reopened();
    const slow = files.delay('read', 5);
    const reaching = log.paced.reach(3, options);
    await clock.advance(100);
    await reaching;
    slow.stop();
    for (let n = 0; n < 15; n++) await log.paced.reach(3, options);
    expect(told(log.paced.read(3, options))).toBe('may wait');
    await log.paced.reach(3, options);
    expect(told(log.paced.read(3, options))).not.toBe('may wait');
    await clock.advance(20_000);
    expect(told(log.paced.read(3, options))).toBe('may wait');
    await log.close();
  });

  it('finds what was appended since somebody looked in memory, in a log that this process wrote everything', () => {
    const log = openLog(faultyEnvironment());
    appendNow(log, batchOf(['a']));
    expect(told(log.paced.read(0, options))).not.toBe('may wait');
    appendNow(log, batchOf(['b']));
    expect(told(log.paced.read(1, options))).not.toBe('may wait');
    expect(told(log.paced.read(0, options))).toBe('may wait');
  });

  it('never waits where files are in memory', () => {
    const log = openLog(simulatedEnvironment(), { settings });
    for (let n = 0; n < 40; n++) appendNow(log, batchOf([`value ${n}`.padEnd(80)]));
    expect(log.segmentCount).toBeGreaterThan(2);
    for (let n = 0; n < 40; n++) expect(told(log.paced.read(n, options))).not.toBe('may wait');
  });

  it('hears of a region that was slow to send', async () => {
    const { log } = await reopened();
    for (let n = 0; n < 2; n++) await log.paced.reach(3, options);
    const read = log.paced.read(3, options) as LogRead;
    read.regions[0]!.wasSlow();
    read.regions[0]!.release();
    expect(told(log.paced.read(3, options))).toBe('may wait');
  });

  it.each<readonly [string, (log: Log) => unknown]>([
    ['was deleted', (log) => log.markDeleted()],
    ['was cut', (log) => log.truncateTo(1)],
    ['begins later', (log) => log.deleteRecordsBefore(30)],
    ['was closed', (log) => log.close()],
    ['has grown into a new segment', (log) => void log.roll()],
  ])('ends as ever if meanwhile the log %s', async (_, change) => {
    const { log, files, clock } = await reopened();
    files.delay('read', 5);
    const reaching = log.paced.reach(35, { ...options, upTo: 'stable' });
    await clock.advance(7);
    const changing = Promise.resolve(change(log));
    await clock.advance(1000);
    await Promise.all([reaching, changing]);
  });

  it('that fails is told by the read itself', async () => {
    const { log, files } = await reopened();
    files.fail('read').on('*.log');
    await log.paced.reach(3, options);
    expect(told(log.read(3, options))).toBe('error 56');
  });
});

describe('a search by time on a slow disk', () => {
  it('gives what was right at some moment, whatever happens to the log meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const random = new SeededRandom(seed);
        const { log, files, clock } = await reopened();
        files.delay('read', () => random.below(5));
        const firstAt = (ms: number): number => {
          const offset = Math.max(ms - 1000, log.logStartOffset);
          return offset < log.endOffset ? offset : -1;
        };
        for (let round = 0; round < 4; round++) {
          const wanted = 1000 + random.below(45);
          const right = new Set([firstAt(wanted)]);
          const searching = Promise.resolve(log.offsetForTimestamp(wanted, 'end'));
          for (let n = random.below(4); n > 0; n--) {
            await clock.advance(random.below(6));
            await change(log, random);
            right.add(firstAt(wanted));
          }
          await clock.advance(1000);
          expect([...right]).toContain((await searching).offset);
        }
        await log.close();
      }),
      { seed: Number(process.env['KOMPAKT_SEED'] ?? 20261126), numRuns: 30 },
    );
  });
});

async function change(log: Log, random: SeededRandom): Promise<void> {
  const { logStartOffset, endOffset } = log;
  const offset = logStartOffset + random.below(endOffset - logStartOffset + 1);
  const what = random.below(4);
  if (what === 0) await log.truncateTo(Math.max(offset, 1));
  else if (what === 1) await log.deleteRecordsBefore(offset);
  else if (what === 2) await log.roll();
  else appendNow(log, batchOf(['x'.repeat(80)], { timestampMs: 1000 + endOffset }));
}
