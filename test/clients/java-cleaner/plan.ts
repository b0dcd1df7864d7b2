import type { TopicSettings } from '../../../storage/config/topic-settings.ts';
import { SeededRandom } from '../../simulation/random.ts';

/**
 * A log and what happens to it, as data: which batches are written, when the clock moves, which passes run with which
 * settings. Every step stands by itself (sequences, offsets and epochs follow from the log as it is), so that any of them
 * can be left out to make a failing plan smaller.
 */
export interface Plan {
  readonly seed: number;
  /** What an old Kafka had written before; empty: nothing. */
  readonly legacy: readonly LegacyStep[];
  readonly stages: readonly Stage[];
}

/** Appends to the log, then passes of the cleaner over it. Between two stages the log is closed. */
export interface Stage {
  readonly start: Start;
  /** What the topic says while the steps are written. */
  readonly settings: Partial<TopicSettings>;
  readonly steps: readonly Step[];
  readonly passes: readonly PassPlan[];
}

/** How the log comes to be opened. */
export type Start =
  | { readonly kind: 'clean' }
  | { readonly kind: 'crash' }
  /** After a crash, and the segments from one on (a share of them) have moved up by so many offsets. */
  | { readonly kind: 'gap'; readonly share: number; readonly by: number };

export interface PassPlan {
  readonly waitMs: number;
  /** Laid over those of the stage. */
  readonly settings: Partial<TopicSettings>;
  readonly mapBytes: number;
  readonly loadFactor: number;
  readonly bufferBytes: number;
  /** What the checkpoint says of the first dirty offset: where the pass before ended, or something that cannot be trusted. */
  readonly checkpoint: 'kept' | 'none' | 'beyond-end' | 'below-start';
  /** Retention follows the pass, as in the broker. */
  readonly retains: boolean;
  /** Whose directory the next pass goes on with. */
  readonly goesOnWith: 'ours' | 'kafkas';
}

export type Step =
  | AppendStep
  /** The marker of a transaction; without one that is open it stands alone. */
  | {
      readonly kind: 'end';
      readonly producerId: number;
      readonly committed: boolean;
      readonly bumpsEpoch: boolean;
    }
  /** The producer was restarted: epoch + 1, sequence 0. */
  | { readonly kind: 'new-epoch'; readonly producerId: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'roll' }
  /** Every open transaction ends. */
  | { readonly kind: 'settle' }
  | { readonly kind: 'leader-change' }
  /** Records below this share of the log are deleted (DeleteRecords). */
  | { readonly kind: 'delete-before'; readonly share: number };

export interface AppendStep {
  readonly kind: 'append';
  /** -1: a plain producer. */
  readonly producerId: number;
  readonly codec: number;
  readonly records: readonly RecordPlan[];
}

export interface RecordPlan {
  /** null: no key. */
  readonly key: string | null;
  /** null: a tombstone; otherwise so many bytes. */
  readonly valueBytes: number | null;
  /** Before the clock; below 0: after it. null: the record has no timestamp. */
  readonly ageMs: number | null;
  readonly headers: number;
}

/** One message of magic 0 or 1, or several in a wrapper. */
export interface LegacyStep {
  readonly magic: 0 | 1;
  readonly codec: number;
  readonly records: readonly RecordPlan[];
  /** Offsets left out before it. */
  readonly gap: number;
}

/** Producers from here on write in transactions. */
export const firstTransactionalId = 3;

const codecs = [0, 0, 0, 1, 2, 3, 4];
const smallWaits = [0, 1, 50, 1_000, 60_000];

/** What differs from log to log, so that each has some character of its own. */
interface Traits {
  readonly keys: number;
  readonly tombstones: number;
  readonly recordsMax: number;
  readonly codecs: readonly number[];
  readonly producers: readonly number[];
  readonly nullKeys: boolean;
  readonly deleteRetentionMs: number;
  readonly timestampType: TopicSettings['message.timestamp.type'];
  readonly policy: TopicSettings['cleanup.policy'];
  readonly valueBytes: readonly number[];
}

export function planOf(seed: number): Plan {
  const random = new SeededRandom(seed);
  const traits = traitsOf(random);
  const legacy = random.chance(0.1) ? listOf(1 + random.below(6), () => legacyStep(random, traits)) : [];
  const stages = listOf(1 + random.below(3), (n) => stage(random, traits, n));
  return { seed, legacy, stages };
}

function traitsOf(random: SeededRandom): Traits {
  const producers = random.pick([[-1], [-1, 0, 1], [3, 4], [-1, 0, 3, 4, 5], [3, 4, 5, 6], [-1, 3]]);
  return {
    keys: random.pick([1, 2, 3, 5, 8, 20, 100]),
    tombstones: random.pick([0, 0.1, 0.3, 0.7]),
    recordsMax: random.pick([1, 1, 2, 4, 12]),
    codecs: random.chance(0.6) ? [0] : random.chance(0.5) ? [random.pick(codecs)] : codecs,
    producers,
    nullKeys: random.chance(0.15),
    deleteRetentionMs: random.pick([0, 0, 100, 5_000, 120_000, 10 ** 8]),
    timestampType: random.chance(0.15) ? 'LogAppendTime' : 'CreateTime',
    policy: random.chance(0.25) ? ['compact', 'delete'] : ['compact'],
    // Larger than what is read at a time, now and then.
    valueBytes: random.chance(0.05) ? [10, 130, 5_000, 70_000] : [0, 1, 10, 10, 40, 130],
  };
}

function stage(random: SeededRandom, traits: Traits, n: number): Stage {
  const steps = n > 0 && random.chance(0.2) ? 0 : 3 + random.below(random.pick([8, 25, 60]));
  const settings: Partial<TopicSettings> = {
    'cleanup.policy': traits.nullKeys ? ['delete'] : traits.policy,
    'internal.segment.bytes': random.pick(
      traits.valueBytes.includes(5_000) ? [200_000, 1 << 20] : [250, 400, 900, 3_000, 1 << 20],
    ),
    'segment.index.bytes': random.pick([120, 240, 4096]),
    'index.interval.bytes': random.pick([0, 0, 100, 400, 4096]),
    'segment.ms': random.chance(0.2) ? 60_000 : 10 ** 12,
    'max.compaction.lag.ms': random.pick([2 ** 53, 2 ** 53, 1_000, 120_000]),
    'message.timestamp.type': random.chance(0.9) ? traits.timestampType : 'LogAppendTime',
    'retention.ms': -1,
    'retention.bytes': -1,
    'file.delete.delay.ms': 0,
  };
  return {
    start: n > 0 ? startOf(random) : { kind: 'crash' },
    settings,
    steps: [...listOf(steps, () => step(random, traits)), ...endOf(random)],
    passes: listOf(1 + random.below(3), () => pass(random, traits, settings)),
  };
}

function startOf(random: SeededRandom): Start {
  if (random.chance(0.7)) return { kind: 'clean' };
  if (random.chance(0.7)) return { kind: 'crash' };
  return { kind: 'gap', share: random.next(), by: random.pick([10, 2 ** 31 - 100, 2 ** 31 - 1, 2 ** 33]) };
}

function pass(random: SeededRandom, traits: Traits, stageSettings: Partial<TopicSettings>): PassPlan {
  const segmentBytes = stageSettings['internal.segment.bytes']!;
  const maxLagMs = stageSettings['max.compaction.lag.ms']!;
  const lagMs = random.chance(0.7) ? 0 : random.pick([1, 50, 1_000, 60_000]);
  return {
    waitMs: random.pick([...smallWaits, traits.deleteRetentionMs, traits.deleteRetentionMs + 1]),
    settings: {
      'cleanup.policy': traits.policy,
      'internal.segment.bytes': random.pick([segmentBytes, segmentBytes, segmentBytes * 3, 1 << 20]),
      // Kafka fails where a cleaned segment needs more entries than fit, as it may although its sources needed fewer.
      'segment.index.bytes': random.pick([600, 2400, 40_000]),
      'delete.retention.ms': random.chance(0.9)
        ? traits.deleteRetentionMs
        : random.pick([0, 1_000, 10 ** 15, 2 ** 63]),
      'min.compaction.lag.ms': Math.min(lagMs, maxLagMs),
      'min.cleanable.dirty.ratio': random.pick([0, 0.5, 0.9]),
      'retention.ms': random.chance(0.3) ? random.pick([1, 1_000, 90_000]) : -1,
      'retention.bytes': random.chance(0.2) ? random.pick([0, 500, 5_000]) : -1,
    },
    mapBytes: random.pick([64 * 24, 64 * 24, 100 * 24, 10_000]),
    loadFactor: random.pick([0.02, 0.05, 0.1, 0.3, 0.9, 0.9, 0.9]),
    bufferBytes: random.pick([100, 700, 64 * 1024]),
    checkpoint: random.chance(0.85) ? 'kept' : random.pick(['none', 'beyond-end', 'below-start'] as const),
    retains: random.chance(0.3),
    goesOnWith: random.pick(['ours', 'kafkas'] as const),
  };
}

/** Often nothing is left open, so that there is something to clean. */
function endOf(random: SeededRandom): Step[] {
  const settled: Step[] = random.chance(0.6) ? [{ kind: 'settle' }] : [];
  return random.chance(0.7) ? [...settled, { kind: 'roll' }] : settled;
}

function step(random: SeededRandom, traits: Traits): Step {
  const producerId = random.pick(traits.producers);
  const roll = random.next();
  if (producerId >= firstTransactionalId && roll < 0.3) {
    const committed = random.chance(0.5);
    return { kind: 'end', producerId, committed, bumpsEpoch: random.chance(0.15) };
  }
  if (producerId >= 0 && roll < 0.33) return { kind: 'new-epoch', producerId };
  if (roll < 0.36) return { kind: 'wait', ms: random.pick(smallWaits) };
  if (roll < 0.4) return { kind: 'roll' };
  if (roll < 0.41) return { kind: 'leader-change' };
  if (roll < 0.42) return { kind: 'delete-before', share: random.next() * random.next() };
  if (roll < 0.44) return { kind: 'settle' };
  const records = listOf(1 + random.below(traits.recordsMax), () => record(random, traits));
  return { kind: 'append', producerId, codec: random.pick(traits.codecs), records };
}

function record(random: SeededRandom, traits: Traits): RecordPlan {
  const n = random.below(traits.keys);
  const hasKey = !(traits.nullKeys && random.chance(0.2));
  const isTombstone = random.chance(traits.tombstones);
  const valueBytes = random.pick(traits.valueBytes);
  return {
    key: hasKey ? (n === 0 ? '' : `key-${n}`) : null,
    valueBytes: isTombstone ? null : valueBytes,
    ageMs: random.chance(0.04) ? null : random.pick([0, 0, 0, 1, 200, 3_000, -500, 10 ** 6]),
    headers: random.chance(0.2) ? 1 + random.below(2) : 0,
  };
}

function legacyStep(random: SeededRandom, traits: Traits): LegacyStep {
  const magic = random.pick([0, 1] as const);
  const codec = random.chance(0.6) ? 0 : random.pick(magic === 0 ? [1, 2] : [1, 2, 3]);
  const count = codec === 0 ? 1 : 1 + random.below(4);
  const records = listOf(count, () => ({ ...record(random, traits), headers: 0 }));
  return { magic, codec, records, gap: random.chance(0.2) ? random.below(5) : 0 };
}

function listOf<Item>(count: number, make: (n: number) => Item): Item[] {
  return Array.from({ length: count }, (_, n) => make(n));
}
