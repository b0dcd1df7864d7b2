/** What cannot be compacted or explained, and why, in one sentence. */
import type { Log } from '../../storage/log/log.ts';
import { isCompacted } from './log-cleaner.ts';

/** It cannot be done, or not to its end: no such topic or partition, or not a compacted one (any more). The message says it. */
export class CompactionRefused extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CompactionRefused';
  }
}

export function refuseDeleted(log: Log): void {
  if (log.isDeleted) throw new CompactionRefused(`${log.topic} was deleted meanwhile`);
}

export function refuseUnlessCompacted(log: Log): void {
  refuseDeleted(log);
  if (isCompacted(log)) return;
  const policy = log.settings['cleanup.policy'].join(',');
  throw new CompactionRefused(`${log.topic} is not compacted: its cleanup.policy is ${policy}`);
}

export function refuseElsewhere(topic: string, partitions: readonly number[]): void {
  if (partitions.length === 0) return;
  const which = partitions.map((index) => `${topic}-${index}`).join(', ');
  throw new CompactionRefused(`this node has no replica of ${which}`);
}
