/**
 * Reads of a log for those who must not wait for the disk: at once while that is fast, else on the thread pool first (pool-reads.ts says
 * when). The bytes of a region are its reader's business; here it is how the region is found: index, headers of batches, the index of
 * aborted transactions. Some kilobytes, but of a cold file each of them is a wait.
 *
 * Each segment has its pace, for one may be cold and its neighbour warm. What was appended since somebody looked last is in memory.
 */
import { type Clock, outsideClock } from '../environment/clock.ts';
import type { Environment } from '../environment/environment.ts';
import { pagedIn, type ReadWatch } from '../environment/paged-in.ts';
import { beCautious, cameFromDisk, isCautious, ReadPace } from '../environment/pool-reads.ts';
import type { LogRead, LogReadRefused, ReadOptions } from './log-types.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';

/** Somebody's pages may have taken the place of ours when nobody has read here for so long. */
const forgottenMs = 10_000;
const firstInPool = 2;

type Read = LogRead | LogReadRefused;

interface ReadableLog {
  read(offset: number, options: ReadOptions): Read;
}

export class PacedReads {
  readonly #log: ReadableLog;
  readonly #list: SegmentList;
  readonly #clock: Clock;
  readonly #watch: ReadWatch;
  /** Of lookups that go through all segments. */
  readonly #wide = new SegmentPace(0);

  constructor(log: ReadableLog, list: SegmentList, { clock, files }: Environment) {
    this.#log = log;
    this.#list = list;
    this.#clock = outsideClock(clock);
    this.#watch = { nowMs: () => this.#clock.monotonicMs(), blocksRead: files.blocksRead };
  }

  /** What `read` of the log gives; null where that might wait: `reach` it first, and ask the log itself. */
  read(offset: number, options: ReadOptions): Read | null {
    const segment = this.#segmentOf(offset);
    if (segment === undefined) return this.#log.read(offset, options);
    const startMs = this.#clock.monotonicMs();
    if (segment.pace.mustWait(startMs)) return null;
    const read = this.#log.read(offset, options);
    this.#readNow(segment.pace, startMs);
    return read;
  }

  /** Resolves when all that such a read looks at has been brought into memory. */
  async reach(offset: number, options: ReadOptions): Promise<void> {
    await this.#reached(this.#segmentOf(offset)?.pace ?? this.#wide, () => {
      const read = this.#log.read(offset, options);
      if (read.ok) for (const region of read.regions) region.release();
    });
  }

  /** For a search that may look at every segment. It gives a promise where it is to be begun anew after that. */
  find<T>(search: () => T | Promise<void>): T | Promise<T> {
    const startMs = this.#clock.monotonicMs();
    if (!isInMemory(this.#list.first) && this.#wide.mustWait(startMs)) return this.#findReached(search);
    const found = search();
    this.#readNow(this.#wide, startMs);
    return found instanceof Promise ? found.then(() => this.find(search)) : found;
  }

  async #findReached<T>(search: () => T | Promise<void>): Promise<T> {
    for (;;) {
      const found = await this.#reached(this.#wide, () => ({ is: search() }));
      if (!(found.is instanceof Promise)) return found.is;
      await found.is;
    }
  }

  /** The one that is looked at first; undefined where nothing of it has to be read from a disk. */
  #segmentOf(offset: number): Segment | undefined {
    const list = this.#list;
    const { active } = list;
    if (active === undefined || isInMemory(active)) return undefined;
    if (offset < active.baseOffset) return list.segments[Math.max(0, list.indexFor(offset))];
    return active.pace.hasCome(offset, active.nextOffset) ? undefined : active;
  }

  async #reached<T>(pace: SegmentPace, work: () => T): Promise<T> {
    let isSlow = false;
    const found = await pagedIn(this.#watch, () => (isSlow = true), work);
    pace.looked(this.#clock.monotonicMs());
    if (isSlow) pace.wasSlow();
    else pace.wasFast();
    return found;
  }

  #readNow(pace: SegmentPace, startMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (!cameFromDisk(startMs, nowMs, this.#watch.blocksRead)) return;
    pace.wasSlow();
    beCautious(nowMs);
  }
}

/** Where a view costs nothing there is no disk. */
function isInMemory(segment: Segment | undefined): boolean {
  return segment === undefined || segment.file.viewSync !== undefined;
}

export class SegmentPace extends ReadPace {
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Where the segment ended when somebody looked last. */
  #seenEndOffset: number;

  /** `fromOffset`: from here on this process has written it. */
  constructor(fromOffset: number) {
    super(firstInPool);
    this.#seenEndOffset = fromOffset;
  }

  /** Whether the offset has come since. */
  hasCome(offset: number, endOffset: number): boolean {
    const isNew = offset >= this.#seenEndOffset;
    this.#seenEndOffset = endOffset;
    return isNew;
  }

  looked(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  mustWait(nowMs: number): boolean {
    if (nowMs - this.#lastMs > forgottenMs) this.doubt();
    this.#lastMs = nowMs;
    return this.isInPool || isCautious(nowMs);
  }
}
