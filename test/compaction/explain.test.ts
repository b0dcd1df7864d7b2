/** Why a record is still there, case by case, as a person reads it. */
import { describe, expect, test } from 'vitest';
import {
  type BlockedRange,
  explainPartition,
  explainRecords,
  type PartitionState,
} from '../../compaction/explain.ts';
import type { KeyRecord } from '../../compaction/find-key.ts';

const nowMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;
const inAnHour = '2026-01-01T01:00:00.000Z';

/** [0, 10) is clean, [10, 30) dirty, and nothing holds any of it back. */
const state: PartitionState = {
  logStartOffset: 0,
  firstDirtyOffset: 10,
  firstUncleanableOffset: 30,
  lastStableOffset: 40,
  endOffset: 40,
  dirtyRatio: 0.75,
  minDirtyRatio: 0.5,
  isDue: true,
  isForced: false,
  obstacle: null,
  blocked: [{ baseOffset: 30, nextOffset: 40, reason: 'active', untilMs: -1 }],
};
const blockedFrom = (baseOffset: number, range: Partial<BlockedRange>): PartitionState => ({
  ...state,
  blocked: [
    { baseOffset, nextOffset: 30, reason: 'lag', untilMs: nowMs + hourMs, ...range },
    ...state.blocked,
  ],
});

const value = (offset: number, rest: Partial<KeyRecord> = {}): KeyRecord => ({
  offset,
  timestampMs: nowMs,
  segmentBaseOffset: 0,
  valueBytes: 1,
  deleteHorizonMs: -1,
  transaction: 'none',
  producerId: -1,
  ...rest,
});
const tombstone = (offset: number, deleteHorizonMs = -1): KeyRecord =>
  value(offset, { valueBytes: null, deleteHorizonMs });

/** One line a record. */
function told(records: readonly KeyRecord[], where: PartitionState = state): string[] {
  return explainRecords(records, where, nowMs).map(({ offset, why }) => `${offset}: ${why}`);
}

describe('a value', () => {
  test('that is the newest stays', () => {
    expect(told([value(5)])).toEqual(['5: the newest value of its key: it stays until a newer one comes']);
  });

  test('that is superseded goes with the next pass', () => {
    const [old, fresh] = explainRecords([value(5), value(12)], state, nowMs);
    expect(old).toMatchObject({
      state: 'superseded',
      supersededBy: 12,
      staysUntilMs: -1,
      why: 'superseded by offset 12: it goes with the next pass (it is due)',
    });
    expect(fresh!.state).toBe('newest');
  });

  test('waits for a pass that is not due', () => {
    const lazy = { ...state, isDue: false, dirtyRatio: 0.25 };
    expect(told([value(5), value(12)], lazy)[0]).toBe(
      '5: superseded by offset 12: it goes with the next pass (none is due: 0.250 of the log is dirty, min.cleanable.dirty.ratio is 0.5)',
    );
  });

  test('waits until a newer one can be seen, which need not be the newest', () => {
    expect(told([value(5), value(12), value(35)])).toEqual([
      '5: superseded by offset 35: it goes with the next pass (it is due)',
      '12: superseded by offset 35: it goes with a pass after the next roll (offset 35 is in the active segment)',
      '35: the newest value of its key: it stays until a newer one comes',
    ]);
  });

  test('waits for its segment', () => {
    const [first] = explainRecords([value(22), value(24)], blockedFrom(20, {}), nowMs);
    expect(first).toMatchObject({
      staysUntilMs: nowMs + hourMs,
      why: `superseded by offset 24: it goes with a pass after ${inAnHour} (min.compaction.lag.ms holds back the segment of offset 24)`,
    });
    expect(told([value(31), value(33)])[0]).toBe(
      '31: superseded by offset 33: it goes with a pass after the next roll (offset 33 is in the active segment)',
    );
    const open = { ...blockedFrom(20, { reason: 'open-transaction', untilMs: -1 }), lastStableOffset: 23 };
    expect(told([value(5), value(25)], open)[0]).toBe(
      '5: superseded by offset 25: it goes with a pass after the transaction that is open at offset 23',
    );
  });

  test('goes with no pass where none is made', () => {
    const plain = { ...state, obstacle: 'cleanup.policy is delete' };
    expect(told([value(5), value(12)], plain)[0]).toBe(
      '5: superseded by offset 12: it goes with no pass (cleanup.policy is delete)',
    );
  });
});

describe('a tombstone', () => {
  test('has no horizon before its first pass', () => {
    expect(told([tombstone(12)])).toEqual([
      '12: a tombstone without delete horizon: it gets one with the next pass (it is due), and goes delete.retention.ms after that',
    ]);
  });

  test('stays until its horizon, and goes after it', () => {
    const [waiting] = explainRecords([tombstone(5, nowMs + hourMs)], state, nowMs);
    expect(waiting).toMatchObject({
      state: 'tombstone',
      staysUntilMs: nowMs + hourMs,
      why: `a tombstone: it stays until ${inAnHour}, and goes with the first pass after that`,
    });
    expect(told([tombstone(5, nowMs)])).toEqual([
      '5: a tombstone whose delete horizon has passed: it goes with the next pass (it is due)',
    ]);
  });

  test('with a horizon that no date can be is told all the same', () => {
    expect(told([tombstone(5, 9e15)])[0]).toContain('it stays until 9000000000000000 ms');
  });
});

describe('a record of a transaction', () => {
  test('counts when it was committed', () => {
    expect(told([value(5), value(12, { transaction: 'committed' })])[0]).toContain('superseded by offset 12');
  });

  test('that was aborted supersedes nothing, and goes', () => {
    expect(told([value(5), value(12, { transaction: 'aborted' })])).toEqual([
      '5: the newest value of its key: it stays until a newer one comes',
      '12: its transaction was aborted: it goes with the next pass (it is due)',
    ]);
  });

  test('that is open supersedes nothing, and waits', () => {
    expect(told([value(5), value(12, { transaction: 'open', producerId: 7 })])).toEqual([
      '5: the newest value of its key: it stays until a newer one comes',
      '12: its transaction (producer 7) has not ended',
    ]);
  });
});

describe('a partition', () => {
  test.each<[string, Partial<PartitionState>]>([
    ['due: 0.750 of the log is dirty, [10, 30), which is over min.cleanable.dirty.ratio = 0.5', {}],
    [
      'not due: 0.250 of the log is dirty, [10, 30), which is not over min.cleanable.dirty.ratio = 0.5',
      { isDue: false, dirtyRatio: 0.25 },
    ],
    [
      'due: [10, 30) is dirty, some of it for longer than max.compaction.lag.ms',
      { isForced: true, dirtyRatio: 0.1 },
    ],
    [
      'nothing to clean: all below offset 30 is clean and the active segment begins there',
      { firstDirtyOffset: 30, isDue: false },
    ],
    ['not cleaned: log.cleaner.enable is false', { obstacle: 'log.cleaner.enable is false' }],
  ])('%s', (sentence, change) => {
    expect(explainPartition({ ...state, ...change })).toBe(sentence);
  });
});
