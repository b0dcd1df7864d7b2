import assert from 'node:assert/strict';
import { beforeAll, describe, it } from 'vitest';
import type { CleanedGroup, CleanLimits } from '../../compaction/clean-job.ts';
import * as batch from '../../protocol/records/batch.ts';
import type { TopicSettings } from '../../storage/config/topic-settings.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { Log } from '../../storage/log/log.ts';
import type { FileOperation } from '../simulation/fault-rules.ts';
import { FaultyFileSystem } from '../simulation/faulty-files.ts';
import { SeededRandom } from '../simulation/random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { directory, openLog } from '../storage/log/log-fixture.ts';
import { checkLog, dataIn, sequencesOf } from './check-log.ts';
import { CompactedLog, generousLimits, smallestMap } from './compacted-log.ts';
import { rawBatches } from './consumer.ts';
import { allCodecs, History, loadCodecs } from './history.ts';

/**
 * A pass that is interrupted before each of its operations that change the disk, by a kill and by losses of power that keep any part of
 * the names and bytes that were not synced. The next start finds each group of segments as before or as after, never anything between.
 */

/** A log with something to clean, closed; every run begins with a copy of it. */
class Prepared {
  readonly settings: Partial<TopicSettings>;
  readonly history: History;
  readonly nowMs: number;
  readonly checkpoint: number | null;
  readonly limits: CleanLimits;
  readonly #files: FaultyFileSystem;

  private constructor(
    parts: Pick<Prepared, 'settings' | 'history' | 'nowMs' | 'checkpoint' | 'limits'>,
    files: FaultyFileSystem,
  ) {
    this.settings = parts.settings;
    this.history = parts.history;
    this.nowMs = parts.nowMs;
    this.checkpoint = parts.checkpoint;
    this.limits = parts.limits;
    this.#files = files;
  }

  static async make(seed: number): Promise<Prepared> {
    const random = new SeededRandom(seed);
    const clock = new VirtualClock();
    const files = new FaultyFileSystem({ clock });
    const isTiny = random.chance(0.2);
    const limits = isTiny ? smallestMap : generousLimits;
    const settings = {
      'cleanup.policy': ['compact'],
      'internal.segment.bytes': random.pick([500, 1_000, 2_000]),
      'index.interval.bytes': random.pick([0, 300]),
      'segment.index.bytes': random.pick([240, 4096]),
      'delete.retention.ms': 1_000,
      'file.delete.delay.ms': random.pick([0, 60_000]),
    };
    const history = new History(random, clock, {
      keys: isTiny ? 200 : random.pick([2, 6, 20]),
      codecs: random.chance(0.5) ? [0] : allCodecs,
      hasNullKeys: random.chance(0.3),
    });
    const log = openLog({ clock, files, random }, { settings });
    const compacted = new CompactedLog({ clock, files, random }, log);
    const batches = 6 + random.below(12);
    for (let n = 0; n < 3 || compacted.cleanable(clock.nowMs()).cleanableBytes === 0; n++) {
      for (let m = 0; m < batches; m++) await history.step(log);
      if (n !== 2 || random.chance(0.5)) await history.endAll(log);
      await log.roll();
      await clock.advance(random.below(1_500));
      if (n < 2 && random.chance(0.7)) await clock.until(compacted.pass({ nowMs: clock.nowMs(), limits }));
    }
    await clock.until(log.close());
    files.durability.settleAll(files.memory);
    const { checkpoint } = compacted;
    return new Prepared({ settings, history, nowMs: clock.nowMs(), checkpoint, limits }, files);
  }

  copy(): Run {
    return new Run(this, this.#files.afterCrash(new SeededRandom(1)), true, 0);
  }
}

/** One process on one copy. */
class Run {
  readonly files: FaultyFileSystem;
  readonly clock: VirtualClock;
  readonly log: Log;
  readonly compacted: CompactedLog;
  readonly #prepared: Prepared;

  constructor(prepared: Prepared, files: FaultyFileSystem, cleanShutdown: boolean, recoveryPoint: number) {
    this.#prepared = prepared;
    this.files = files;
    this.clock = new VirtualClock(prepared.nowMs);
    const environment = { clock: this.clock, files, random: new SeededRandom(7) };
    const { settings, checkpoint } = prepared;
    this.log = openLog(environment, { settings, cleanShutdown, recoveryPoint });
    this.compacted = new CompactedLog(environment, this.log, checkpoint);
  }

  pass(nowMs = this.#prepared.nowMs) {
    const { limits } = this.#prepared;
    return this.clock.until(this.compacted.pass({ nowMs, limits }));
  }

  /** The next process on what this one left. */
  next(files: FaultyFileSystem, recoveryPoint: number): Run {
    return new Run(this.#prepared, files, false, recoveryPoint);
  }
}

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

async function interrupted(
  prepared: Prepared,
  whole: Uninterrupted,
  stop: number,
  how: 'kill' | 'power',
  seed: number,
): Promise<void> {
  const random = new SeededRandom(seed);
  const run = prepared.copy();
  const before = { end: run.log.endOffset, start: run.log.logStartOffset, stable: run.log.lastStableOffset };
  const sequences = sequencesOf(run.log);
  run.files.stopAfter(stop);
  await run.pass().catch(() => null);
  const leftBy = (files: FaultyFileSystem) => (how === 'kill' ? files.afterKill() : files.afterCrash(random));
  const { endOffset } = run.log;
  const recoveryPoint = random.pick([0, Math.floor(endOffset / 2), endOffset]);
  let left = leftBy(run.files);
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
const firstSeed = Number(process.env['KOMPAKT_SEED'] ?? 1008);
const logs = Number(process.env['KOMPAKT_RUNS'] ?? 3);
const losses = Number(process.env['KOMPAKT_POWER'] ?? 1);

beforeAll(loadCodecs);

describe('a pass that is interrupted', () => {
  it.each(Array.from({ length: logs }, (_, n) => firstSeed + n))(
    'leaves log %i as before or as after, wherever it was',
    async (seed) => {
      const prepared = await Prepared.make(seed);
      const whole = await uninterrupted(prepared);
      for (const stop of whole.stops) {
        for (let n = 0; n <= losses; n++) {
          const how = n === 0 ? 'kill' : 'power';
          try {
            await interrupted(prepared, whole, stop, how, seed * 1_000_003 + stop * 101 + n);
          } catch (error) {
            throw new Error(`log ${seed}, stopped before operation ${stop} by ${how} ${n}`, { cause: error });
          }
        }
      }
    },
  );
});
