/**
 * What every state machine over a log must satisfy. A machine's own test file calls `stateMachineSuite` with a way to make
 * one and a source of random decisions:
 *
 *     deciding changes nothing           live state = replayed state
 *     replay(compact(log)) = replay(log), for machines whose log the cleaner may thin out to the newest record per key, and
 *     replay(clean(log)) = replay(log), with the cleaner itself, wherever it has come to
 */
import { describe, expect, test } from 'vitest';
import { Journal, type JournalLog } from '../../broker/journal/journal.ts';
import type { Decision, EntryCodec, StateMachine } from '../../broker/journal/state-machine.ts';
import { silentLogger } from '../../broker/observe/logger.ts';
import { batchSizeInBytes, forEachBatch } from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { type LogRecord, readRecords } from '../../protocol/records/record.ts';
import { CompactedJournalLog } from '../compaction/journal-log.ts';
import { MemoryLog } from '../simulation/memory-log.ts';
import { SeededRandom } from '../simulation/random.ts';

/** A machine under test. */
export interface MachineSubject<Entry> {
  readonly machine: StateMachine<Entry>;
  readonly codec: EntryCodec<Entry>;
  /** Everything the machine would answer from, as plain comparable data. */
  state(): unknown;
  /** Some decision against the present state, drawn from `random`; time is `nowMs`. */
  decide(random: SeededRandom, nowMs: number): Decision<Entry, unknown>;
}

export interface MachineSuiteOptions {
  readonly isCompacted: boolean;
  readonly seeds?: number;
  readonly steps?: number;
}

/** Registers the suite; `make` gives a new empty machine with all that it needs. */
export function stateMachineSuite<Entry>(
  name: string,
  make: () => MachineSubject<Entry>,
  options: MachineSuiteOptions,
): void {
  const { seeds = 20, steps = 60 } = options;

  describe(`state machine: ${name}`, () => {
    test('deciding changes nothing; what is live is what a replay gives', async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const log = new MemoryLog();
        const live = make();
        await runRandomly(live, log, seed, steps);
        const replayed = make();
        await load(replayed, log);
        expect(replayed.state(), `seed ${seed}`).toEqual(live.state());
      }
    });

    test('a journal that loads again has the state it had', async () => {
      const log = new MemoryLog();
      const subject = make();
      const journal = await runRandomly(subject, log, 7, steps);
      const before = subject.state();
      await journal.load();
      expect(subject.state()).toEqual(before);
    });

    if (!options.isCompacted) return;
    test('the newest record of each key tells the whole state', async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const log = new MemoryLog();
        const live = make();
        await runRandomly(live, log, seed, steps);
        const replayed = make();
        await load(replayed, compacted(log));
        expect(replayed.state(), `seed ${seed}`).toEqual(live.state());
      }
    });

    test('what the cleaner has left of the log tells the whole state', async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const written = new MemoryLog();
        const live = make();
        await runRandomly(live, written, seed, steps);
        const topic = new CompactedJournalLog(seed);
        await copyInto(topic, written);
        for (let pass = 1; pass <= 3; pass++) {
          await topic.clean(pass > 1);
          await topic.environment.clock.advance(2_000);
          const replayed = make();
          await load(replayed, topic.partition);
          expect(replayed.state(), `seed ${seed}, pass ${pass}`).toEqual(live.state());
        }
      }
    });
  });
}

/** The same batches at the same offsets. */
async function copyInto({ log, environment }: CompactedJournalLog, from: MemoryLog): Promise<void> {
  const bytes = from.bytes();
  for (let at = 0; at < bytes.length; at += batchSizeInBytes(bytes, at)) {
    const records = Buffer.from(bytes.subarray(at, at + batchSizeInBytes(bytes, at)));
    const outcome = await log.append(records, { origin: 'coordinator', leaderEpoch: 0, ownsBuffer: true });
    expect(outcome).toMatchObject({ ok: true });
    if (environment.random.chance(0.1)) await log.roll();
  }
}

async function load<Entry>(
  subject: MachineSubject<Entry>,
  log: JournalLog,
  clock = { nowMs: () => 0 },
): Promise<Journal<Entry>> {
  const journal = new Journal({ ...subject, partition: log, clock, logger: silentLogger });
  await journal.load();
  expect(journal.unknownTypes.size).toBe(0);
  return journal;
}

async function runRandomly<Entry>(
  subject: MachineSubject<Entry>,
  log: MemoryLog,
  seed: number,
  steps: number,
): Promise<Journal<Entry>> {
  const random = new SeededRandom(seed);
  let nowMs = 1_000;
  const journal = await load(subject, log, { nowMs: () => nowMs });
  for (let step = 0; step < steps; step++) {
    nowMs += random.below(1_000);
    journal.run(() => {
      const before = subject.state();
      const decision = subject.decide(random, nowMs);
      expect(subject.state(), `seed ${seed}, step ${step}: deciding changed something`).toEqual(before);
      return decision;
    });
  }
  return journal;
}

/** What a finished cleaner would leave: the last record of each key, at its offset, tombstones gone. */
function compacted(log: MemoryLog): MemoryLog {
  const bytes = log.bytes();
  const newest = new Map<string, LogRecord>();
  forEachBatch(bytes, 0, bytes.length, (position) => {
    for (const record of readRecords(bytes, position)) newest.set(record.key!.toString('hex'), record);
  });
  const clean = new MemoryLog();
  const kept = [...newest.values()].filter((record) => record.value !== null);
  for (const record of kept.sort((a, b) => a.offset - b.offset)) {
    const { timestamp: timestampMs, key, value } = record;
    clean.write(buildBatch({ records: [{ timestampMs, key, value }] }), record.offset);
  }
  return clean;
}
