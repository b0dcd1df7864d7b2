/**
 * Many write few keys of a topic with several partitions, each behind what he has read: conditional writers, others who put the keys
 * where murmur2 does not (as clients with another partitioner do), who delete, and whose transactions are aborted. What was written
 * on a condition follows what it was to follow, one writer at most has it, and a key that is in two partitions is written nowhere.
 */
import { expect, test } from 'vitest';
import { etagOf, type RecordId, type WriteOptions, type Written } from '../../../broker/lookup/lookup.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { delay } from '../../../storage/environment/clock.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { contentOf } from '../cleaning/cleaning-world.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { bytes, type LookupWorld, openLookupWorld, refusalOf } from './lookup-world.ts';

const runs = Number(process.env['KOMPAKT_RUNS'] ?? 6);
const firstSeed = Number(process.env['KOMPAKT_SEED'] ?? 1);
const partitionCount = 3;
const keys = ['shirt', 'shoe', 'hat'];

interface Won {
  readonly key: string;
  /** null: the key did not live. */
  readonly expected: RecordId | null;
  readonly written: Written;
}

class Market {
  readonly at: LookupWorld;
  readonly won: Won[] = [];
  readonly refused = new Map<string, number>();
  readonly #random: SeededRandom;

  constructor(at: LookupWorld, random: SeededRandom) {
    this.at = at;
    this.#random = random;
  }

  async conditional(): Promise<void> {
    for (let round = 0; round < 25; round++) {
      const key = this.#random.pick(keys);
      const answer = await this.at.lookups.get('articles', bytes(key));
      await this.#pause();
      if (answer.kind === 'several') {
        // Somebody has to say where it is to be.
        const { partition } = this.#random.pick(answer.records);
        await this.#put(key, null, { partition }, null);
        continue;
      }
      const expected = answer.kind === 'found' ? answer.record : null;
      const options: WriteOptions = expected === null ? { ifNoneMatch: '*' } : { ifMatch: [expected] };
      const value = expected !== null && this.#random.chance(0.3) ? null : bytes(`${round}`);
      await this.#put(key, value, options, expected);
    }
  }

  /** As a client that puts keys elsewhere. */
  async elsewhere(): Promise<void> {
    const { world } = this.at;
    for (let round = 0; round < 10; round++) {
      await this.#pause();
      const value = this.#random.chance(0.4) ? null : bytes('theirs');
      const record = { timestampMs: world.clock.nowMs(), key: bytes(this.#random.pick(keys)), value };
      const partition = world.partitions.get('articles', this.#random.below(partitionCount))!;
      const outcome = await partition.append(buildBatch({ records: [record] }), { origin: 'client' });
      expect(outcome).toMatchObject({ ok: true });
    }
  }

  async inTransactions(client: TransactionClient): Promise<void> {
    for (let round = 0; round < 6; round++) {
      await this.#pause();
      const name = `articles-${this.#random.below(partitionCount)}`;
      expect(await client.send(name, `${this.#random.pick(keys)}=open`)).toBe('NONE');
      await this.#pause();
      expect(await client.end(this.#random.chance(0.3))).toBe('NONE');
    }
  }

  async #put(
    key: string,
    value: Buffer | null,
    options: WriteOptions,
    expected: RecordId | null,
  ): Promise<void> {
    const writing = this.at.lookups.put('articles', bytes(key), value, options);
    const written = await writing.catch(() => null);
    if (written === null) {
      const { reason } = await refusalOf(writing);
      this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    } else if (options.partition === undefined) this.won.push({ key, expected, written });
  }

  #pause(): Promise<void> {
    return delay(this.at.world.clock, this.#random.below(20));
  }
}

async function expectNoneLost({ at, won }: Market, when: string): Promise<void> {
  const sources = won.flatMap(({ expected }) => (expected === null ? [] : [etagOf(expected)]));
  expect(new Set(sources).size, `${when}: two follow the same record`).toBe(sources.length);
  for (const partition of at.world.partitions.all()) {
    if (partition.topic !== 'articles') continue;
    const { log } = partition;
    const aborted = log.abortedTransactions(0, log.endOffset);
    const records = contentOf(at.world, partition).flatMap((line) => {
      const [, offset, key, kind] = /^(\d+) (\w+)([=!])/.exec(line) ?? [];
      return offset === undefined ? [] : [{ offset: Number(offset), key, isTombstone: kind === '!' }];
    });
    for (const { key, expected, written } of won.filter(
      (each) => each.written.partition === partition.index,
    )) {
      const before = records.findLast((each) => {
        if (each.key !== key || each.offset >= written.offset) return false;
        // One whose transaction was aborted by then is no record of the key.
        return !aborted.some(
          ({ firstOffset, lastOffset }) => firstOffset === each.offset && lastOffset < written.offset,
        );
      });
      const text = `${when}: ${key} at ${partition.index}/${written.offset}`;
      if (expected === null) expect(before?.isTombstone ?? true, text).toBe(true);
      else expect([partition.index, before?.offset], text).toEqual([expected.partition, expected.offset]);
    }
  }
}

test('no update is lost, whoever writes where', async () => {
  let won = 0;
  const refused = new Map<string, number>();
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const clock = new VirtualClock();
    const files = new FaultyFileSystem({ clock });
    files.makeDirectorySync('/data');
    const at = await clock.until(openLookupWorld({ clock, files, seed }));
    let slowMs = 2;
    files.delay('write', () => slowMs);
    await at.done(at.table('articles', partitionCount));
    const market = new Market(at, new SeededRandom(seed));
    const client = await at.done(TransactionClient.ready(at.world));
    const writers = [market.conditional(), market.conditional(), market.conditional()];
    await at.done(Promise.all([...writers, market.elsewhere(), market.inTransactions(client)]));
    await expectNoneLost(market, `seed ${seed}`);
    won += market.won.length;
    for (const [reason, count] of market.refused) refused.set(reason, (refused.get(reason) ?? 0) + count);
    slowMs = 0;
    at.lookups.stop();
    await at.tables.stop();
    await at.stop();
  }
  expect(won).toBeGreaterThan(10 * runs);
  expect([...refused.keys()].sort()).toEqual(['precondition', 'several']);
});
