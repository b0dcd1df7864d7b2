import { describe, expect, test } from 'vitest';
import { Journal, type JournalOptions } from '../../../broker/journal/journal.ts';
import type {
  Decision,
  EntryCodec,
  EntryPosition,
  StateMachine,
} from '../../../broker/journal/state-machine.ts';
import { answerOnly } from '../../../broker/journal/state-machine.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { codecIds } from '../../../protocol/records/compression.ts';
import {
  buildControlBatch,
  buildEndTransactionMarker,
  controlTypes,
} from '../../../protocol/records/control.ts';
import { MemoryLog } from '../../simulation/memory-log.ts';
import type { SeededRandom } from '../../simulation/random.ts';
import { stateMachineSuite } from '../../suites/state-machine.ts';

/** A bank: `name` has `amount`, or is gone (null). */
interface Account {
  readonly name: string;
  readonly amount: number | null;
}

class Bank implements StateMachine<Account> {
  readonly accounts = new Map<string, number>();
  readonly positions: EntryPosition[] = [];

  replay(entry: Account, position: EntryPosition): void {
    this.positions.push(position);
    if (entry.amount === null) this.accounts.delete(entry.name);
    else this.accounts.set(entry.name, entry.amount);
  }

  clear(): void {
    this.accounts.clear();
    this.positions.length = 0;
  }

  pay(name: string, amount: number): Decision<Account, number> {
    const total = (this.accounts.get(name) ?? 0) + amount;
    return { entries: [{ name, amount: total === 0 ? null : total }], answer: total };
  }
}

const accountType = Buffer.from([0, 7]);

const codec: EntryCodec<Account> = {
  encode: ({ name, amount }) => ({
    key: Buffer.concat([accountType, Buffer.from(name)]),
    value: amount === null ? null : Buffer.from(String(amount)),
  }),
  decode(key, value) {
    if (key === null || !key.subarray(0, 2).equals(accountType)) return null;
    return { name: key.toString('utf8', 2), amount: value === null ? null : Number(value.toString()) };
  },
};

function record(name: string, amount: number | null) {
  return { timestampMs: 5, ...codec.encode({ name, amount }) };
}

function bankOn(log: MemoryLog, options: Partial<JournalOptions<Account>> = {}) {
  const bank = new Bank();
  const clock = { nowMs: () => 1_000 };
  const journal = new Journal({
    partition: log,
    codec,
    machine: bank,
    clock,
    logger: silentLogger,
    ...options,
  });
  return { bank, journal };
}

stateMachineSuite(
  'bank',
  () => {
    const bank = new Bank();
    return {
      machine: bank,
      codec,
      state: () => [...bank.accounts].sort(),
      decide: (random: SeededRandom) =>
        random.chance(0.2)
          ? answerOnly(0)
          : bank.pay(random.pick(['ann', 'bob', 'eve']), random.below(7) - 3),
    };
  },
  { isCompacted: true },
);

describe('journal', () => {
  test('answers at once when the append is done at once', async () => {
    const log = new MemoryLog();
    const { bank, journal } = bankOn(log);
    await journal.load();
    expect(journal.run(() => bank.pay('ann', 5))).toBe(5);
    expect(journal.run(() => bank.pay('ann', 2))).toBe(7);
    expect(journal.settled()).toBeUndefined();
    expect(bank.positions).toEqual([
      { offset: 0, timestampMs: 1_000 },
      { offset: 1, timestampMs: 1_000 },
    ]);
  });

  test('the next decision sees what is not yet durable; every answer waits for the appends before it', async () => {
    const log = new MemoryLog();
    const { bank, journal } = bankOn(log);
    await journal.load();
    log.mode = 'later';
    const answers: number[] = [];
    const note = (answer: number): void => void answers.push(answer);
    const both = () => ({
      entries: [...bank.pay('bob', 1).entries, ...bank.pay('eve', 1).entries],
      answer: 2,
    });
    const waiting = [
      Promise.resolve(journal.run(both)).then(note),
      Promise.resolve(journal.run(() => bank.pay('ann', 3))).then(note),
      Promise.resolve(journal.run(() => answerOnly(bank.accounts.get('ann')!))).then(note),
    ];
    expect(bank.accounts.get('ann')).toBe(3);
    expect(bank.positions.map((at) => at.offset)).toEqual([0, 1, 2]);
    log.complete(1);
    await waiting[0];
    expect(answers).toEqual([2]);
    log.complete();
    await Promise.all(waiting);
    expect(answers).toEqual([2, 3, 3]);
    expect(journal.settled()).toBeUndefined();
    expect(log.endOffset).toBe(3);
  });

  test('a batch refused at once changes nothing and leaves the journal ready', async () => {
    const log = new MemoryLog();
    const { bank, journal } = bankOn(log);
    await journal.load();
    log.mode = 56;
    expect(() => journal.run(() => bank.pay('ann', 5))).toThrow(expect.objectContaining({ errorCode: 56 }));
    expect(bank.accounts.size).toBe(0);
    log.mode = 'now';
    expect(journal.run(() => bank.pay('ann', 5))).toBe(5);
  });

  test('a batch larger than its topic takes is refused before it is written', async () => {
    const log = new MemoryLog();
    const { bank, journal } = bankOn(log, { maxBatchBytes: () => 100 });
    await journal.load();
    const many = () => ({
      entries: Array.from({ length: 9 }, () => ({ name: 'ann', amount: 1 })),
      answer: 0,
    });
    expect(() => journal.run(many)).toThrow(expect.objectContaining({ errorCode: 10 }));
    expect(log.endOffset).toBe(0);
    expect(bank.accounts.size).toBe(0);
    expect(journal.isReady).toBe(true);
  });

  test('a failed append takes it offline, fails every waiting answer, and a load brings back what the log has', async () => {
    const log = new MemoryLog();
    const causes: unknown[] = [];
    const { bank, journal } = bankOn(log, { onOffline: (cause) => causes.push(cause) });
    await journal.load();
    journal.run(() => bank.pay('ann', 1));
    log.mode = 'later';
    const first = journal.run(() => bank.pay('ann', 1));
    const second = journal.run(() => bank.pay('ann', 1));
    const third = journal.run(() => answerOnly(0));
    const outcomes = Promise.allSettled([first, second, third, journal.settled()]);
    log.fail(56);
    expect((await outcomes).map((outcome) => outcome.status)).toEqual(Array(4).fill('rejected'));
    expect(journal.isOffline).toBe(true);
    expect(causes).toHaveLength(1);
    log.mode = 'now';
    expect(() => journal.run(() => bank.pay('ann', 1))).toThrow(expect.objectContaining({ errorCode: 16 }));
    await journal.load();
    expect(bank.accounts.get('ann')).toBe(1);
    expect(journal.run(() => bank.pay('ann', 1))).toBe(2);
  });

  test('refuses before and while it loads, and after it is closed', async () => {
    const log = new MemoryLog();
    const { bank, journal } = bankOn(log);
    const loadInProgress = expect.objectContaining({ errorCode: 14 });
    expect(() => journal.run(() => bank.pay('ann', 5))).toThrow(loadInProgress);
    const loading = journal.load();
    expect(() => journal.run(() => bank.pay('ann', 5))).toThrow(loadInProgress);
    await expect(journal.load()).rejects.toThrow('loading');
    await loading;
    await journal.close();
    expect(() => journal.run(() => bank.pay('ann', 5))).toThrow(expect.objectContaining({ errorCode: 16 }));
  });

  test('a replay that throws is a bug that takes it offline', async () => {
    const log = new MemoryLog();
    const { bank, journal } = bankOn(log);
    await journal.load();
    bank.replay = () => {
      throw new Error('bug');
    };
    expect(() => journal.run(() => bank.pay('ann', 5))).toThrow('bug');
    expect(journal.isOffline).toBe(true);
  });
});

describe('loading', () => {
  const transactional = { producerId: 9, producerEpoch: 0, isTransactional: true } as const;
  const marker = (committed: boolean) =>
    buildEndTransactionMarker({
      committed,
      coordinatorEpoch: 0,
      producerId: 9,
      producerEpoch: 0,
      timestampMs: 6,
    });

  test('entries of a transaction count at COMMIT, at the offset they were written at, and never after ABORT', async () => {
    const log = new MemoryLog();
    log.write(buildBatch({ ...transactional, baseSequence: 0, records: [record('ann', 1)] }));
    log.write(buildBatch({ records: [record('bob', 2)] }));
    log.write(marker(true));
    log.write(buildBatch({ ...transactional, baseSequence: 1, records: [record('ann', 50)] }));
    log.write(marker(false));
    log.write(buildBatch({ ...transactional, baseSequence: 2, records: [record('eve', 7)] }));
    const { bank, journal } = bankOn(log);
    const report = await journal.load();
    expect([...bank.accounts]).toEqual([
      ['bob', 2],
      ['ann', 1],
    ]);
    expect(bank.positions.map((at) => at.offset)).toEqual([1, 0]);
    expect([...journal.pendingEntries()]).toEqual([{ name: 'eve', amount: 7 }]);
    expect(report).toMatchObject({ endOffset: 6, recordCount: 4 });
  });

  test('any codec, holes, empty batches and Raft control records are read; unknown types are counted', async () => {
    const log = new MemoryLog();
    for (const codec of [codecIds.gzip, codecIds.snappy, codecIds.lz4])
      log.write(buildBatch({ codec, records: [record('ann', codec), record('bob', codec)] }));
    log.write(buildBatch({ lastOffsetDelta: 3, producerId: 1, records: [] }), 100);
    const value = Buffer.alloc(8);
    const raft = { type: controlTypes.leaderChange, value, baseOffset: 0, timestampMs: 1, leaderEpoch: 1 };
    log.write(buildControlBatch(raft));
    const unknown = { timestampMs: 1, key: Buffer.from([0, 9, 1]), value };
    log.write(buildBatch({ records: [unknown, { ...unknown, key: null }, unknown] }));
    const { bank, journal } = bankOn(log);
    await journal.load();
    expect(bank.accounts).toEqual(
      new Map([
        ['ann', 3],
        ['bob', 3],
      ]),
    );
    expect([...journal.unknownTypes]).toEqual([
      [9, 2],
      [-1, 1],
    ]);
    expect(log.openRegions).toBe(0);
  });

  test('a log of many chunks is read to its end', async () => {
    const log = new MemoryLog();
    const name = 'a'.repeat(100_000);
    for (let at = 1; at <= 40; at++)
      log.write(buildBatch({ records: [record(name, at), record('bob', at)] }));
    const { bank, journal } = bankOn(log);
    expect(await journal.load()).toMatchObject({ recordCount: 80 });
    expect(bank.accounts.get(name)).toBe(40);
  });

  test('a broken batch ends the load with its offset, and the journal is offline', async () => {
    const log = new MemoryLog();
    log.write(buildBatch({ records: [record('ann', 1)] }));
    const spoilt = log.bytes().length;
    log.write(buildBatch({ records: [record('bob', 1)] }));
    log.overwrite(Buffer.from([0xff]), spoilt + 40);
    const { journal } = bankOn(log);
    await expect(journal.load()).rejects.toThrow('at offset 1:');
    expect(journal.isOffline).toBe(true);
  });
});
