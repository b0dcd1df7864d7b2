/** Keys of the cleaner itself. What a topic may set (lags, dirty ratio, tombstone retention) is in storage/config/topic-keys.ts. */
import { boolean, double, int, KiB, long, MiB, secondMs } from '../storage/config/define.ts';

export const cleanerKeys = {
  'log.cleaner.backoff.ms': long({
    default: 15 * secondMs,
    min: 0,
    dynamic: 'cluster',
    doc: 'How long the cleaner sleeps when there is nothing to clean.',
  }),
  'log.cleaner.dedupe.buffer.size': long({
    default: 128 * MiB,
    dynamic: 'cluster',
    doc: 'Memory for the map of keys, over all cleaner threads, of which each uses 2 GiB at most.',
  }),
  'log.cleaner.enable': boolean({
    default: true,
    doc: 'Whether compacted topics are cleaned by themselves. Whoever asks for a compaction gets it in any case.',
  }),
  'log.cleaner.io.buffer.load.factor': double({
    default: 0.9,
    dynamic: 'cluster',
    doc: 'How full the map of keys may get.',
  }),
  'log.cleaner.io.buffer.size': int({
    default: 512 * KiB,
    min: 0,
    dynamic: 'cluster',
    doc: 'Memory for reading and writing, over all cleaner threads.',
  }),
  'log.cleaner.io.max.bytes.per.second': double({
    default: Number.MAX_VALUE,
    dynamic: 'cluster',
    doc: 'The most bytes that the cleaner reads and writes in a second.',
  }),
  'log.cleaner.threads': int({
    default: 1,
    min: 0,
    dynamic: 'cluster',
    doc: 'How many logs are cleaned at the same time.',
  }),
};
