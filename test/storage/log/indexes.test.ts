import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldIndexes } from '../../../storage/log/held-indexes.ts';
import { CorruptIndex, IndexFile } from '../../../storage/log/index-file.ts';
import { canIndex, OffsetIndex } from '../../../storage/log/offset-index.ts';
import { TimeIndex } from '../../../storage/log/time-index.ts';
import { TransactionIndex } from '../../../storage/log/transaction-index.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';

const base = 1_000_000_000_000;

describe('an offset index', () => {
  it('has no file while it grows, and one of its entries when it is sealed, whatever was there', () => {
    const { files } = simulatedEnvironment();
    const index = new OffsetIndex(files, '/index', base, 100);
    index.create();
    index.append(base + 7, 300);
    expect(files.statSync('/index')).toBeNull();
    expect(index.file).toBeNull();
    files.openSync('/index', 'create').writeSync([Buffer.alloc(64, 1)], 0);
    index.seal();
    expect(files.readFileSync('/index').toString('hex')).toBe('000000070000012c');
  });

  it('is full after as many entries as its size has room for', () => {
    const { files } = simulatedEnvironment();
    const index = new OffsetIndex(files, '/index', base, 20);
    index.create();
    index.append(base + 1, 10);
    expect(index.isFull).toBe(false);
    index.append(base + 2, 20);
    expect(index.isFull).toBe(true);
  });

  it('holds offsets up to 2^31 - 1 above its base', () => {
    expect(canIndex(base, base)).toBe(true);
    expect(canIndex(base, base + 0x7fffffff)).toBe(true);
    expect(canIndex(base, base + 0x80000000)).toBe(false);
    expect(canIndex(base, base - 1)).toBe(false);
  });

  it('refuses a file that is not a multiple of its entries', () => {
    const { files } = simulatedEnvironment();
    files.openSync('/index', 'create').writeSync([Buffer.alloc(13, 1)], 0);
    expect(() => new OffsetIndex(files, '/index', base, 100).lookup(base)).toThrow(CorruptIndex);
  });

  it('finds the last entry at or before an offset and the first at or behind a position, growing, sealed and grown again', () => {
    const gaps = fc.array(
      fc.record({ offsets: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 1, max: 9 }) }),
      {
        maxLength: 2000,
      },
    );
    fc.assert(
      fc.property(gaps, fc.integer({ min: 0, max: 2000 }), (steps, cut) => {
        const { files } = simulatedEnvironment();
        let index = new OffsetIndex(files, '/index', base, 1 << 20);
        index.create();
        let entries: { offset: number; position: number }[] = [];
        let offset = base;
        let position = 0;
        for (const gap of steps) {
          index.append((offset += gap.offsets), (position += gap.bytes));
          entries.push({ offset, position });
        }
        const check = (): void => {
          expect(index.count).toBe(entries.length);
          for (let n = 0; n < 20; n++) {
            const target = base + Math.floor((n / 19) * (offset - base + 4));
            expect(index.lookup(target)).toBe(
              entries.findLast((each) => each.offset <= target)?.position ?? 0,
            );
            const at = Math.floor((n / 19) * (position + 4));
            expect(index.offsetAtOrAfter(at)).toBe(entries.find((each) => each.position >= at)?.offset ?? -1);
          }
        };
        check();
        index.seal();
        check();
        index.close();
        index = new OffsetIndex(files, '/index', base, 1 << 20);
        check();
        index.grow();
        index.truncateTo(base + cut);
        entries = entries.filter((each) => each.offset < base + cut);
        check();
      }),
      { seed: 20261122, numRuns: 50 },
    );
  });
});

describe('sealed indexes', () => {
  const keyAt = (entries: Buffer, at: number): number => entries.readInt32BE(at);

  /** Entries 0, 1, 2 … of 4 bytes. */
  const sealed = (count: number, held: HeldIndexes, path: string, files = simulatedEnvironment().files) => {
    const index = new IndexFile(files, path, 4, held);
    index.create();
    for (let n = 0; n < count; n++) {
      const at = index.append();
      index.bytes.writeInt32BE(n, at);
    }
    index.seal();
    return index;
  };
  const searchAll = (index: IndexFile, count: number): void => {
    for (let n = 0; n < count; n++) expect(index.lastAtMost(n, keyAt)).toBe(n);
  };

  it('are held once so much was read of them as they have, and let go when they grow again', () => {
    const held = new HeldIndexes();
    const index = sealed(5_000, held, '/index');
    expect(index.lastAtMost(17, keyAt)).toBe(17);
    expect(index.isInMemory).toBe(false);
    searchAll(index, 5_000);
    expect(index.isInMemory).toBe(true);
    expect(held.bytes).toBeGreaterThanOrEqual(20_000);
    index.grow();
    expect(held.bytes).toBe(0);
    searchAll(index, 5_000);
    index.seal();
    searchAll(index, 5_000);
    index.close();
    expect(held.bytes).toBe(0);
  });

  it('take no more than their bound together: those that are not searched go, and are found in their files', () => {
    const held = new HeldIndexes(10_000);
    const indexes = Array.from({ length: 5 }, (_, n) => sealed(1_000, held, `/index-${n}`));
    const [always, ...others] = indexes;
    const searchUntilHeld = (index: IndexFile): void => {
      for (let n = 0; !index.isInMemory; n = (n + 1) % 1_000) expect(index.lastAtMost(n, keyAt)).toBe(n);
    };
    searchUntilHeld(always!);
    for (const index of others) {
      searchUntilHeld(index);
      searchAll(always!, 1_000);
      expect(indexes.filter((each) => each.isInMemory)).toEqual([always, index]);
      expect(held.bytes).toBeLessThanOrEqual(10_000);
    }
    const tooLarge = sealed(3_000, held, '/large');
    searchAll(tooLarge, 3_000);
    expect(tooLarge.isInMemory).toBe(false);
    for (const index of indexes) searchAll(index, 1_000);
  });

  it('hold nothing where the file cannot be read', () => {
    const { files } = simulatedEnvironment();
    const held = new HeldIndexes();
    const index = sealed(3_000, held, '/index', files);
    expect(index.lastAtMost(1, keyAt)).toBe(1);
    files.openSync('/index', 'update').truncateSync(8);
    expect(() => searchAll(index, 3_000)).toThrow(CorruptIndex);
    expect(held.bytes).toBe(0);
  });
});

describe('a time index', () => {
  it('takes only growing timestamps, and answers with the last entry not above a timestamp', () => {
    const { files } = simulatedEnvironment();
    const index = new TimeIndex(files, '/index', base, 1000);
    index.create();
    expect(index.lastEntry).toEqual({ timestampMs: -1, offset: base });
    index.maybeAppend(1000, base + 3);
    index.maybeAppend(1000, base + 5);
    index.maybeAppend(900, base + 6);
    index.maybeAppend(2000, base + 9);
    index.seal();
    expect(files.statSync('/index')!.size).toBe(24);
    expect(index.lookup(999)).toEqual({ timestampMs: -1, offset: base });
    expect(index.lookup(1000)).toEqual({ timestampMs: 1000, offset: base + 3 });
    expect(index.lookup(1999)).toEqual({ timestampMs: 1000, offset: base + 3 });
    expect(index.lookup(2 ** 50)).toEqual({ timestampMs: 2000, offset: base + 9 });
  });

  it('keeps its last place for the entry of the closing', () => {
    const index = new TimeIndex(simulatedEnvironment().files, '/index', base, 36);
    index.create();
    index.maybeAppend(1, base + 1);
    expect(index.isFull).toBe(false);
    index.maybeAppend(2, base + 2);
    expect(index.isFull).toBe(true);
  });
});

describe('a transaction index', () => {
  const aborted = (
    producerId: number,
    firstOffset: number,
    lastOffset: number,
    lastStableOffset: number,
  ) => ({
    producerId,
    firstOffset,
    lastOffset,
    lastStableOffset,
  });

  it('has no file before its first entry', () => {
    const { files } = simulatedEnvironment();
    const index = new TransactionIndex(files, '/txnindex', false);
    expect(index.file).toBeNull();
    expect(index.entries).toEqual([]);
    expect(files.statSync('/txnindex')).toBeNull();
    index.append(aborted(7, 1, 5, 6));
    expect(files.statSync('/txnindex')!.size).toBe(34);
  });

  it('gives a reader the transactions that touch its range, and tells when no later one can', () => {
    const { files } = simulatedEnvironment();
    const index = new TransactionIndex(files, '/txnindex', false);
    const entries = [aborted(1, 0, 10, 11), aborted(2, 5, 20, 21), aborted(3, 30, 40, 41)];
    for (const each of entries) index.append(each);
    const again = new TransactionIndex(files, '/txnindex', true);
    expect(again.entries).toEqual(entries);
    const collect = (from: number, upTo: number) => {
      const found: (typeof entries)[number][] = [];
      return { done: again.collect(from, upTo, found), found: found.map((each) => each.producerId) };
    };
    expect(collect(0, 4)).toEqual({ done: true, found: [1] });
    expect(collect(11, 15)).toEqual({ done: true, found: [2] });
    expect(collect(21, 25)).toEqual({ done: true, found: [] });
    expect(collect(21, 50)).toEqual({ done: false, found: [3] });
  });

  it('forgets what is cut off', () => {
    const { files } = simulatedEnvironment();
    const index = new TransactionIndex(files, '/txnindex', false);
    index.append(aborted(1, 0, 10, 11));
    index.append(aborted(2, 5, 20, 21));
    index.truncateTo(20);
    expect(index.entries).toEqual([aborted(1, 0, 10, 11)]);
    expect(files.statSync('/txnindex')!.size).toBe(34);
  });
});
