import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { createKernel } from '../../../compaction/create-kernel.ts';
import type { Kernel } from '../../../compaction/kernel.ts';
import { JsKernel } from '../../../compaction/kernel-js.ts';
import { virtualStartMs } from '../../simulation/virtual-clock.ts';
import { difference } from './compare.ts';
import { type Directory, readDisk, writeDisk } from './directories.ts';
import { baseOffsetsIn, movedBy } from './distant-offsets.ts';
import type { Cleaned, CleanRequest, KafkaCleaner } from './kafka-cleaner.ts';
import * as ours from './our-log.ts';
import type { PassPlan, Plan, Stage } from './plan.ts';
import { LogWriting } from './write-log.ts';

/** Runs a plan with our cleaner and, from the same bytes before each pass, with Apache Kafka's, and tells where they part. */

/** What the passes of some plans did, to see that there was something to compare. */
export class Coverage {
  passes = 0;
  cleaned = 0;
  /** The map was full before the end of the range. */
  partial = 0;
  emptyBatches = 0;
  /** Not compared: see `misleadsKafka`. */
  misled = 0;
  readonly records: Record<string, number> = {};

  add({ cleaned, result }: ours.OurPass): void {
    this.passes++;
    if (result === null) return;
    this.cleaned++;
    if (cleaned.endOffset < cleaned.firstUncleanableOffset) this.partial++;
    this.emptyBatches += result.emptyBatches;
    for (const [reason, count] of Object.entries(result.records))
      this.records[reason] = (this.records[reason] ?? 0) + count;
  }
}

/** Called at each pass, for who wants to look closer. */
export type OnPass = (
  before: Directory,
  request: object,
  ours: ours.OurPass,
  kafkas: KafkasPass,
) => Promise<void>;

interface KafkasPass {
  readonly cleaned: Cleaned;
  readonly directory: Directory;
}

export interface RunOptions {
  readonly kafka: KafkaCleaner;
  /** Where Kafka's directories are made, and removed. */
  readonly scratch: string;
  readonly coverage: Coverage;
  readonly onPass?: OnPass;
}

/**
 * The one thing in which we part on purpose. When the map was full in the middle of a segment, the next pass of Kafka's begins
 * there, from the nearest index entry on, and takes the aborted transactions that ended before for ones that are open: the
 * segment's index says so, and their markers are not read again. Committed records of their producers then stay out of the
 * map. Records that they supersede stay, and when such a record is a tombstone that goes later, a value that it had deleted
 * comes back. We leave out what has ended (key-index.ts).
 */
function misleadsKafka(directory: Directory, firstDirtyOffset: number, logStartOffset: number): boolean {
  const bases = [...directory.keys()].filter((name) => name.endsWith('.log')).sort();
  const base = bases.findLast((name) => Number(name.slice(0, 20)) <= firstDirtyOffset);
  const index = base && directory.get(base.replace('.log', '.txnindex'))?.bytes;
  if (!index) return false;
  for (let at = 0; at < index.length; at += abortedTransactionBytes) {
    const lastOffset = Number(index.readBigInt64BE(at + lastOffsetAt));
    if (lastOffset >= logStartOffset && lastOffset < firstDirtyOffset) return true;
  }
  return false;
}
const abortedTransactionBytes = 34;
const lastOffsetAt = 18;

export class PlanRun {
  readonly #options: RunOptions;
  readonly #plan: Plan;
  readonly #kernel: Kernel;
  readonly #writing = new LogWriting(virtualStartMs);
  #directory: Directory = new Map();
  #checkpoint = -1;

  private constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#kernel = plan.seed % 2 === 0 ? new JsKernel() : createKernel();
  }

  /** What differs first, null if nothing does. */
  static async differs(plan: Plan, options: RunOptions): Promise<string | null> {
    return new PlanRun(plan, options).#run();
  }

  async #run(): Promise<string | null> {
    const { legacy, stages } = this.#plan;
    this.#directory = await this.#writing.legacy(legacy);
    for (const [n, stage] of stages.entries()) {
      if (stage.start.kind === 'gap') this.#moveSegments(stage.start);
      this.#directory = await this.#writing.stage(this.#directory, stage);
      for (const [m, pass] of stage.passes.entries()) {
        const found = await this.#pass(stage, pass);
        if (found !== null) return `stage ${n}, pass ${m}: ${found}`;
      }
    }
    return this.#state();
  }

  #moveSegments({ share, by }: { share: number; by: number }): void {
    const later = baseOffsetsIn(this.#directory).slice(1);
    const fromBase = later[Math.floor(share * later.length)];
    // Messages of magic 0 hold offsets inside of what is compressed.
    if (fromBase === undefined || this.#plan.legacy.length > 0) return;
    this.#directory = movedBy(this.#directory, fromBase, by);
    if (this.#checkpoint >= fromBase) this.#checkpoint += by;
    if (this.#writing.logStart >= fromBase) this.#writing.logStart += by;
  }

  async #pass(stage: Stage, pass: PassPlan): Promise<string | null> {
    const { kafka, coverage, onPass } = this.#options;
    this.#writing.nowMs += pass.waitMs;
    const request = this.#request(stage, pass);
    const before = this.#directory;
    const left = await ours.clean(before, request, () => this.#kernel);
    this.#go(left);
    coverage.add(left);
    const right = await this.#onDisk(before, async (dir) => {
      const cleaned = await kafka.clean({ ...request, dir });
      return { cleaned, directory: readDisk(dir) };
    });
    await onPass?.(before, request, left, right);
    if (misleadsKafka(before, left.cleaned.firstDirtyOffset, request.logStart)) {
      coverage.misled++;
      return null;
    }
    if (!isDeepStrictEqual(left.cleaned, right.cleaned))
      return `answers\n  ours    ${sorted(left.cleaned)}\n  Kafka's ${sorted(right.cleaned)}`;
    if (pass.goesOnWith === 'kafkas') this.#go(right);
    return difference(left.directory, right.directory, before);
  }

  #request({ settings }: Stage, pass: PassPlan): Omit<CleanRequest, 'dir'> {
    const { mapBytes, loadFactor, bufferBytes, retains } = pass;
    const { nowMs, logStart } = this.#writing;
    const checkpoints = {
      kept: this.#checkpoint,
      none: -1,
      'beyond-end': 10 ** 12,
      'below-start': logStart - 1,
    };
    const firstDirty = checkpoints[pass.checkpoint];
    const limits = { mapBytes, loadFactor, bufferBytes };
    const all = { ...settings, ...pass.settings };
    return { nowMs, logStart, settings: all, firstDirty, ...limits, retain: retains };
  }

  #go({ cleaned, directory }: KafkasPass): void {
    this.#directory = directory;
    this.#writing.logStart = cleaned.logStartOffset;
    this.#checkpoint = cleaned.endOffset;
  }

  /** What each finds in the last directory without snapshots of the producers, as after a crash. */
  async #state(): Promise<string | null> {
    const directory = new Map(this.#directory);
    for (const name of this.#directory.keys()) if (name.endsWith('.snapshot')) directory.delete(name);
    const { logStart } = this.#writing;
    // So early that no producer has expired: Kafka forgets those whenever it happens to read a snapshot in the middle of recovery.
    const nowMs = virtualStartMs;
    const settings = { ...this.#plan.stages.at(-1)?.settings, 'segment.index.bytes': 40_000 };
    const request = { nowMs, logStart, settings };
    const left = await ours.state(directory, request);
    const right = await this.#onDisk(directory, (dir) => this.#options.kafka.state({ ...request, dir }));
    if (isDeepStrictEqual(left, right)) return null;
    return `after a crash\n  ours    ${sorted(left)}\n  Kafka's ${sorted(right)}`;
  }

  async #onDisk<Result>(directory: Directory, use: (dir: string) => Promise<Result>): Promise<Result> {
    const place = mkdtempSync(join(this.#options.scratch, 'log-'));
    const dir = join(place, 'orders-3');
    writeDisk(dir, directory);
    try {
      return await use(dir);
    } finally {
      rmSync(place, { recursive: true });
    }
  }
}

function sorted(value: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}
