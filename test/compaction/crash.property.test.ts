import assert from 'node:assert/strict';
import { beforeAll, describe, it } from 'vitest';
import type { CleanedGroup } from '../../compaction/clean-job.ts';
import * as batch from '../../protocol/records/batch.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { FileOperation } from '../simulation/fault-rules.ts';
import type { FaultyFileSystem } from '../simulation/faulty-files.ts';
import { SeededRandom } from '../simulation/random.ts';
import { directory } from '../storage/log/log-fixture.ts';
import { checkLog, dataIn, sequencesOf } from './check-log.ts';
import { rawBatches } from './consumer.ts';
import { loadCodecs } from './history.ts';
import { Prepared, type Run } from './prepared-log.ts';

/**
 * A pass that is interrupted before each of its operations that change the disk, by a kill and by losses of power that keep any part of
 * the names and bytes that were not synced. The next start finds each group of segments as before or as after, never anything between.
 */

/** Operations that leave something on the disk. */
const changes = new Set<FileOperation>([
  'open',
  'write',
  'sync',
  'truncate',
  'rename',
  'remove',
  'make directory',
  'sync directory',
]);

interface Uninterrupted {
  readonly groups: readonly CleanedGroup[];
  readonly before: readonly Buffer[];
  readonly after: readonly Buffer[];
  /** Places in the run's operations before which it may be stopped. */
  readonly stops: readonly number[];
}

async function uninterrupted(prepared: Prepared): Promise<Uninterrupted> {
  const run = prepared.copy();
  const before = rawBatches(run.log);
  const from = run.files.operations.length;
  const outcome = await run.pass();
  const operations = run.files.operations.slice(from);
  assert.ok(outcome?.kind === 'cleaned');
  const stops = operations.flatMap(({ operation }, n) => (changes.has(operation) ? [n] : []));
  checkLog(run.log, prepared.history);
  const after = rawBatches(run.log);
  assert.ok(await run.clock.until(run.log.close()));
  return { groups: outcome.result.groups, before, after, stops: [...stops, operations.length] };
}

/** True when the crash left the list of sources of a swap behind. */
async function interrupted(
  prepared: Prepared,
  whole: Uninterrupted,
  stop: number,
  how: 'kill' | 'power',
  seed: number,
): Promise<boolean> {
  const random = new SeededRandom(seed);
  const run = prepared.copy(how === 'kill' && random.chance(0.3));
  const before = { end: run.log.endOffset, start: run.log.logStartOffset, stable: run.log.lastStableOffset };
  const sequences = sequencesOf(run.log);
  run.files.stopAfter(stop);
  await run.pass().catch(() => null);
  const leftBy = (files: FaultyFileSystem) => (how === 'kill' ? files.afterKill() : files.afterCrash(random));
  const { endOffset } = run.log;
  const recoveryPoint = random.pick([0, Math.floor(endOffset / 2), endOffset]);
  let left = leftBy(run.files);
  const hasSources = left.listSync(directory).some((name) => name.includes('.sources'));
  // The start after it may be interrupted as well.
  for (; random.chance(0.5); left = leftBy(left)) {
    left.stopAfter(random.below(60));
    try {
      run.next(left, recoveryPoint);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
  }
  left.stopAfter(Number.POSITIVE_INFINITY);
  const next = run.next(left, recoveryPoint);
  const { log } = next;
  assert.deepEqual({ end: log.endOffset, start: log.logStartOffset, stable: log.lastStableOffset }, before);
  assert.deepEqual(sequencesOf(log), sequences);
  checkLog(log, prepared.history);
  checkGroups(rawBatches(log), whole);
  const namesIn = ({ files }: Run) =>
    files
      .listSync(directory)
      .filter((name) => /\.(log|index|timeindex|cleaned|swap|deleted|sources)$/.test(name));
  const names = namesIn(next);
  assert.deepEqual(
    names.filter((name) => /\.(cleaned|swap|deleted|sources)$/.test(name)),
    [],
  );
  // A second start finds nothing to settle.
  const again = next.next(next.files.afterKill(), recoveryPoint);
  assert.deepEqual(namesIn(again), names);
  assert.equal((await again.pass())?.kind, 'cleaned');
  checkLog(again.log, prepared.history);
  assert.deepEqual(dataOffsets(rawBatches(again.log), prepared), dataOffsets(whole.after, prepared));
  return hasSources;
}

function dataOffsets(batches: readonly Buffer[], prepared: Prepared): number[] {
  return dataIn(batches, prepared.history).map(({ offset }) => offset);
}

/** Each group is as before or as after, and none is as after behind one that is as before. */
function checkGroups(batches: readonly Buffer[], { groups, before, after }: Uninterrupted): void {
  let mayBeAfter = true;
  groups.forEach(({ baseOffset, sourceBaseOffsets }, n) => {
    const end = groups[n + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
    const within = (all: readonly Buffer[]) =>
      all.filter((bytes) => batch.baseOffset(bytes, 0) >= baseOffset && batch.baseOffset(bytes, 0) < end);
    const now = within(batches);
    const isAfter = isEqual(now, within(after));
    const isBefore = isEqual(now, within(before));
    const described = (all: readonly Buffer[]) =>
      all
        .map((b) => `${batch.baseOffset(b, 0)}-${batch.lastOffset(b, 0)}:${batch.recordCount(b, 0)}`)
        .join(' ');
    assert.ok(
      isBefore || (isAfter && mayBeAfter),
      `group ${sourceBaseOffsets} is neither as before nor as after: ${described(now)} | before ${described(within(before))} | after ${described(within(after))}`,
    );
    if (!isAfter) mayBeAfter = false;
  });
}

function isEqual(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((bytes, n) => bytes.equals(b[n]!));
}

/** KOMPAKT_SEED gives other logs, KOMPAKT_RUNS more of them, KOMPAKT_POWER more losses of power at each place. */
const firstSeed = process.env['KOMPAKT_SEED'];
const logs = Number(process.env['KOMPAKT_RUNS'] ?? 2);
/** Logs whose groups have several sources, so that a crash finds a list of them. */
const withSources = [38, 363];
const seeds =
  firstSeed === undefined
    ? [1009, 1010, ...withSources]
    : Array.from({ length: logs }, (_, n) => Number(firstSeed) + n);
const losses = Number(process.env['KOMPAKT_POWER'] ?? 1);

beforeAll(loadCodecs);

describe('a pass that is interrupted', () => {
  it.each(seeds)('leaves log %i as before or as after, wherever it was', async (seed) => {
    const prepared = await Prepared.make(seed);
    const whole = await uninterrupted(prepared);
    let sourcesSeen = 0;
    for (const stop of whole.stops) {
      for (let n = 0; n <= losses; n++) {
        const how = n === 0 ? 'kill' : 'power';
        try {
          const hasSources = await interrupted(prepared, whole, stop, how, seed * 1_000_003 + stop * 101 + n);
          if (hasSources) sourcesSeen += 1;
        } catch (error) {
          throw new Error(`log ${seed}, stopped before operation ${stop} by ${how} ${n}`, { cause: error });
        }
      }
    }
    if (withSources.includes(seed)) assert.ok(sourcesSeen > 0, 'no crash left a list of sources');
  });
});
