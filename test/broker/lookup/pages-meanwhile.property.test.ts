/**
 * A scan while others write, delete, compact: it comes to an end, each record was the newest of its key at some moment of its page, and
 * no key that lives from the first page to the last is left out.
 */
import { expect, test } from 'vitest';
import type { Page } from '../../../broker/lookup/lookup.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { delay } from '../../../storage/environment/clock.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { write } from '../cleaning/cleaning-world.ts';
import { bytes, type LookupWorld, openLookupWorld, told } from './lookup-world.ts';

const runs = Number(process.env['KOMPAKT_RUNS'] ?? 6);
const keys = Array.from({ length: 24 }, (_, i) => `key-${i}`);
/** So long that some batches are not read at once. */
const long = 'x'.repeat(70_000);

interface Version {
  readonly key: string;
  readonly offset: number;
  readonly isLive: boolean;
  readonly sinceMs: number;
}

class Writers {
  readonly versions: Version[] = [];
  isOver = false;
  readonly #at: LookupWorld;
  readonly #partition: Partition;
  readonly #random: SeededRandom;

  constructor(at: LookupWorld, partition: Partition, random: SeededRandom) {
    this.#at = at;
    this.#partition = partition;
    this.#random = random;
  }

  put(): void {
    const random = this.#random;
    const key = keys[random.below(keys.length)]!;
    const offset = this.#partition.log.endOffset;
    const isLive = random.chance(0.85);
    const value = random.chance(0.2) ? long : `${offset}`;
    write(this.#at.world, this.#partition, isLive ? `${key}=${value}` : `${key}!`);
    this.versions.push({ key, offset, isLive, sinceMs: this.#at.world.clock.monotonicMs() });
  }

  async run(): Promise<void> {
    const { world, compactions } = this.#at;
    while (!this.isOver) {
      await delay(world.clock, 1 + this.#random.below(3));
      const die = this.#random.below(20);
      if (die < 16) this.put();
      else if (die < 18) await this.#partition.log.roll();
      else await compactions.compact('t', { includeActive: true });
    }
  }

  /** Whether it was the newest of its key at some moment from `fromMs` on. */
  wasNewest(key: string, offset: number, fromMs: number): boolean {
    const own = this.versions.filter((each) => each.key === key);
    const n = own.findIndex((each) => each.offset === offset);
    const next = own[n + 1];
    return n >= 0 && own[n]!.isLive && (next === undefined || next.sinceMs >= fromMs);
  }

  /** Keys that have lived ever since. */
  livingSince(fromMs: number): string[] {
    return keys.filter((key) => {
      const own = this.versions.filter((each) => each.key === key);
      const first = own.findLastIndex((each) => each.sinceMs < fromMs);
      return first >= 0 && own.slice(first).every((each) => each.isLive);
    });
  }
}

test('a scan under writes', async () => {
  let moved = 0;
  for (let seed = 1; seed <= runs; seed++) {
    const clock = new VirtualClock();
    const random = new SeededRandom(seed);
    const files = new FaultyFileSystem({ clock });
    files.makeDirectorySync('/data');
    const at = await clock.until(openLookupWorld({ clock, files, seed }));
    const writers = new Writers(at, await at.done(at.table('t')), random);
    for (let n = 0; n < 80; n++) writers.put();
    await at.done(at.lookups.get('t', bytes('none')));
    await clock.advance(10);
    files.delay('read', () => random.below(6));
    moved += await scan(at, writers, random, seed);
    files.delay('read', () => 0);
    at.lookups.stop();
    await at.done(at.tables.stop());
    await at.stop();
  }
  // Not a test of standing logs.
  expect(moved).toBeGreaterThan(10 * runs);
});

/** How many records were written meanwhile. */
async function scan(at: LookupWorld, writers: Writers, random: SeededRandom, seed: number): Promise<number> {
  const { clock } = at.world;
  const before = writers.versions.length;
  const startMs = clock.monotonicMs();
  const running = writers.run();
  const seen = new Set<string>();
  let pages = 0;
  for (let after: string | undefined; ; ) {
    const fromMs = clock.monotonicMs();
    const limit = 1 + random.below(3);
    const asked = at.lookups.page('t', { limit, ...(after === undefined ? {} : { after }), waitMs: 60_000 });
    const page: Page = await at.done(asked);
    expect(page.records.length, `seed ${seed}`).toBeLessThanOrEqual(limit);
    for (const record of page.records) {
      const key = record.key.toString();
      expect(
        writers.wasNewest(key, record.offset, fromMs),
        `seed ${seed}: ${told(record).slice(0, 40)}`,
      ).toBe(true);
      seen.add(key);
    }
    if (page.next === null) break;
    after = page.next;
    expect(++pages, `seed ${seed}: the scan does not end`).toBeLessThan(400);
    await at.done(delay(clock, random.below(8)));
  }
  for (const key of writers.livingSince(startMs)) expect([...seen], `seed ${seed}`).toContain(key);
  writers.isOver = true;
  await at.done(running);
  return writers.versions.length - before;
}
