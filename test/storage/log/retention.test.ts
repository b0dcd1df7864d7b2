import { describe, expect, it } from 'vitest';
import { decideRetention, type RetentionInput } from '../../../storage/log/retention.ts';

/** Segments of 10 offsets and 100 bytes each, the n-th with its newest record at n × 1000 ms; the last one has 5 offsets. */
function decide(count: number, options: Partial<RetentionInput> = {}) {
  const segments = Array.from({ length: count }, (_, n) => ({
    baseOffset: n * 10,
    sizeBytes: 100,
    largestTimestampMs: n * 1000,
  }));
  const endOffset = count * 10 - 5;
  return decideRetention({
    segments,
    endOffset,
    highWatermark: endOffset,
    logStartOffset: 0,
    nowMs: count * 1000,
    deletes: true,
    retentionMs: -1,
    retentionBytes: -1,
    ...options,
  });
}

describe('retention', () => {
  it('keeps everything without limits', () => {
    expect(decide(5)).toEqual({ count: 0, reason: null });
  });

  it('lets go what is older than its time, the last segment included', () => {
    expect(decide(5, { retentionMs: 2999 })).toEqual({ count: 3, reason: 'time' });
    expect(decide(5, { retentionMs: 3000 })).toEqual({ count: 2, reason: 'time' });
    expect(decide(5, { retentionMs: 0 })).toEqual({ count: 5, reason: 'time' });
  });

  it('stops at the first segment that stays, whatever lies behind it', () => {
    const segments = [3000, 0, 0].map((largestTimestampMs, n) => ({
      baseOffset: n * 10,
      sizeBytes: 1,
      largestTimestampMs,
    }));
    expect(decide(3, { segments, retentionMs: 100 })).toEqual({ count: 0, reason: null });
  });

  it('lets go whole segments while more than the limit stays', () => {
    expect(decide(5, { retentionBytes: 300 }).count).toBe(2);
    expect(decide(5, { retentionBytes: 301 }).count).toBe(1);
    expect(decide(5, { retentionBytes: 0 }).count).toBe(5);
  });

  it('lets go what ends before the log start, also where the policy does not delete', () => {
    const compacted = { deletes: false, retentionMs: 0, retentionBytes: 0 };
    expect(decide(5, { ...compacted, logStartOffset: 29 })).toEqual({ count: 2, reason: 'log-start' });
    expect(decide(5, { ...compacted, logStartOffset: 30 })).toEqual({ count: 3, reason: 'log-start' });
    expect(decide(5, { ...compacted, logStartOffset: 45 })).toEqual({ count: 4, reason: 'log-start' });
  });

  it('never touches what reaches above the high watermark', () => {
    expect(decide(5, { retentionMs: 0, highWatermark: 29 }).count).toBe(2);
    expect(decide(5, { retentionMs: 0, highWatermark: 44 }).count).toBe(4);
  });

  it('keeps an empty last segment', () => {
    const segments = [100, 0].map((sizeBytes, n) => ({
      baseOffset: n * 10,
      sizeBytes,
      largestTimestampMs: 0,
    }));
    expect(decide(2, { segments, endOffset: 10, highWatermark: 10, retentionMs: 0 }).count).toBe(1);
  });

  it('counts size on what the log start has left', () => {
    expect(decide(5, { logStartOffset: 20, retentionBytes: 200 })).toEqual({ count: 3, reason: 'log-start' });
  });
});
