import { describe, expect, it } from 'vitest';
import type { LookupRefusal, WriteOptions, Written } from '../../../broker/lookup/lookup.ts';
import { partitionOfKey } from '../../../protocol/records/murmur2.ts';
import { delay } from '../../../storage/environment/clock.ts';
import type { DurabilityPolicy } from '../../../storage/log/log-types.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { batchOf } from '../world.ts';
import { bytes, type LookupWorld, openLookupWorld, refusalOf } from './lookup-world.ts';

const key = bytes('shirt');
const large = 'x'.repeat(300_000);

interface SlowWorld extends LookupWorld {
  readonly disk: { slowMs: number };
}

/** On a disk that takes its time, so that others come in between wherever they can. */
async function open(durability: DurabilityPolicy): Promise<SlowWorld> {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  const at = await clock.until(openLookupWorld({ clock, files, durability }));
  const disk = { slowMs: 2 };
  files.delay('sync', () => disk.slowMs * 2);
  files.delay('write', () => disk.slowMs);
  return { ...at, disk };
}

async function close(at: SlowWorld): Promise<void> {
  at.disk.slowMs = 0;
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
}

const policies: DurabilityPolicy[] = [{ kind: 'page-cache' }, { kind: 'fsync' }];

describe.each(policies)('of many writers at a time, with $kind', (durability) => {
  it('one wins', async () => {
    const at = await open(durability);
    await at.done(at.table('articles', 3));
    const put = (value: string, options: WriteOptions): Promise<Written | LookupRefusal> => {
      const writing = at.lookups.put('articles', key, bytes(value), options);
      return writing.catch(() => refusalOf(writing));
    };
    let current: Written | null = null;
    for (let round = 0; round < 5; round++) {
      const expected: WriteOptions = current === null ? { ifNoneMatch: '*' } : { ifMatch: [current] };
      const values = Array.from({ length: 20 }, (_, n) => (n % 7 === 0 ? large : `${round}-${n}`));
      const outcomes: (Written | LookupRefusal)[] = await at.done(
        Promise.all(values.map((value) => put(value, expected))),
      );
      const won = outcomes.filter((outcome) => 'offset' in outcome);
      expect(won).toHaveLength(1);
      current = won[0]!;
      const { topicId, partition, offset } = current;
      for (const outcome of outcomes)
        if (outcome !== current)
          expect(outcome).toEqual({ reason: 'precondition', current: { topicId, partition, offset } });
    }
    await close(at);
  });

  it('a write that was conditional follows what it was to follow, whoever else writes', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const at = await open(durability);
      await at.done(at.table('articles'));
      const crowd = new Crowd(at, new SeededRandom(seed), await at.done(TransactionClient.ready(at.world)));
      const all = [
        crowd.conditional(),
        crowd.conditional(),
        crowd.conditional(),
        crowd.plain(),
        crowd.inTransactions(),
      ];
      await at.done(Promise.all(all));
      expect(crowd.won.length).toBeGreaterThan(5);
      expect(crowd.lost).toBeGreaterThan(5);
      await expectFollowing(at, crowd);
      await close(at);
    }
  });
});

it('a write whose topic gets more partitions while it waits goes where it belongs by then', async () => {
  const at = await open({ kind: 'page-cache' });
  await at.done(at.table());
  // murmur2 puts it into the second of two.
  const moving = bytes('key-0');
  expect(partitionOfKey(moving, 2)).toBe(1);
  at.disk.slowMs = 1_000;
  const before = at.lookups.put('articles', key, bytes(large), { ifNoneMatch: '*' });
  await at.world.clock.settle();
  at.disk.slowMs = 0;
  const waiting = at.lookups.put('articles', moving, bytes('1'), { ifNoneMatch: '*' });
  const late = refusalOf(at.lookups.put('articles', moving, bytes('2'), { ifNoneMatch: '*' }));
  await at.world.clock.settle();
  const more = [{ name: 'articles', count: 2, assignments: null }];
  await at.done(at.world.cluster.controller.createPartitions(more, { validateOnly: false }));
  expect(at.world.partitions.get('articles', 0)!.log.endOffset).toBe(0);
  expect(await at.done(before)).toMatchObject({ partition: 0 });
  expect(await at.done(waiting)).toMatchObject({ partition: 1, offset: 0 });
  expect(await at.done(late)).toMatchObject({ reason: 'precondition', current: { partition: 1, offset: 0 } });
  await close(at);
});

/** All who write to one key. */
class Crowd {
  readonly won: { readonly expected: number; readonly offset: number }[] = [];
  lost = 0;
  readonly #at: LookupWorld;
  readonly #random: SeededRandom;
  readonly #client: TransactionClient;

  constructor(at: LookupWorld, random: SeededRandom, client: TransactionClient) {
    this.#at = at;
    this.#random = random;
    this.#client = client;
  }

  async conditional(): Promise<void> {
    const { lookups } = this.#at;
    for (let round = 0; round < 30; round++) {
      const answer = await lookups.get('articles', key);
      const newest = answer.kind === 'found' ? answer.record : null;
      await this.#pause();
      const options: WriteOptions = newest === null ? { ifNoneMatch: '*' } : { ifMatch: [newest] };
      const writing = lookups.put('articles', key, this.#value(), options);
      const offset = await writing.then(
        (written) => written.offset,
        () => -1,
      );
      if (offset >= 0) this.won.push({ expected: newest?.offset ?? -1, offset });
      else {
        expect(await refusalOf(writing)).toMatchObject({ reason: 'precondition' });
        this.lost++;
      }
    }
  }

  async plain(): Promise<void> {
    const { world } = this.#at;
    const partition = world.partitions.get('articles', 0)!;
    for (let round = 0; round < 20; round++) {
      await this.#pause();
      const records = batchOf([`shirt=${this.#value()}`], { timestampMs: world.clock.nowMs() });
      expect(await partition.append(records, { origin: 'client' })).toMatchObject({ ok: true });
    }
  }

  async inTransactions(): Promise<void> {
    for (let round = 0; round < 8; round++) {
      await this.#pause();
      expect(await this.#client.send('articles-0', 'shirt=theirs')).toBe('NONE');
      await this.#pause();
      expect(await this.#client.end(this.#random.chance(0.5))).toBe('NONE');
    }
  }

  #value(): Buffer {
    return bytes(this.#random.chance(0.2) ? large : `${this.#random.below(1_000)}`);
  }

  #pause(): Promise<void> {
    return delay(this.#at.world.clock, this.#random.below(25));
  }
}

/** The record before each that was won is the one that was expected, but for those of transactions that were aborted by then. */
async function expectFollowing(at: LookupWorld, { won }: Crowd): Promise<void> {
  const { records } = await at.done(at.lookups.history('articles', key, { limit: 10_000 }));
  const written = records.map(({ offset }) => ({ offset, until: Number.POSITIVE_INFINITY }));
  const { log } = at.world.partitions.get('articles', 0)!;
  // Each of them has one record.
  for (const { firstOffset, lastOffset } of log.abortedTransactions(0, log.endOffset))
    written.push({ offset: firstOffset, until: lastOffset });
  for (const { expected, offset } of won) {
    const before = written.filter((each) => each.offset < offset && each.until > offset);
    expect({ offset, before: Math.max(-1, ...before.map((each) => each.offset)) }).toEqual({
      offset,
      before: expected,
    });
  }
}
