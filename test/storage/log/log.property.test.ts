import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import type { NewBatch } from '../../../protocol/records/batch-builder.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import type { TopicSettings } from '../../../storage/config/topic-settings.ts';
import { delay } from '../../../storage/environment/clock.ts';
import type { Log } from '../../../storage/log/log.ts';
import type { AppendOutcome, DurabilityPolicy } from '../../../storage/log/log-types.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { batchOf, openLog, readBytes } from './log-fixture.ts';

/**
 * A log against a list: appends of all sizes without waiting for each other, rolls, retention, deleted records, slow and
 * failing disks, kills and losses of power. After every start the log is a piece of what was written, in order and without
 * a hole; what was acknowledged is in it, after a kill under any policy, after a loss of power under `fsync`.
 */

const policies: readonly DurabilityPolicy[] = [
  { kind: 'fsync' },
  { kind: 'page-cache' },
  { kind: 'interval', intervalMs: 20 },
];

class World {
  readonly random: SeededRandom;
  readonly clock = new VirtualClock();
  readonly durability: DurabilityPolicy;
  readonly settings: Partial<TopicSettings>;
  files: FaultyFileSystem;
  log: Log;
  /** Value by offset, of all that was acknowledged in this history. */
  readonly known = new Map<number, string>();
  /** Values that were sent; which offset they got is not known. */
  readonly sent = new Set<string>();
  /** Below it everything was acknowledged as durable as the policy promises. */
  acknowledgedEnd = 0;
  /** What the log-start checkpoint says. */
  keptStart = 0;
  /** After a loss of power the page cache may have lost a piece in the middle. */
  #mayHaveHoles = false;
  readonly failures: unknown[] = [];
  #next = 0;
  #pending: Promise<void>[] = [];
  /** The last one that was sent, by producer. */
  readonly #sequences = new Map<number, number>();

  constructor(seed: number, policy: DurabilityPolicy) {
    this.random = new SeededRandom(seed);
    this.durability = policy;
    this.settings = {
      'internal.segment.bytes': this.random.pick([2_000, 20_000, 900_000]),
      'index.interval.bytes': this.random.pick([0, 300, 4096]),
      'segment.index.bytes': this.random.pick([64, 4096]),
      'retention.bytes': this.random.pick([-1, 5_000, 600_000]),
      'file.delete.delay.ms': this.random.pick([0, 100]),
      'flush.messages': this.random.pick([3, 1000]),
      preallocate: this.random.chance(0.2),
    };
    this.files = new FaultyFileSystem({ clock: this.clock });
    this.files.makeDirectorySync('/data');
    this.files.syncDirectorySync('/');
    this.log = this.open(false);
  }

  open(cleanShutdown: boolean, recoveryPoint = 0): Log {
    const { durability, settings, keptStart: logStartOffset } = this;
    const log: Log = openLog(
      { clock: this.clock, files: this.files, random: this.random },
      {
        durability,
        settings,
        cleanShutdown,
        recoveryPoint,
        logStartOffset,
        keepStartOffset: async () => {
          await delay(this.clock, 5);
          if (log === this.log) this.keptStart = log.logStartOffset;
          return true;
        },
      },
    );
    return log;
  }

  append(): void {
    const values: string[] = [];
    const count = 1 + this.random.below(4);
    const bytes = this.random.chance(0.1) ? 300_000 : this.random.below(400);
    for (let n = 0; n < count; n++) values.push(`${this.#next++}:`.padEnd(Math.ceil(bytes / count), 'x'));
    if (bytes > Number(this.settings['internal.segment.bytes'])) return;
    for (const value of values) this.sent.add(value);
    const records = batchOf(values, { timestampMs: this.clock.nowMs(), ...this.#asProducer(count) });
    const outcome = this.log.append(records, { origin: 'client', leaderEpoch: 0, ownsBuffer: false });
    // The log has copied what it could not write at once.
    records.fill(0);
    const { log } = this;
    const note = (done: AppendOutcome): void => {
      // Nobody hears the answers of a process that is gone.
      if (!done.ok || log !== this.log) return;
      expect(done.lastOffset - done.baseOffset).toBe(count - 1);
      for (let n = 0; n < count; n++) this.known.set(done.baseOffset + n, values[n]!);
      this.acknowledgedEnd = Math.max(this.acknowledgedEnd, done.lastOffset + 1);
      expect(this.log.highWatermark).toBeGreaterThan(done.lastOffset);
    };
    if (outcome instanceof Promise)
      this.#pending.push(outcome.then(note).catch((error) => void this.failures.push(error)));
    else note(outcome);
  }

  /** Half of the batches come from one of three idempotent producers, which goes on where the log says that it is. */
  #asProducer(count: number): Partial<NewBatch> {
    const producerId = this.random.below(6);
    if (producerId >= 3) return {};
    const state = [...this.log.producers()].find((each) => each.producerId === producerId);
    const before = this.#sequences.get(producerId);
    const baseSequence = Math.max(before ?? -1, state?.lastSequence ?? -1) + 1;
    this.#sequences.set(producerId, baseSequence + count - 1);
    return { producerId, producerEpoch: 0, baseSequence };
  }

  /** The producers are those whose batches are in the log, as of their last one. */
  #checkProducers(): void {
    const last = new Map<number, number>();
    forEachVisible(this.log, (bytes, at) => {
      if (batch.producerId(bytes, at) >= 0)
        last.set(batch.producerId(bytes, at), batch.lastSequence(bytes, at));
    });
    const states = new Map([...this.log.producers()].map((each) => [each.producerId, each.lastSequence]));
    for (const [producerId, sequence] of last) expect(states.get(producerId)).toBe(sequence);
    this.#sequences.clear();
  }

  /** What readers see is what was written, without a hole. */
  checkVisible(): void {
    const { log } = this;
    const seen = readAll(log);
    const offsets = seen.map(([offset]) => offset);
    if (this.#mayHaveHoles) expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
    else expect(offsets).toEqual(range(log.logStartOffset, log.highWatermark));
    for (const [offset, value] of seen) this.#checkValue(offset, value);
    if (this.durability.kind === 'fsync')
      expect(log.highWatermark).toBeGreaterThanOrEqual(this.acknowledgedEnd);
  }

  #checkValue(offset: number, value: string): void {
    const known = this.known.get(offset);
    if (known === value) return;
    // What was refused may have reached the device all the same, and with the page cache its successor not.
    if (known !== undefined && !this.#mayHaveHoles)
      expect(value.slice(0, 20), `at ${offset}`).toBe(known.slice(0, 20));
    expect(this.sent.has(value), `unknown value at ${offset}`).toBe(true);
  }

  async settle(): Promise<void> {
    await this.clock.advance(1000);
    await Promise.all(this.#pending);
    this.#pending = [];
  }

  /** A new process finds what a kill or a loss of power has left. */
  restart(how: 'kill' | 'crash'): void {
    const { recoveryPoint } = this.log;
    const visible = readAll(this.log);
    const isDurable = how === 'kill' || this.durability.kind === 'fsync';
    const mustHave = isDurable ? this.acknowledgedEnd : recoveryPoint;
    if (!isDurable) this.#mayHaveHoles = true;
    this.#pending = [];
    this.files = how === 'kill' ? this.files.afterKill() : this.files.afterCrash(this.random);
    // The checkpoint may be older than what the log knew.
    const checkpoint = this.random.pick([0, Math.floor(recoveryPoint / 2), recoveryPoint]);
    this.log = this.open(false, checkpoint);
    this.#checkStart(how, visible, mustHave);
  }

  async reopen(): Promise<void> {
    await this.settle();
    const { recoveryPoint } = this.log;
    const visible = readAll(this.log);
    const clean = await this.clock.until(this.log.close());
    if (!clean && this.durability.kind !== 'fsync') this.#mayHaveHoles = true;
    this.keptStart = this.log.logStartOffset;
    this.files = this.files.afterCrash(this.random);
    this.log = this.open(clean, recoveryPoint);
    const isDurable = clean || this.durability.kind === 'fsync';
    this.#checkStart('close', visible, isDurable ? this.acknowledgedEnd : recoveryPoint);
  }

  #checkStart(how: string, visible: readonly [number, string][], mustHave: number): void {
    const { log } = this;
    expect(log.endOffset, `after a ${how}`).toBeGreaterThanOrEqual(mustHave);
    expect(log.highWatermark).toBe(log.endOffset);
    expect(log.logStartOffset).toBeGreaterThanOrEqual(this.keptStart);
    const now = new Map(readAll(log));
    for (const [offset] of visible) {
      if (offset < mustHave && offset >= log.logStartOffset)
        expect(now.has(offset), `${offset} is gone after a ${how}`).toBe(true);
    }
    this.#forgetAbove(log.endOffset, now);
    this.#checkProducers();
  }

  /** What is in the log now is what was written; what is not will be written anew. */
  #forgetAbove(endOffset: number, now: ReadonlyMap<number, string>): void {
    for (const [offset, value] of now) {
      this.#checkValue(offset, value);
    }
    for (const offset of [...this.known.keys()]) if (offset >= endOffset) this.known.delete(offset);
    for (const [offset, value] of now) this.known.set(offset, value);
    this.acknowledgedEnd = endOffset;
  }

  async step(): Promise<void> {
    const { random, log } = this;
    if (this.failures.length > 0) throw this.failures[0];
    const dice = random.below(100);
    if (dice < 55) this.append();
    else if (dice < 65) await this.clock.advance(random.below(30));
    else if (dice < 70) void log.roll();
    else if (dice < 74) void log.applyRetention(this.clock.nowMs());
    else if (dice < 77) void log.deleteRecordsBefore(random.below(log.highWatermark + 1));
    else if (dice < 80) void log.flush();
    else if (dice < 85) this.checkVisible();
    else if (dice < 88) this.files.fail('write').on('*.log').with('ENOSPC').short(random.below(300)).times(1);
    else if (dice < 89)
      this.files
        .fail(random.pick(['write', 'sync', 'truncate']))
        .on('*')
        .times(1);
    else if (dice < 92) this.files.delay(random.pick(['write', 'sync']), random.below(20)).times(3);
    else if (dice < 95) this.restart('kill');
    else if (dice < 98) this.restart('crash');
    else await this.reopen();
  }
}

function readAll(log: Log): [number, string][] {
  const found: [number, string][] = [];
  forEachVisible(log, (bytes, at) => {
    for (const record of readRecords(bytes, at)) {
      if (record.offset >= log.logStartOffset) found.push([record.offset, String(record.value)]);
    }
  });
  return found;
}

function forEachVisible(log: Log, visit: (bytes: Buffer, at: number) => void): void {
  for (let next = log.logStartOffset; next < log.highWatermark; ) {
    const bytes = readBytes(log, next, { maxBytes: 50_000, minOneBatch: true, upTo: 'high-watermark' });
    const before = next;
    batch.forEachBatch(bytes, 0, bytes.length, (at) => {
      visit(bytes, at);
      next = batch.lastOffset(bytes, at) + 1;
    });
    if (next === before) break;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);
}

describe.each(policies)('a log under $kind', (policy) => {
  it('is a piece of what was written, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 5, max: 80 }), async (seed, steps) => {
        const world = new World(seed, policy);
        for (let n = 0; n < steps; n++) await world.step();
        await world.settle();
        world.checkVisible();
      }),
      // The same histories every time; KOMPAKT_SEED gives others, KOMPAKT_RUNS more of them.
      {
        seed: Number(process.env['KOMPAKT_SEED'] ?? 20261122),
        numRuns: Number(process.env['KOMPAKT_RUNS'] ?? 150),
      },
    );
  });
});
