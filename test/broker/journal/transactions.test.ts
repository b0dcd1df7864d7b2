/** Entries in transactions: pending, then replayed or dropped, live as at load. */
import { describe, expect, test } from 'vitest';
import { Journal, JournalError } from '../../../broker/journal/journal.ts';
import type { EntryCodec, StateMachine } from '../../../broker/journal/state-machine.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { World } from '../world.ts';

/** Keeps texts, in the order in which they count. */
class Texts implements StateMachine<string> {
  readonly all: string[] = [];

  replay(entry: string, { offset }: { offset: number }): void {
    this.all.push(`${entry}@${offset}`);
  }

  clear(): void {
    this.all.length = 0;
  }
}

const codec: EntryCodec<string> = {
  encode: (entry) => ({ key: Buffer.from(entry), value: null }),
  decode: (key) => key!.toString(),
};

const producer = { producerId: 7, producerEpoch: 1 };
const marker = { ...producer, coordinatorEpoch: 0, transactionVersion: 0, committed: true };

async function journalOn(world: World) {
  const machine = new Texts();
  const partition = world.partitions.get('t', 0) ?? (await world.topic('t'));
  const journal = new Journal({ partition, codec, machine, clock: world.clock, logger: silentLogger });
  await journal.load();
  const write = (entry: string) => journal.run(() => ({ entries: [entry], answer: entry }));
  const pend = (entry: string, by = producer) =>
    journal.runInTransaction(by, () => ({ entries: [entry], answer: entry }));
  return { journal, machine, write, pend };
}

describe('entries in a transaction', () => {
  test('count from the COMMIT marker on, at the place where they were written', async () => {
    const world = await World.open();
    const { journal, machine, write, pend } = await journalOn(world);
    expect(pend('a')).toBe('a');
    write('b');
    expect(machine.all).toEqual(['b@1']);
    expect([...journal.pendingEntries()]).toEqual(['a']);
    journal.endTransaction(marker);
    expect(machine.all).toEqual(['b@1', 'a@0']);
    await journal.load();
    expect(machine.all).toEqual(['b@1', 'a@0']);
    await world.stop();
  });

  test('never count after an ABORT marker', async () => {
    const world = await World.open();
    const { journal, machine, pend } = await journalOn(world);
    pend('a');
    pend('b', { producerId: 8, producerEpoch: 0 });
    journal.endTransaction({ ...marker, committed: false });
    expect([...journal.pendingEntries()]).toEqual(['b']);
    await journal.load();
    expect(machine.all).toEqual([]);
    expect([...journal.pendingEntries()]).toEqual(['b']);
    await world.stop();
  });

  test('of an epoch that is over are refused, and so are markers; nothing has changed', async () => {
    const world = await World.open();
    const { journal, machine, pend } = await journalOn(world);
    journal.endTransaction({ ...marker, producerEpoch: 3 });
    expect(() => pend('late')).toThrow(JournalError);
    expect(() => journal.endTransaction(marker)).toThrow(JournalError);
    expect(() => journal.endTransaction({ ...marker, producerEpoch: 4, coordinatorEpoch: -1 })).toThrow(
      JournalError,
    );
    expect(journal.isReady).toBe(true);
    expect(world.partitions.get('t', 0)!.endOffset).toBe(1);
    expect(machine.all).toEqual([]);
    await world.stop();
  });
});

test('while appends are under way, the next is checked against what they will have done', async () => {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  const world = await World.open({ clock, files, durability: { kind: 'fsync' } });
  const { journal, machine, write, pend } = await journalOn(world);
  const slow = files.delay('sync', 10);
  const done = [pend('a'), write('b'), journal.endTransaction({ ...marker, producerEpoch: 2 }), write('c')];
  expect(() => pend('late')).toThrow(JournalError);
  done.push(pend('d', { producerId: 7, producerEpoch: 2 }));
  expect(machine.all).toEqual(['b@1', 'a@0', 'c@3']);
  await clock.advance(100);
  await Promise.all(done);
  slow.stop();
  expect([...journal.pendingEntries()]).toEqual(['d']);
  await journal.load();
  expect(machine.all).toEqual(['b@1', 'a@0', 'c@3']);
  expect([...journal.pendingEntries()]).toEqual(['d']);
  await world.stop();
});
