import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TopicSettings } from '../../storage/config/topic-settings.ts';
import type { Log } from '../../storage/log/log.ts';
import { SeededRandom } from '../simulation/random.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { openLog } from '../storage/log/log-fixture.ts';
import { checkClean, checkLog, dataIn, sequencesOf } from './check-log.ts';
import { CompactedLog, generousLimits, smallestMap } from './compacted-log.ts';
import { Consumer, rawBatches } from './consumer.ts';
import { allCodecs, History, loadCodecs } from './history.ts';

/**
 * A log that is written, cleaned and read at random, against a model of what was written (history.ts). Whatever is cleaned when, a
 * consumer that reads from the start to the end sees, for every key, what the last record that counts says.
 */

const deleteRetentionMs = 10_000;

class World {
  readonly random: SeededRandom;
  readonly environment: ReturnType<typeof simulatedEnvironment>;
  readonly history: History;
  readonly settings: Partial<TopicSettings>;
  compacted: CompactedLog;
  readonly limits;
  passes = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.environment = simulatedEnvironment({ seed });
    const { random } = this;
    const isTiny = random.chance(0.3);
    this.limits = isTiny ? smallestMap : generousLimits;
    this.history = new History(random, this.environment.clock, {
      keys: isTiny ? 200 : random.pick([2, 8, 30]),
      codecs: random.chance(0.5) ? [0] : allCodecs,
      hasNullKeys: random.chance(0.3),
    });
    this.settings = {
      'cleanup.policy': ['compact'],
      'internal.segment.bytes': random.pick([300, 1_000, 4_000]),
      'index.interval.bytes': random.pick([0, 300, 4096]),
      'segment.index.bytes': random.pick([64, 4096]),
      'delete.retention.ms': deleteRetentionMs,
      'min.compaction.lag.ms': random.pick([0, 0, 2_000]),
      'file.delete.delay.ms': random.pick([0, 100]),
    };
    this.compacted = new CompactedLog(this.environment, this.#open(false));
  }

  get log(): Log {
    return this.compacted.log;
  }

  /** Passes until nothing is left, at one moment: a map that is full ends a pass early. */
  async clean(): Promise<void> {
    const { clock } = this.environment;
    const { log, history, compacted, limits } = this;
    const before = { start: log.logStartOffset, end: log.endOffset, stable: log.lastStableOffset };
    const nowMs = clock.nowMs();
    const young = this.#youngRecords(nowMs);
    while (compacted.cleanable(nowMs).cleanableBytes > 0) {
      const { firstUncleanableOffset } = compacted.cleanable(nowMs);
      const outcome = await clock.until(compacted.pass({ nowMs, limits }));
      expect(outcome?.kind).toBe('cleaned');
      expect(compacted.checkpoint).toBeLessThanOrEqual(log.lastStableOffset);
      expect(compacted.checkpoint).toBeLessThanOrEqual(firstUncleanableOffset);
      checkClean(log, history, compacted.checkpoint!);
      this.passes++;
    }
    const after = { start: log.logStartOffset, end: log.endOffset, stable: log.lastStableOffset };
    expect(after).toEqual(before);
    expect(this.#youngRecords(nowMs)).toEqual(young);
  }

  /** Offsets of those that min.compaction.lag.ms protects. */
  #youngRecords(nowMs: number): number[] {
    const lagMs = this.settings['min.compaction.lag.ms']!;
    if (lagMs === 0) return [];
    const { log, history } = this;
    return dataIn(rawBatches(log), history)
      .filter(({ timestampMs }) => timestampMs > nowMs - lagMs)
      .map(({ offset }) => offset);
  }

  /** After a clean stop or a kill, with the producers' snapshots or without: then what is left of the log must tell the same of them. */
  async reopen(): Promise<void> {
    const { random, environment, log } = this;
    const before = sequencesOf(log);
    const clean = random.chance(0.5);
    if (clean) expect(await environment.clock.until(log.close())).toBe(true);
    if (random.chance(0.5) && log.isOnDisk) {
      for (const name of environment.files.listSync(log.directory))
        if (name.endsWith('.snapshot')) environment.files.removeFileSync(`${log.directory}/${name}`);
    }
    this.compacted = new CompactedLog(environment, this.#open(clean), this.compacted.checkpoint);
    expect(sequencesOf(this.log)).toEqual(before);
  }

  /** `waitMs`: so much time may pass. */
  async step(waitMs = 4_000): Promise<void> {
    const { random, log, history } = this;
    const dice = random.below(100);
    if (dice < 70) expect(await history.step(log)).toBe(true);
    else if (dice < 76) await log.roll();
    else if (dice < 86) await this.environment.clock.advance(random.below(waitMs));
    else if (dice < 94) await this.clean();
    else if (dice < 97) await this.reopen();
    else checkLog(log, history);
  }

  #open(cleanShutdown: boolean): Log {
    return openLog(this.environment, { settings: this.settings, cleanShutdown });
  }
}

function parameters(runs: number) {
  return {
    seed: Number(process.env['KOMPAKT_SEED'] ?? 20261122),
    numRuns: Number(process.env['KOMPAKT_RUNS'] ?? runs),
  };
}

beforeAll(loadCodecs);

describe('a log that is cleaned again and again', () => {
  it('tells a consumer the same as ever', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 20, max: 150 }), async (seed, steps) => {
        const world = new World(seed);
        for (let n = 0; n < steps; n++) await world.step();
        checkLog(world.log, world.history);
        await world.history.endAll(world.log);
        await world.log.roll();
        for (let n = 0; n < 5; n++) {
          await world.environment.clock.advance(deleteRetentionMs + 4_000);
          await world.clean();
          world.compacted.checkpoint = null;
          checkLog(world.log, world.history);
        }
        expectNoTombstones(world);
      }),
      parameters(30),
    );
  });

  it('shows every deletion to a consumer that keeps up within delete.retention.ms', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const world = new World(seed);
        const { random, environment } = world;
        for (let n = 0; n < 40; n++) await world.step();
        // It reads on for less than delete.retention.ms in all.
        const endMs = environment.clock.nowMs() + deleteRetentionMs - 1;
        const consumer = new Consumer(world.log.logStartOffset, true);
        while (environment.clock.nowMs() < endMs && random.chance(0.98)) {
          await world.step(Math.min(4_000, endMs - environment.clock.nowMs()));
          if (random.chance(0.3)) consumer.poll(world.log, 200);
        }
        consumer.drain(world.log);
        expect(consumer.state).toEqual(world.history.state(0, world.log.lastStableOffset, false));
      }),
      parameters(30),
    );
  });
});

/** After their horizon, and passes enough for the markers before it, nothing but the newest values is left. */
function expectNoTombstones({ log, history, compacted }: World): void {
  void compacted;
  const left = new Consumer(log.logStartOffset, false).drain(log);
  expect(left.state).toEqual(history.state(0, log.endOffset, false));
}
