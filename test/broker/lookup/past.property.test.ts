import { expect, test } from 'vitest';
import type { GetOptions, KeyAnswer } from '../../../broker/lookup/lookup.ts';
import { LookupRefused } from '../../../broker/lookup/lookup.ts';
import { transactionStateTopic } from '../../../broker/metadata/topic-names.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { cleanPartition } from '../../../compaction/clean-partition.ts';
import { InProcessCleaner } from '../../../compaction/in-process-cleaner.ts';
import { JsKernel } from '../../../compaction/kernel-js.ts';
import * as batch from '../../../protocol/records/batch.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { codecIds } from '../../../protocol/records/compression.ts';
import { controlTypeOf, controlTypes } from '../../../protocol/records/control.ts';
import { openRecords } from '../../../protocol/records/record.ts';
import { BatchWalk } from '../../../storage/log/batch-walk.ts';
import { generousLimits } from '../../compaction/compacted-log.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { expectAppended } from '../world.ts';
import { livesIn } from './every-record.ts';
import { bytes, type LookupWorld, openLookupWorld } from './lookup-world.ts';

const runs = Number(process.env['KOMPAKT_RUNS'] ?? 6);
const firstSeed = Number(process.env['KOMPAKT_SEED'] ?? 1);
const keys = ['a', 'b', 'c', 'd', 'e'];

/**
 * Producers' clocks go as they like, the log is compacted, cut at its beginning, restarted, killed in the middle of a pass and, in some
 * runs, cleaned by somebody who keeps nothing about it: as of any time the answer is that of a log from which nothing was ever taken,
 * or that it is gone. It is never gone where it need not be.
 */
test('as of a time the answer is that of a log that has lost nothing, or none', async () => {
  const told = { answered: 0, gone: 0 };
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const history = await History.begin(seed);
    for (let n = 1; n <= 60; n++) {
      await history.step();
      history.look();
      const outcome = await history.ask(`seed ${seed}, step ${n}`);
      if (outcome !== null) told[outcome]++;
    }
    await history.stop();
  }
  expect(told.answered).toBeGreaterThan(10 * runs);
  expect(told.gone).toBeGreaterThan(runs);
});

interface Remembered {
  readonly key: string | null;
  readonly value: string | null;
  readonly ms: number;
  readonly producerId: number;
  isOpen: boolean;
  isAborted: boolean;
}

class History {
  readonly #random: SeededRandom;
  readonly #mayDelete: boolean;
  readonly #hasStrangers: boolean;
  readonly #spreadMs: number;
  #files: FaultyFileSystem;
  #at!: LookupWorld;
  #client!: TransactionClient;
  /** By offset. */
  #all: Remembered[] = [];
  #values = 0;
  #wasStranger = false;

  private constructor(seed: number, files: FaultyFileSystem) {
    this.#random = new SeededRandom(seed);
    this.#files = files;
    this.#mayDelete = seed % 3 === 0;
    this.#hasStrangers = seed % 4 === 1;
    this.#spreadMs = this.#random.pick([0, 50, 2_000]);
  }

  static async begin(seed: number): Promise<History> {
    const clock = new VirtualClock();
    const files = new FaultyFileSystem({ clock });
    files.makeDirectorySync('/data');
    const history = new History(seed, files);
    await history.#open(clock);
    await history.#at.table('t', 1, {
      'cleanup.policy': history.#mayDelete ? 'compact,delete' : 'compact',
      'min.cleanable.dirty.ratio': '0',
      'delete.retention.ms': '500',
      'retention.ms': '-1',
    });
    return history;
  }

  get #partition(): Partition {
    return this.#at.world.partitions.get('t', 0)!;
  }

  async step(): Promise<void> {
    const random = this.#random;
    const { clock } = this.#at.world;
    const { log } = this.#partition;
    const die = random.below(100);
    if (die < 45) await this.#append();
    else if (die < 52) await this.#client.send('t-0', `${random.pick(keys)}=${this.#values++}`);
    else if (die < 58) await (random.chance(0.5) ? this.#client.abort() : this.#client.commit());
    else if (die < 70) await log.roll();
    else if (die < 82) await this.#compact(random.chance(0.5));
    else if (die < 90) await clock.advance(random.below(800));
    else if (die < 93) await this.#restart();
    else if (die < 96) await this.#kill();
    else if (die < 98 && this.#mayDelete) {
      const { logStartOffset, highWatermark } = log;
      await log.deleteRecordsBefore(logStartOffset + random.below(highWatermark - logStartOffset + 1));
      if (random.chance(0.7)) await clock.until(log.applyRetention(clock.nowMs()));
    } else if (this.#hasStrangers) await this.#cleanAsStranger();
  }

  /** Remembers what has come. */
  look(): void {
    const { log } = this.#partition;
    const from = this.#all.length;
    for (const segment of log.segments()) {
      if (segment.nextOffset <= from) continue;
      const file = this.#files.openSync(segment.path, 'read');
      const walk = new BatchWalk(file, 0, segment.sizeBytes, { whole: true });
      while (walk.next())
        if (batch.baseOffset(walk.buffer, walk.at) >= from) this.#remember(walk.buffer, walk.at);
      file.close();
    }
  }

  /** The past of some key as of some time. */
  async ask(when: string): Promise<'answered' | 'gone' | null> {
    const { log } = this.#partition;
    const key = this.#random.pick(keys);
    const times = this.#all.map(({ ms }) => ms);
    if (times.length === 0 || log.lastStableOffset === 0) return null;
    const asOfMs = Math.max(0, this.#random.pick(times) + this.#random.below(3) - 1);
    const text = `${when}: ${key} as of ${asOfMs}`;
    const outcome = await this.#answer(key, { asOfMs });
    const bound = this.#boundOf(asOfMs);
    if (!(outcome instanceof LookupRefused)) {
      this.#expectTrue(outcome, key, asOfMs, text);
      return 'answered';
    }
    const { refusal } = outcome;
    expect(refusal, text).toMatchObject({ reason: 'gone' });
    if (refusal.reason !== 'gone') return null;
    if (!this.#wasStranger) {
      // It is known where the record of then is still there, and where the cleaner has not been.
      expect(this.#keptBelow(key, bound), text).toBeUndefined();
      if (log.logStartOffset === 0) expect(bound, text).toBeLessThan(this.#at.cleaner.ranges.of(log));
      expect(refusal.earliestMs, text).not.toBeNull();
    }
    if (refusal.earliestMs !== null) {
      const again = await this.#answer(key, { asOfMs: refusal.earliestMs });
      if (again instanceof LookupRefused)
        throw new Error(`${text}, then ${refusal.earliestMs}`, { cause: again });
      this.#expectTrue(again, key, refusal.earliestMs, `${text}, then ${refusal.earliestMs}`);
    }
    const offset = await this.#answer(key, { asOfOffset: refusal.earliestOffset });
    expect(offset, `${text}, then offset ${refusal.earliestOffset}`).not.toBeInstanceOf(LookupRefused);
    return 'gone';
  }

  async stop(): Promise<void> {
    const { lookups, tables, stop } = this.#at;
    lookups.stop();
    await tables.stop();
    await stop();
  }

  async #answer(key: string, options: GetOptions): Promise<KeyAnswer | LookupRefused> {
    const asked = this.#at.lookups.get('t', bytes(key), { ...options, waitMs: 60_000 });
    return this.#at.done(
      asked.catch((error: unknown) => {
        if (error instanceof LookupRefused) return error;
        throw error;
      }),
    );
  }

  #expectTrue(answer: KeyAnswer, key: string, asOfMs: number, text: string): void {
    const { lastStableOffset, logStartOffset } = this.#partition.log;
    const bound = this.#boundOf(asOfMs);
    const newest = this.#decidedBelow(bound, key).at(-1);
    // What the log start has taken is not there any more, now.
    const isNow = bound >= lastStableOffset && logStartOffset > 0;
    const truth =
      newest === undefined || this.#all[newest]!.value === null
        ? 'nothing'
        : `${newest} ${key}=${this.#all[newest]!.value}`;
    const isCut = isNow && newest !== undefined && newest < logStartOffset;
    expect(livesIn(answer), text).toBe(isCut ? 'nothing' : truth);
  }

  /** Where ListOffsets would begin, had nothing been taken away. */
  #boundOf(ms: number): number {
    const { lastStableOffset } = this.#partition.log;
    const first = this.#all.findIndex((record) => record.ms > ms);
    return first < 0 || first > lastStableOffset ? lastStableOffset : first;
  }

  #decidedBelow(bound: number, key: string): number[] {
    return [...this.#all.keys()].filter((offset) => {
      const record = this.#all[offset]!;
      return offset < bound && record.key === key && !record.isAborted && !record.isOpen;
    });
  }

  #keptBelow(key: string, bound: number): number | undefined {
    const { log } = this.#partition;
    const kept = this.#keptOffsets();
    return this.#decidedBelow(bound, key).findLast(
      (offset) => kept.has(offset) && offset >= log.logStartOffset,
    );
  }

  #keptOffsets(): Set<number> {
    const { log } = this.#partition;
    const kept = new Set<number>();
    for (const segment of log.segments()) {
      const file = this.#files.openSync(segment.path, 'read');
      const walk = new BatchWalk(file, 0, segment.sizeBytes, { whole: true });
      while (walk.next()) {
        const cursor = openRecords(walk.buffer, walk.at);
        while (cursor.next()) kept.add(cursor.offset);
      }
      file.close();
    }
    return kept;
  }

  #remember(buffer: Buffer, at: number): void {
    const producerId = batch.producerId(buffer, at);
    const isControl = batch.isControl(buffer, at);
    const cursor = openRecords(buffer, at);
    while (cursor.next()) {
      const { offset, key, value, timestamp: ms } = cursor.record();
      if (offset !== this.#all.length)
        throw new Error(`offset ${offset} is remembered as ${this.#all.length}`);
      if (isControl) {
        const isAborted = controlTypeOf(cursor.record()) === controlTypes.abort;
        for (const own of this.#all)
          if (own.isOpen && own.producerId === producerId) Object.assign(own, { isOpen: false, isAborted });
      }
      this.#all.push({
        key: isControl || key === null ? null : `${key}`,
        value: value === null ? null : `${value}`,
        ms,
        producerId,
        isOpen: batch.isTransactional(buffer, at) && !isControl,
        isAborted: false,
      });
    }
  }

  async #append(): Promise<void> {
    const random = this.#random;
    const { clock } = this.#at.world;
    const records = Array.from({ length: 1 + random.below(4) }, () => ({
      timestampMs: clock.nowMs() - random.below(this.#spreadMs + 1),
      key: bytes(random.pick(keys)),
      value: random.chance(0.2) ? null : bytes(`${this.#values++}`),
    }));
    const codec = random.chance(0.3) ? codecIds.gzip : codecIds.none;
    expectAppended(await this.#partition.append(buildBatch({ records, codec }), { origin: 'client' }));
    await clock.advance(random.below(100));
  }

  async #compact(includeActive: boolean): Promise<void> {
    await this.#at.done(this.#at.compactions.compact('t', { includeActive }));
  }

  async #restart(): Promise<void> {
    const { clock } = this.#at.world;
    await this.stop();
    await this.#open(clock);
  }

  /** At any moment of a pass; what was written is there. */
  async #kill(): Promise<void> {
    const { clock } = this.#at.world;
    if (this.#random.chance(0.5)) await this.#partition.log.roll();
    const passing = this.#at.compactions.compact('t', { includeActive: this.#random.chance(0.5) });
    passing.catch(() => {});
    for (let n = this.#random.below(40); n > 0; n--) await clock.advance(0);
    this.look();
    this.#files = this.#files.afterKill();
    this.#at.lookups.stop();
    await this.#open(clock);
  }

  async #open(clock: VirtualClock): Promise<void> {
    this.#at = await openLookupWorld({ clock, files: this.#files });
    const { world } = this.#at;
    await world.cluster.controller.ensureInternalTopic(transactionStateTopic);
    // What the one before has left open is being aborted.
    do {
      await clock.advance(100);
      this.#client = new TransactionClient(world, 2, 'tx');
    } while ((await this.#client.init()) !== 'NONE');
  }

  /** As another broker does that had the directory meanwhile: nothing of ours is written. */
  async #cleanAsStranger(): Promise<void> {
    await this.#restart();
    const { world, cleaner, offsets, done } = this.#at;
    const { clock, files, random } = world;
    const { log } = this.#partition;
    await log.roll();
    const { view, cleanable } = cleaner.look(log);
    const thread = new InProcessCleaner({ clock, files, random }, () => new JsKernel());
    const outcome = await done(
      cleanPartition(log, view, cleanable, {
        thread,
        limits: generousLimits,
        nowMs: clock.nowMs(),
        isDryRun: false,
        tombstonesGoUpToMs: -1,
        countsUncleanable: false,
      }),
    );
    if (outcome.kind === 'cleaned' && this.#random.chance(0.8))
      await offsets.set('t', 0, outcome.result.endOffset);
    this.#wasStranger = true;
    this.look();
    await this.#restart();
  }
}
