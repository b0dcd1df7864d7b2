import type { TopicSettings } from '../config/topic-settings.ts';
import type { Clock, Timer } from '../environment/clock.ts';
import type { Environment, RandomSource } from '../environment/environment.ts';
import type { FileSystem } from '../environment/files.ts';
import type { SegmentInfo } from './log-types.ts';
import { canIndex } from './offset-index.ts';
import type { RetentionSegment } from './retention.ts';
import { Segment } from './segment.ts';
import { filePath, segmentSuffixes, suffixes } from './segment-files.ts';

/**
 * The segments of a log, oldest first; the last one grows. Makes new ones, decides when one is full, and takes old ones out:
 * they are renamed to `.deleted` at once and unlinked after `file.delete.delay.ms`, so that whoever is about to read one
 * still can. What is being sent is kept by its `retain` in any case.
 *
 * `epoch` counts the changes that a cleaner must know of (not that a segment was added at the end): whoever worked on values
 * from an earlier epoch starts over.
 */
export class SegmentList {
  readonly directory: string;
  /** Oldest first. */
  segments: Segment[];
  epoch = 0;
  readonly #files: FileSystem;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  #settings: TopicSettings;
  /** Of the settings, which are slow to read (topic-settings.ts), for each append. */
  #bytesMax: number;
  #waitMs: number;
  readonly #removals = new Map<Timer, string[]>();

  constructor(environment: Environment, directory: string, settings: TopicSettings, segments: Segment[]) {
    this.directory = directory;
    this.#files = environment.files;
    this.#clock = environment.clock;
    this.#random = environment.random;
    this.#settings = settings;
    this.#bytesMax = segmentBytesOf(settings);
    this.#waitMs = segmentMsOf(settings);
    this.segments = segments;
  }

  get first(): Segment | undefined {
    return this.segments[0];
  }

  /** The one that grows; undefined before the first append. */
  get active(): Segment | undefined {
    return this.segments[this.segments.length - 1];
  }

  get sizeBytes(): number {
    let sum = 0;
    for (const segment of this.segments) sum += segment.size;
    return sum;
  }

  get info(): SegmentInfo[] {
    return this.segments.map((segment) => ({
      baseOffset: segment.baseOffset,
      nextOffset: segment.nextOffset,
      sizeBytes: segment.size,
      isActive: segment === this.active,
      path: segment.file.path,
    }));
  }

  /** The segments as retention sees them. */
  get retentionView(): RetentionSegment[] {
    return this.segments.map((segment) => {
      const modifiedMs = () => this.modifiedMs(segment) ?? 0;
      return {
        baseOffset: segment.baseOffset,
        sizeBytes: segment.size,
        get largestTimestampMs() {
          return segment.largestTimestampMs(modifiedMs);
        },
      };
    });
  }

  /** When it was last written. */
  modifiedMs(segment: Segment): number | undefined {
    return this.#files.statSync(segment.file.path)?.modifiedMs;
  }

  set settings(settings: TopicSettings) {
    this.#settings = settings;
    this.#bytesMax = segmentBytesOf(settings);
    this.#waitMs = segmentMsOf(settings);
    for (const segment of this.segments) segment.indexIntervalBytes = settings['index.interval.bytes'];
  }

  /** The place of the segment that may hold `offset`: the last one that begins at or before it; -1 when all begin later. */
  indexFor(offset: number): number {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The most bytes that an append may have. */
  get segmentBytesMax(): number {
    return this.#bytesMax;
  }

  /** Whether the last segment must be sealed before this append. */
  mustRoll(appendBytes: number, maxTimestampMs: number, lastOffset: number, nowMs: number): boolean {
    const segment = this.active;
    if (!segment) return true;
    if (segment.size === 0) return false;
    return (
      segment.size > this.#bytesMax - appendBytes ||
      segment.waitedMs(maxTimestampMs, nowMs) > this.#waitMs - segment.rollJitterMs ||
      segment.indexesAreFull ||
      !canIndex(segment.baseOffset, lastOffset)
    );
  }

  /** Adds an empty segment at the end. The one before it must have been sealed. */
  add(baseOffset: number, isInNewDirectory = false): Segment {
    const options = {
      files: this.#files,
      directory: this.directory,
      baseOffset,
      indexBytesMax: this.#settings['segment.index.bytes'],
      indexIntervalBytes: this.#settings['index.interval.bytes'],
      rollJitterMs: rollJitterMs(this.#settings, this.#random),
      createdMs: this.#clock.nowMs(),
      preallocateBytes: this.#settings.preallocate ? segmentBytesOf(this.#settings) : 0,
      isInNewDirectory,
    };
    try {
      const segment = Segment.create(options);
      const before = this.active;
      if (before) before.nextOffset = baseOffset;
      this.segments.push(segment);
      return segment;
    } catch (error) {
      this.#removeRemains(baseOffset);
      throw error;
    }
  }

  /** Takes the first `count` out; `onRetired` hears of each before its names change. */
  retireFirst(count: number, onRetired: (segment: Segment) => void): void {
    this.#retire(this.segments.splice(0, count), onRetired);
  }

  /** Takes out those that begin above `offset`. */
  retireAbove(offset: number, onRetired: (segment: Segment) => void): void {
    this.#retire(this.segments.splice(this.indexFor(offset) + 1), onRetired);
  }

  /** Puts a sealed segment in the place of these neighbours. It is there even if this throws, for want of a rename. */
  replace(sources: readonly Segment[], segment: Segment, onRetired: (source: Segment) => void): void {
    const first = this.segments.indexOf(sources[0]!);
    const next = this.segments[first + sources.length];
    if (next) segment.nextOffset = next.baseOffset;
    this.#retire(this.segments.splice(first, sources.length, segment), onRetired);
  }

  /** Closes all files; what waits to be unlinked stays for the next start. */
  close(): void {
    for (const timer of this.#removals.keys()) timer.cancel();
    this.#removals.clear();
    for (const segment of this.segments) segment.close();
  }

  /** After a segment could not be created: what there is of it is not part of the log. */
  #removeRemains(baseOffset: number): void {
    for (const suffix of segmentSuffixes) {
      try {
        this.#files.removeFileSync(filePath(this.#files, this.directory, baseOffset, suffix));
      } catch {
        // Empty files with an offset at the end of the log; the next attempt replaces them.
      }
    }
  }

  #retire(segments: Segment[], onRetired: (segment: Segment) => void): void {
    if (segments.length === 0) return;
    this.epoch++;
    const paths: string[] = [];
    for (const segment of segments) {
      onRetired(segment);
      for (const file of segment.openFiles) {
        const path = this.#freeName(file.path);
        file.renameTo(path);
        paths.push(path);
      }
      segment.close();
    }
    const delayMs = this.#files.deletesAtOnce ? 0 : this.#settings['file.delete.delay.ms'];
    if (delayMs === 0) this.#removeQuietly(paths);
    else {
      const timer = this.#clock.schedule(delayMs, () => {
        this.#removals.delete(timer);
        this.#removeQuietly(paths);
      });
      this.#removals.set(timer, paths);
    }
  }

  /** A segment may be replaced again while what it replaced is still there. */
  #freeName(path: string): string {
    let free = path + suffixes.deleted;
    for (let n = 1; this.#files.statSync(free) !== null; n++) free = `${path}.${n}${suffixes.deleted}`;
    return free;
  }

  /** What cannot be unlinked now is when the log is opened again: its name says that it does not count. */
  #removeQuietly(paths: readonly string[]): void {
    for (const path of paths) void this.#files.removeFile(path).catch(() => {});
  }
}

/** `segment.bytes`, or what tests put in its place. */
export function segmentBytesOf(settings: TopicSettings): number {
  return settings['internal.segment.bytes'] ?? settings['segment.bytes'];
}

/** After how long a segment is rolled: in a compacted topic soon enough for the longest compaction lag. */
function segmentMsOf(settings: TopicSettings): number {
  const compacted = settings['cleanup.policy'].includes('compact');
  return compacted
    ? Math.min(settings['segment.ms'], settings['max.compaction.lag.ms'])
    : settings['segment.ms'];
}

/** How much earlier than `segment.ms` one segment is rolled; drawn when it is opened. */
export function rollJitterMs(settings: TopicSettings, random: RandomSource): number {
  const max = Math.min(settings['segment.jitter.ms'], settings['segment.ms']);
  return max <= 0 ? 0 : Math.floor(random.next() * max);
}
