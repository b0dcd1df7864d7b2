/**
 * Which segments a log may lose, decided on values alone: Kafka's `retention.ms`, `retention.bytes` and what lies before the
 * log start offset. Always the oldest first and without a gap; never at or above the high watermark, never an empty last one.
 */

export interface RetentionSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** Greatest timestamp of its records; of records without any, when it was last written. */
  readonly largestTimestampMs: number;
}

export interface RetentionInput {
  /** All segments, oldest first; the last one is the one that grows. */
  readonly segments: readonly RetentionSegment[];
  readonly endOffset: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly nowMs: number;
  /** `cleanup.policy` contains delete: otherwise only what lies before the log start offset goes. */
  readonly deletes: boolean;
  /** Below 0: no limit. */
  readonly retentionMs: number;
  readonly retentionBytes: number;
}

export type RetentionReason = 'log-start' | 'size' | 'time';

export interface RetentionVerdict {
  /** How many of the oldest go; all of them when the last one is past its time too. */
  readonly count: number;
  /** Why, of the first and of the last one that go; null when none does. */
  readonly reason: RetentionReason | null;
}

/** Decides. As Kafka does it in three passes, each on what the one before left: log start, size, time. */
export function decideRetention(input: RetentionInput): RetentionVerdict {
  const { segments, logStartOffset } = input;
  let reason: RetentionReason | null = null;
  let count = 0;
  const pass = (why: RetentionReason, goes: (n: number) => boolean): void => {
    while (count < segments.length && mayGo(input, count) && goes(count)) {
      count++;
      reason ??= why;
    }
  };
  pass('log-start', (n) => n + 1 < segments.length && segments[n + 1]!.baseOffset <= logStartOffset);
  if (input.deletes) {
    let excess = totalBytes(segments, count) - input.retentionBytes;
    if (input.retentionBytes >= 0) {
      pass('size', (n) => {
        if (excess - segments[n]!.sizeBytes < 0) return false;
        excess -= segments[n]!.sizeBytes;
        return true;
      });
    }
    if (input.retentionMs >= 0) {
      pass('time', (n) => input.nowMs - segments[n]!.largestTimestampMs > input.retentionMs);
    }
  }
  return { count, reason };
}

function mayGo(input: RetentionInput, n: number): boolean {
  const { segments } = input;
  const isLast = n === segments.length - 1;
  const upTo = isLast ? input.endOffset : segments[n + 1]!.baseOffset;
  return input.highWatermark >= upTo && !(isLast && segments[n]!.sizeBytes === 0);
}

function totalBytes(segments: readonly RetentionSegment[], from: number): number {
  let sum = 0;
  for (let n = from; n < segments.length; n++) sum += segments[n]!.sizeBytes;
  return sum;
}
