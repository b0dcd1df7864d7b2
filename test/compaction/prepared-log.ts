import type { CleanLimits } from '../../compaction/clean-job.ts';
import type { PassOutcome } from '../../compaction/clean-partition.ts';
import type { TopicSettings } from '../../storage/config/topic-settings.ts';
import type { Log } from '../../storage/log/log.ts';
import { FaultyFileSystem } from '../simulation/faulty-files.ts';
import { SeededRandom } from '../simulation/random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { openLog } from '../storage/log/log-fixture.ts';
import { CompactedLog, generousLimits, type PassRequest, smallestMap } from './compacted-log.ts';
import { allCodecs, History } from './history.ts';

/** A log with something to clean, closed; every run begins with a copy of it. */
export class Prepared {
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

  /** `windowsRules`: those of test/simulation/faulty-files.ts. */
  copy(windowsRules = false): Run {
    const clock = new VirtualClock(this.nowMs);
    const copied = this.#files.afterCrash(new SeededRandom(1));
    const files = new FaultyFileSystem({ clock, windowsRules }, copied);
    return new Run(this, { files, clock, cleanShutdown: true, recoveryPoint: 0 });
  }
}

interface RunOptions {
  readonly files: FaultyFileSystem;
  readonly clock: VirtualClock;
  readonly cleanShutdown: boolean;
  readonly recoveryPoint: number;
  /** What the checkpoint says. */
  readonly logStartOffset?: number;
  readonly history?: History;
}

/** One process on one copy. */
export class Run {
  readonly files: FaultyFileSystem;
  readonly clock: VirtualClock;
  readonly log: Log;
  readonly compacted: CompactedLog;
  /** What was written; goes its own way from here. */
  readonly history: History;
  /** What the checkpoint of log starts says. */
  keptStart: number;
  readonly #prepared: Prepared;

  constructor(prepared: Prepared, options: RunOptions) {
    const { files, clock, cleanShutdown, recoveryPoint, logStartOffset = 0 } = options;
    const { settings, checkpoint } = prepared;
    const random = new SeededRandom(7);
    const environment = { clock, files, random };
    this.#prepared = prepared;
    this.files = files;
    this.clock = clock;
    this.keptStart = logStartOffset;
    this.history = (options.history ?? prepared.history).copy(random, clock);
    this.log = openLog(environment, {
      settings,
      cleanShutdown,
      recoveryPoint,
      logStartOffset,
      keepStartOffset: async () => {
        this.keptStart = this.log.logStartOffset;
        return true;
      },
    });
    this.compacted = new CompactedLog(environment, this.log, checkpoint);
  }

  /** Begins a pass; who awaits it must move the clock. */
  begin(request: Partial<PassRequest> = {}): Promise<PassOutcome | null> {
    const { nowMs, limits } = this.#prepared;
    return this.compacted.pass({ nowMs, limits, ...request });
  }

  pass(request: Partial<PassRequest> = {}): Promise<PassOutcome | null> {
    return this.clock.until(this.begin(request));
  }

  /** The next process on what this one left. */
  next(files: FaultyFileSystem, recoveryPoint: number): Run {
    const { clock, history, keptStart: logStartOffset } = this;
    return new Run(this.#prepared, {
      files,
      clock,
      cleanShutdown: false,
      recoveryPoint,
      history,
      logStartOffset,
    });
  }
}
