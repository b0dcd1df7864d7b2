import { describe, expect, it } from 'vitest';
import { LeaderEpochs } from '../../../storage/log/leader-epochs.ts';

function epochs(...pairs: [epoch: number, startOffset: number][]): LeaderEpochs {
  return new LeaderEpochs(pairs.map(([epoch, startOffset]) => ({ epoch, startOffset })));
}

describe('leader epochs', () => {
  it('are written and read as Kafka does', () => {
    const text = '0\n2\n0 0\n3 52\n';
    expect(epochs([0, 0], [3, 52]).toText()).toBe(text);
    expect(LeaderEpochs.parse(text)!.entries).toEqual(epochs([0, 0], [3, 52]).entries);
    expect(LeaderEpochs.parse('')!.entries).toEqual([]);
  });

  it.each(['1\n0\n', '0\n2\n0 0\n', '0\n1\n0 x\n', 'junk'])('of a damaged file are none: %j', (text) => {
    expect(LeaderEpochs.parse(text)).toBeNull();
  });

  it('drop what a new one contradicts', () => {
    const some = epochs([0, 0], [3, 52], [4, 60]);
    expect(some.assign(4, 70)).toBe(false);
    expect(some.assign(5, 55)).toBe(true);
    expect(some.entries).toEqual(epochs([0, 0], [3, 52], [5, 55]).entries);
    expect(some.assign(6, 55)).toBe(true);
    expect(some.entries).toEqual(epochs([0, 0], [3, 52], [6, 55]).entries);
  });

  it('are cut at both ends', () => {
    const some = epochs([0, 0], [3, 52], [4, 60]);
    expect(some.truncateFromEnd(60)).toBe(true);
    expect(some.truncateFromEnd(60)).toBe(false);
    expect(some.truncateFromStart(54)).toBe(true);
    expect(some.truncateFromStart(54)).toBe(false);
    expect(some.entries).toEqual(epochs([3, 54]).entries);
  });

  it('tell where an epoch ended (KIP-320)', () => {
    const some = epochs([2, 10], [5, 52], [7, 60]);
    expect(some.endOffsetFor(7, 99)).toEqual({ epoch: 7, endOffset: 99 });
    expect(some.endOffsetFor(5, 99)).toEqual({ epoch: 5, endOffset: 60 });
    expect(some.endOffsetFor(6, 99)).toEqual({ epoch: 5, endOffset: 60 });
    expect(some.endOffsetFor(1, 99)).toEqual({ epoch: 1, endOffset: 10 });
    expect(some.endOffsetFor(8, 99)).toEqual({ epoch: -1, endOffset: -1 });
    expect(some.endOffsetFor(-1, 99)).toEqual({ epoch: -1, endOffset: -1 });
    expect(epochs().endOffsetFor(0, 99)).toEqual({ epoch: -1, endOffset: -1 });
  });

  it('tell in which epoch an offset was written', () => {
    const some = epochs([2, 10], [5, 52]);
    expect([9, 10, 51, 52, 99].map((offset) => some.epochAt(offset))).toEqual([-1, 2, 2, 5, 5]);
  });
});
