/**
 * Whole brokers in simulated worlds: fixed seeds here; `KOMPAKT_SEEDS=1000` (and `KOMPAKT_FIRST_SEED`) runs as many others. A failure names
 * its seed, and the seed is the whole story.
 */
import { describe, test } from 'vitest';
import { live } from './story.ts';

const count = Number(process.env.KOMPAKT_SEEDS ?? 6);
const first = Number(process.env.KOMPAKT_FIRST_SEED ?? 1);
const seeds = Array.from({ length: count }, (_, i) => first + i);

describe('a broker that is killed, cut from its power or stopped, again and again, on a disk of any weather', () => {
  test.each(seeds)('loses nothing acknowledged under fsync (seed %i)', (seed) =>
    live(seed, 'fsync', ['kill', 'power cut', 'stop']),
  );

  test.each(seeds)('loses nothing acknowledged to a kill from the page cache (seed %i)', (seed) =>
    live(seed, 'page-cache', ['kill', 'stop']),
  );

  test.each(seeds)('loses only ends of segments to a power cut from the page cache (seed %i)', (seed) =>
    live(seed, 'page-cache', ['power cut', 'kill', 'stop']),
  );

  test.each(seeds)('loses no more than the last interval to a power cut (seed %i)', (seed) =>
    live(seed, 'interval', ['power cut', 'kill', 'stop']),
  );
});
