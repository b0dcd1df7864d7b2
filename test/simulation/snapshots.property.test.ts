/**
 * Snapshots and forks in simulated worlds, as broker.property.test.ts: fixed seeds here, `KOMPAKT_SEEDS=1000` (and `KOMPAKT_FIRST_SEED`)
 * runs as many others.
 */
import { describe, test } from 'vitest';
import { tell } from './snapshots/story.ts';

const count = Number(process.env.KOMPAKT_SEEDS ?? 3);
const first = Number(process.env.KOMPAKT_FIRST_SEED ?? 1);
const seeds = Array.from({ length: count }, (_, i) => first + i);

describe('a snapshot of a broker at work has all that was acknowledged, and shares nothing that either side writes to', () => {
  test.each(seeds)('under fsync (seed %i)', (seed) => tell(seed, 'fsync'));
  test.each(seeds)('from the page cache (seed %i)', (seed) => tell(seed, 'page-cache'));
});
