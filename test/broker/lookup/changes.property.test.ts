import { expect, test } from 'vitest';
import type { Change, ChangesOptions } from '../../../broker/lookup/lookup.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { EveryRecord } from './every-record.ts';
import { bytes, type LookupWorld, openLookupWorld } from './lookup-world.ts';

const runs = Number(process.env['KOMPAKT_RUNS'] ?? 8);

/**
 * A reader that puts what it is told into a map, breaks off at any event and goes on from there, has the topic as it is whenever it has
 * taken all that there is. Records come in order, each once.
 */
test('who follows the changes has what lives, wherever he was interrupted', async () => {
  for (let seed = 1; seed <= runs; seed++) {
    const at = await openLookupWorld({ seed });
    const random = new SeededRandom(seed);
    const every = await EveryRecord.open(at, random, 12);
    const prefix = random.chance(0.5) ? bytes('key-1') : bytes('');
    const reader = new Reader(at, random, { prefix });
    for (let n = 1; n <= 150; n++) {
      const die = random.below(100);
      if (die < 45) await every.append();
      else if (die < 60) await every.send();
      else if (die < 70) await every.end();
      else if (die < 76) await every.partition.log.roll();
      else if (die < 80) await at.done(at.compactions.compact('t', { includeActive: random.chance(0.5) }));
      else await reader.take(random.below(8));
      // No tombstone goes unseen: those are kept for 10 s after the first pass over them.
      if (n % 40 !== 0) continue;
      await expectSame(reader, every, prefix, `seed ${seed}, step ${n}`);
      await at.world.clock.advance(11_000);
    }
    await every.endAll();
    await expectSame(reader, every, prefix, `seed ${seed}, at the end`);
    await reader.close();
    at.lookups.stop();
    await at.tables.stop();
    await at.stop();
  }
});

async function expectSame(reader: Reader, every: EveryRecord, prefix: Buffer, when: string): Promise<void> {
  await reader.takeAll();
  const living = new Map<string, string>();
  for (const { key, value } of every.decided()) {
    if (!key.startsWith(prefix.toString())) continue;
    if (value === null) living.delete(key);
    else living.set(key, value);
  }
  expect(Object.fromEntries([...reader.map].sort()), when).toEqual(Object.fromEntries([...living].sort()));
}

class Reader {
  readonly map = new Map<string, string>();
  readonly #at: LookupWorld;
  readonly #random: SeededRandom;
  readonly #options: ChangesOptions;
  #stream: AsyncIterator<Change> | null = null;
  #position: string | null = null;
  #isLive = false;
  #lastOffset = -1;
  /** Of the reader, while there is nothing for it. */
  #waiting: Promise<IteratorResult<Change>> | null = null;

  constructor(at: LookupWorld, random: SeededRandom, options: ChangesOptions) {
    this.#at = at;
    this.#random = random;
    this.#options = options;
  }

  async take(count: number): Promise<void> {
    for (let n = 0; n < count; n++) if (!(await this.#next())) return;
    if (this.#random.chance(0.3)) await this.close();
  }

  async takeAll(): Promise<void> {
    while (await this.#next());
  }

  async close(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = null;
    await this.#stream?.return?.();
    await waiting;
    this.#stream = null;
  }

  /** False when there is nothing for now. */
  async #next(): Promise<boolean> {
    this.#stream ??= this.#open();
    this.#waiting ??= this.#stream.next();
    let result: IteratorResult<Change> | null = null;
    void this.#waiting.then((taken) => {
      result = taken;
    });
    await this.#at.world.clock.settle();
    const taken = result as IteratorResult<Change> | null;
    if (taken === null) return false;
    this.#waiting = null;
    this.#see(taken.value);
    return true;
  }

  #open(): AsyncIterator<Change> {
    const bufferBytesMax = 1 + this.#random.below(400);
    const after = this.#position === null ? {} : { after: this.#position };
    const options = { ...this.#options, ...after, bufferBytesMax };
    return this.#at.lookups.changes('t', options)[Symbol.asyncIterator]();
  }

  #see(change: Change): void {
    this.#position = change.position;
    if (change.kind === 'live') {
      expect(this.#isLive).toBe(false);
      this.#isLive = true;
      this.#lastOffset = -1;
      return;
    }
    const { offset, key, value } = change.record;
    expect(change.isSnapshot).toBe(!this.#isLive);
    expect(offset).toBeGreaterThan(this.#lastOffset);
    this.#lastOffset = offset;
    if (value === null) this.map.delete(key.toString());
    else this.map.set(key.toString(), value.toString());
  }
}
