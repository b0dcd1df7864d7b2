import assert from 'node:assert/strict';
import { beforeAll, describe, it } from 'vitest';
import { CleanAborted } from '../../compaction/clean-job.ts';
import * as batch from '../../protocol/records/batch.ts';
import type { Log } from '../../storage/log/log.ts';
import { SeededRandom } from '../simulation/random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { directory, openLog } from '../storage/log/log-fixture.ts';
import { checkLog, dataIn } from './check-log.ts';
import { rawBatches } from './consumer.ts';
import { History, loadCodecs } from './history.ts';
import { Prepared, type Run } from './prepared-log.ts';

/**
 * What else happens to a log while a pass over it runs, at each moment of the pass: it goes on as without the pass, and where segments
 * were cut or dropped the pass is discarded. Nothing that was deleted comes back, not even when the process is killed in the midst of it.
 */

/** A moment of a pass: after that many of its chunks, or that many milliseconds of a disk on which a sync takes one. */
type Moment = { readonly chunk: number } | { readonly ms: number };

/** Resolves when it is done. */
type Disturbance = (run: Run, random: SeededRandom) => Promise<unknown>;

const disturbances: Readonly<Record<string, Disturbance>> = {
  async appends({ log, history }) {
    for (let n = 0; n < 5; n++) await history.step(log);
    await log.roll();
    await history.step(log);
  },
  truncation({ log, history }, random) {
    const batches = rawBatches(log);
    const left = new Set(dataIn(batches, history).map((record) => record.offset));
    history.keepOnly((offset) => left.has(offset));
    const offset = batch.lastOffset(random.pick(batches), 0) + 1;
    return log.truncateTo(offset).then(() => history.forgetFrom(log));
  },
  DeleteRecords({ log }, random) {
    return log.deleteRecordsBefore(random.below(log.highWatermark + 1));
  },
  async 'DeleteRecords and retention'({ log, clock }, random) {
    await log.deleteRecordsBefore(random.below(log.highWatermark + 1));
    await log.applyRetention(clock.nowMs());
  },
  retention({ log, clock }, random) {
    const { settings } = log;
    const retentionBytes = random.below(log.sizeBytes + 1);
    log.updateSettings({
      ...settings,
      'cleanup.policy': ['compact', 'delete'],
      'retention.bytes': retentionBytes,
    });
    return log.applyRetention(clock.nowMs()).then(() => log.updateSettings(settings));
  },
};

/** Begins a pass and, at that moment of it, the disturbance. */
async function disturb(run: Run, moment: Moment, disturbance: Disturbance, random: SeededRandom) {
  run.files.delay('sync', 1);
  run.files.delay('sync directory', 1);
  let chunks = 0;
  let done: Promise<unknown> | null = null;
  const start = (): void => {
    done ??= disturbance(run, random);
  };
  const pass = run.begin({
    onProgress: () => {
      if ('chunk' in moment && chunks++ === moment.chunk) start();
    },
  });
  const ended = pass.then(
    (outcome) => outcome?.kind ?? 'nothing',
    (error) => error as Error,
  );
  if ('ms' in moment) await run.clock.advance(moment.ms);
  else await run.clock.settle();
  start();
  return { ended, done: done! };
}

function leftovers(run: Run): string[] {
  return run.files.listSync(directory).filter((name) => /\.(cleaned|swap|sources)$/.test(name));
}

function momentsOf(durationMs: number): Moment[] {
  const moments: Moment[] = [{ chunk: 0 }, { chunk: 3 }, { chunk: 5 }];
  for (let ms = 0; ms <= durationMs; ms++) moments.push({ ms });
  return moments;
}

async function prepare(seed: number): Promise<{ prepared: Prepared; moments: Moment[] }> {
  const prepared = await Prepared.make(seed);
  const run = prepared.copy();
  run.files.delay('sync', 1);
  run.files.delay('sync directory', 1);
  const beganMs = run.clock.nowMs();
  assert.equal((await run.pass())?.kind, 'cleaned');
  return { prepared, moments: momentsOf(run.clock.nowMs() - beganMs) };
}

const firstSeed = Number(process.env['KOMPAKT_SEED'] ?? 1010);
const seeds = Array.from({ length: Number(process.env['KOMPAKT_RUNS'] ?? 1) }, (_, n) => firstSeed + n);

/** Runs `check` at each moment of a pass over each log, and says where it failed. */
async function atEachMoment(
  check: (prepared: Prepared, moment: Moment, random: SeededRandom) => Promise<void>,
): Promise<void> {
  for (const seed of seeds) {
    const { prepared, moments } = await prepare(seed);
    for (const [n, moment] of moments.entries()) {
      try {
        await check(prepared, moment, new SeededRandom(seed * 1_000_003 + n));
      } catch (error) {
        throw new Error(`log ${seed}, at ${JSON.stringify(moment)}`, { cause: error });
      }
    }
  }
}

beforeAll(loadCodecs);

describe.each(Object.keys(disturbances))('%s while a pass runs', (name) => {
  const disturbance = disturbances[name]!;

  it('is as without the pass, and the next pass works', async () => {
    await atEachMoment(async (prepared, moment, random) => {
      const run = prepared.copy(random.chance(0.5));
      const { ended, done } = await disturb(run, moment, disturbance, random);
      const outcome = await run.clock.until(ended);
      await run.clock.until(done);
      assert.ok(outcome === 'cleaned' || (outcome === 'stale' && name !== 'appends'), String(outcome));
      assert.deepEqual(leftovers(run), []);
      checkLog(run.log, run.history);
      for (let n = 0; n < 10; n++) assert.ok(await run.history.step(run.log));
      await run.log.roll();
      const again = await run.pass();
      assert.ok(again === null || again.kind === 'cleaned');
      checkLog(run.log, run.history);
      const next = run.next(run.files.afterKill(), 0);
      checkLog(next.log, next.history);
      assert.deepEqual(endsOf(next.log), endsOf(run.log));
    });
  });

  it('stays done when the process is killed', async () => {
    await atEachMoment(async (prepared, moment, random) => {
      const run = prepared.copy();
      const { ended, done } = await disturb(run, moment, disturbance, random);
      void ended;
      let isDone = false;
      void done.then(() => {
        isDone = true;
      });
      await run.clock.advance(random.below(6));
      const ends = endsOf(run.log);
      const next = run.next(run.files.afterKill(), 0);
      if (isDone) assert.deepEqual(endsOf(next.log), ends);
      next.history.forgetFrom(next.log);
      assert.deepEqual(leftovers(next), []);
      checkLog(next.log, next.history);
    });
  });
});

function endsOf({ logStartOffset, endOffset }: Log) {
  return { logStartOffset, endOffset };
}

it('a log that is closed while a pass runs opens again', async () => {
  await atEachMoment(async (prepared, moment, random) => {
    const run = prepared.copy();
    const { ended, done } = await disturb(run, moment, ({ log }) => log.close(), random);
    assert.equal(await run.clock.until(done), true);
    // The process may be gone before the pass is.
    if (random.chance(0.5)) assert.ok(['cleaned', 'stale'].includes(String(await run.clock.until(ended))));
    const next = run.next(run.files.afterKill(), 0);
    assert.deepEqual(leftovers(next), []);
    checkLog(next.log, next.history);
  });
});

it('a topic that is deleted and made again while a pass runs begins empty', async () => {
  await atEachMoment(async (prepared, moment, random) => {
    const run = prepared.copy();
    const { ended, done } = await disturb(
      run,
      moment,
      async ({ log, files }) => {
        log.markDeleted();
        files.renameSync(directory, `${directory}.${'0'.repeat(32)}-delete`);
      },
      random,
    );
    await done;
    const clock = new VirtualClock(prepared.nowMs);
    const environment = { clock: run.clock, files: run.files, random };
    const log = openLog(environment, { settings: prepared.settings });
    const history = new History(random, clock, { keys: 5 });
    for (let n = 0; n < 10; n++) await history.step(log);
    const outcome = await run.clock.until(ended);
    // It may have put the last segment in its place before.
    assert.ok(outcome === 'stale' || outcome === 'cleaned', String(outcome));
    assert.deepEqual(leftovers(run), []);
    checkLog(log, history);
  });
});

it('a pass that is told to stop leaves nothing', async () => {
  await atEachMoment(async (prepared, moment) => {
    const run = prepared.copy();
    const abort = new AbortController();
    let chunks = 0;
    const pass = run.begin({
      signal: abort.signal,
      onProgress: () => {
        if ('chunk' in moment && chunks++ === moment.chunk) abort.abort();
      },
    });
    const outcome = await run.clock.until(pass).catch((error) => error as Error);
    if (abort.signal.aborted) assert.ok(outcome instanceof CleanAborted);
    assert.deepEqual(leftovers(run), []);
    checkLog(run.log, run.history);
  });
});
