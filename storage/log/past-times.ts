/**
 * Keeps what is known of the timestamps of a compacted log's removed records (removed-times.ts), in memory and in a file:
 *
 *    before a pass puts its segments in place    steps of before and of after: right for each group, whether replaced or not
 *    when all are in place                       steps of after
 *    before old segments go                      one step for all that goes
 *
 * The file counts if the segments are as it says; else nothing is known of what is gone, as in a directory that somebody else has
 * cleaned. That something is gone can be seen (missing-records.ts). What cannot be written is only known until the stop.
 */
import type { TopicSettings } from '../config/topic-settings.ts';
import type { Environment } from '../environment/environment.ts';
import { FileError } from '../environment/files.ts';
import type { LogLogger } from './log-types.ts';
import { firstMissing, latestBefore } from './missing-records.ts';
import { joined, type RemovedTimes, startedAt, type TimeStep } from './removed-times.ts';
import {
  type KeptSegment,
  type KeptTimes,
  removedTimesFile,
  timesOfBytes,
  timesToBytes,
} from './removed-times-file.ts';
import { filePath, suffixes } from './segment-files.ts';
import type { SegmentList } from './segment-list.ts';
import type { SwapGroup, SwapOutcome } from './segment-swap.ts';

/** What a pass has found out. */
export interface PassTimes {
  /** Where the last segment that it looked at ends. */
  readonly upToOffset: number;
  readonly steps: readonly TimeStep[];
}

export interface KnownTimes {
  readonly steps: readonly TimeStep[];
  /** From here on every record is there, as far as was asked. */
  readonly wholeFromOffset: number;
}

export interface PastTimesParts {
  readonly environment: Environment;
  readonly topicId: string;
  readonly logger: LogLogger;
  readonly writer: {
    readonly list: SegmentList;
    readonly logStartOffset: number;
    readonly settings: Pick<TopicSettings, 'cleanup.policy'>;
  };
}

const attemptsMax = 3;
const never = Number.POSITIVE_INFINITY;

export class PastTimes {
  readonly #parts: PastTimesParts;
  /** null: the file has not been looked at. */
  #times: RemovedTimes | null = null;
  #wholeFromOffset = 0;
  #writing: Promise<void> = Promise.resolve();
  #below: { readonly epoch: number; readonly steps: Promise<readonly TimeStep[]> } | null = null;

  constructor(parts: PastTimesParts) {
    this.#parts = parts;
  }

  /**
   * Of records that may be gone below `upToOffset`, and of those below the log start. Rejects with FileError or RecordError where the log
   * cannot be read, or has changed meanwhile.
   */
  async known(upToOffset: number): Promise<KnownTimes> {
    const { environment, writer } = this.#parts;
    const { list } = writer;
    for (let attempt = 1; ; attempt++) {
      const times = this.#load();
      if (times.upToOffset >= upToOffset) return this.#withStart(times, this.#wholeFromOffset);
      const { epoch } = list;
      let missing: number;
      try {
        missing = await firstMissing(list.segments, times.upToOffset, upToOffset, environment.clock);
      } catch (error) {
        if (!(error instanceof FileError) || attempt === attemptsMax) throw error;
        continue;
      }
      const steps = missing < 0 ? times.steps : joined(times.steps, [unknownFrom(missing)]);
      const wholeFrom = missing < 0 ? this.#wholeFromOffset : upToOffset;
      const now = { ...times, upToOffset, steps };
      if (list.epoch === epoch && this.#times === times) {
        this.#times = now;
        this.#wholeFromOffset = wholeFrom;
      } else if (attempt < attemptsMax) continue;
      return this.#withStart(now, wholeFrom);
    }
  }

  /** `swap` replaces segments by what a pass has written. */
  async during(
    times: PassTimes,
    groups: readonly SwapGroup[],
    swap: () => Promise<SwapOutcome>,
  ): Promise<SwapOutcome> {
    await this.#replacing(times, groups);
    const outcome = await swap();
    if (outcome === 'replaced') await this.#replaced(times);
    return outcome;
  }

  async #replacing({ upToOffset, steps }: PassTimes, groups: readonly SwapGroup[]): Promise<void> {
    const { environment, writer } = this.#parts;
    const { list } = writer;
    const times = this.#load();
    const cleaned = groups.map(({ baseOffset }) => {
      const path = filePath(environment.files, list.directory, baseOffset, suffixes.log + suffixes.cleaned);
      return { baseOffset, sizeBytes: environment.files.statSync(path)?.size ?? -1 };
    });
    this.#times = {
      ...times,
      upToOffset: Math.max(times.upToOffset, upToOffset),
      steps: joined(times.steps, steps),
    };
    this.#wholeFromOffset = Math.max(this.#wholeFromOffset, upToOffset);
    await this.#write(cleaned);
  }

  async #replaced({ upToOffset, steps }: PassTimes): Promise<void> {
    const times = this.#load();
    const above = times.steps.filter(({ offset }) => offset > upToOffset);
    const own = { ...times, startOffset: 0, steps: [...steps, ...above] };
    // The start may have moved meanwhile.
    this.#times = startedAt(own, times.startOffset, this.#latestBelow(times, times.startOffset));
    await this.#write([]);
  }

  /** Segments that end at or below the log start are about to go. */
  async retiring({ list, logStartOffset, settings }: PastTimesParts['writer']): Promise<void> {
    const count = list.indexFor(logStartOffset);
    if (count <= 0 || !settings['cleanup.policy'].includes('compact')) return;
    const latest = list.segments.slice(0, count).map((segment) => segment.maxTimestamp.timestampMs);
    this.#times = startedAt(this.#load(), list.segments[count]!.baseOffset, Math.max(-1, ...latest));
    await this.#write([]);
  }

  /** All records from `offset` on are cut off. */
  truncated(offset: number): void {
    const times = this.#times;
    if (times === null || times.upToOffset <= offset) return;
    const steps = times.steps.filter((step) => step.offset < offset);
    this.#times = { ...times, upToOffset: offset, steps };
    this.#wholeFromOffset = Math.min(this.#wholeFromOffset, offset);
  }

  /** Nothing is being written. */
  idle(): Promise<void> {
    return this.#writing;
  }

  #latestBelow({ steps }: RemovedTimes, upToOffset: number): number {
    return Math.max(
      -1,
      ...steps.filter((step) => step.isSure && step.offset < upToOffset).map(({ ms }) => ms),
    );
  }

  #load(): RemovedTimes {
    if (this.#times !== null) return this.#times;
    const kept = this.#read();
    const begin = this.#parts.writer.list.first?.baseOffset ?? this.#parts.writer.logStartOffset;
    const steps = begin === 0 ? [] : [unknownFrom(begin - 1)];
    this.#times = kept ?? { startOffset: begin, upToOffset: begin, steps };
    this.#wholeFromOffset = this.#times.upToOffset;
    return this.#times;
  }

  #read(): RemovedTimes | null {
    const { environment, topicId, logger, writer } = this.#parts;
    const { list } = writer;
    const { files } = environment;
    const path = files.join(list.directory, removedTimesFile);
    try {
      if (files.statSync(path) === null) return null;
      const kept = timesOfBytes(topicId, files.readFileSync(path));
      if (kept !== null && isOf(kept, list)) return kept;
      logger.info(
        'what was kept of removed timestamps is not of this log as it is: times before may not be known',
        {
          log: list.directory,
        },
      );
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      logger.warn('what was kept of removed timestamps cannot be read', {
        log: list.directory,
        why: error.message,
      });
    }
    return null;
  }

  /** One after the other, each as all is when its turn has come. */
  #write(more: readonly KeptSegment[]): Promise<void> {
    const { environment, topicId, logger, writer } = this.#parts;
    const { list } = writer;
    const write = async (): Promise<void> => {
      const times = this.#times;
      if (times === null) return;
      const path = environment.files.join(list.directory, removedTimesFile);
      const own = list.segments.filter(({ baseOffset }) => baseOffset < times.upToOffset);
      const segments = own.map(({ baseOffset, size }) => ({ baseOffset, sizeBytes: size }));
      const bytes = timesToBytes(topicId, { ...times, segments: [...segments, ...more] });
      try {
        await environment.files.replaceFile(path, bytes);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        const fields = { log: list.directory, why: error.message };
        logger.warn('the timestamps of removed records cannot be kept beyond the next stop', fields);
      }
    };
    this.#writing = this.#writing.then(write);
    return this.#writing;
  }

  /** What lies before the log start is there as long as its segment is, but nobody is shown it. */
  async #withStart({ steps }: RemovedTimes, wholeFromOffset: number): Promise<KnownTimes> {
    const { epoch } = this.#parts.writer.list;
    if (this.#below?.epoch !== epoch) this.#below = { epoch, steps: this.#belowStart() };
    const asked = this.#below;
    let below: readonly TimeStep[];
    try {
      below = await asked.steps;
    } catch (error) {
      // Whoever comes next tries again.
      if (this.#below === asked) this.#below = null;
      throw error;
    }
    return { steps: below.length === 0 ? steps : joined(steps, below), wholeFromOffset };
  }

  async #belowStart(): Promise<TimeStep[]> {
    const { list, logStartOffset: startOffset } = this.#parts.writer;
    let latestMs = -1;
    for (const segment of list.segments) {
      if (segment.baseOffset >= startOffset) break;
      const isWhole = segment.nextOffset <= startOffset;
      const ms = isWhole ? segment.maxTimestamp.timestampMs : await latestBefore(segment, startOffset);
      latestMs = Math.max(latestMs, ms);
    }
    return latestMs < 0 ? [] : [{ offset: startOffset - 1, ms: latestMs, isSure: true }];
  }
}

function unknownFrom(offset: number): TimeStep {
  return { offset, ms: never, isSure: false };
}

/** What is there now is what it was written of, or what the pass had written that was under way then. */
function isOf(kept: KeptTimes, list: SegmentList): boolean {
  const [first] = list.segments;
  if (first === undefined || first.baseOffset > kept.startOffset) return false;
  if (kept.upToOffset > list.active!.nextOffset) return false;
  return list.segments.every(
    ({ baseOffset, size }) =>
      baseOffset >= kept.upToOffset ||
      kept.segments.some((each) => each.baseOffset === baseOffset && each.sizeBytes === size),
  );
}
