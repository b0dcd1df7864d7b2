import { describe, expect, test } from 'vitest';
import type { Decision } from '../../../broker/journal/state-machine.ts';
import {
  isDecided,
  isIdle,
  newTransaction,
  type Transaction,
} from '../../../broker/transactions/transaction.ts';
import {
  type Circumstances,
  decideAddPartitions,
  decideComplete,
  decideEnd,
  decideFence,
  decideInit,
} from '../../../broker/transactions/transaction-decisions.ts';
import {
  type TransactionEntry,
  transactionEntryCodec,
} from '../../../broker/transactions/transaction-entries.ts';
import { TransactionMachine } from '../../../broker/transactions/transaction-machine.ts';
import type { SeededRandom } from '../../simulation/random.ts';
import { type MachineSubject, stateMachineSuite } from '../../suites/state-machine.ts';

const ids = ['a', 'b', 'c'];

/** Whatever a client, the clock or the coordinator itself may do next to one of three ids. */
function subject(): MachineSubject<TransactionEntry> {
  const machine = new TransactionMachine();
  let nextProducerId = 100;
  const decide = (random: SeededRandom, nowMs: number): Decision<TransactionEntry, unknown> => {
    const transactionalId = random.pick(ids);
    const current = machine.get(transactionalId);
    const at: Circumstances = { nowMs, newProducerId: nextProducerId++, version: random.pick([0, 2]) };
    const claim = {
      transactionalId,
      producerId: current?.producerId ?? 1,
      producerEpoch: current?.producerEpoch ?? 0,
    };
    if (current !== undefined && isDecided(current) && random.chance(0.5))
      return decideComplete(current, nowMs);
    const draw = random.next();
    if (draw < 0.2) return decideInit(current, { transactionalId, timeoutMs: 1_000, expected: null }, at);
    if (draw < 0.3) return decideInit(current, { transactionalId, timeoutMs: 1_000, expected: claim }, at);
    if (draw < 0.7) {
      const added = [{ topic: random.pick(['t', 'u']), partition: random.below(4) }];
      return decideAddPartitions(current, claim, added, random.pick([0, 2]), nowMs);
    }
    if (draw < 0.95)
      return decideEnd(
        current,
        { ...claim, committed: random.chance(0.7), clientVersion: random.pick([0, 2]) },
        at,
      );
    if (draw < 0.98 && current?.state === 'Ongoing') return decideFence(current, at);
    const isForgotten = current !== undefined && isIdle(current);
    return { entries: isForgotten ? [{ transactionalId, value: null }] : [], answer: null };
  };
  return { machine, codec: transactionEntryCodec(() => 2), decide, state: () => stateOf(machine) };
}

/** All that a start finds again: the epoch before the last one it does not, as Kafka's does not. */
function stateOf(machine: TransactionMachine) {
  return [...machine.all()]
    .map(({ lastProducerEpoch: _, ...rest }) => ({ ...rest, partitions: [...rest.partitions].sort() }))
    .sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
}

stateMachineSuite('transactions', subject, { isCompacted: true, steps: 200 });

describe('entries', () => {
  const open: Transaction = {
    ...newTransaction('täx', 7, 5),
    producerEpoch: 3,
    previousProducerId: 6,
    nextProducerId: 8,
    state: 'Ongoing',
    timeoutMs: 60_000,
    startMs: 4,
    clientVersion: 2,
    partitions: new Map([
      ['t', [0, 2]],
      ['u', [1]],
    ]),
  };

  test('are read as they were written', () => {
    const codec = transactionEntryCodec(() => 2);
    for (const value of [open, { ...open, state: 'Empty' as const, partitions: new Map() }, null]) {
      const entry = { transactionalId: 'täx', value };
      const { key, value: bytes } = codec.encode(entry);
      expect(codec.decode(key, bytes)).toEqual(entry);
    }
  });

  test('before transaction.version 1 are of version 0, without what KIP-890 remembers', () => {
    const codec = transactionEntryCodec(() => 0);
    const { key, value } = codec.encode({ transactionalId: 'täx', value: open });
    expect(value!.readInt16BE(0)).toBe(0);
    expect(codec.decode(key, value)!.value).toEqual({
      ...open,
      previousProducerId: -1,
      nextProducerId: -1,
      clientVersion: 0,
    });
  });

  test('of later versions are kept, not read', () => {
    const codec = transactionEntryCodec(() => 2);
    const { key } = codec.encode({ transactionalId: 'a', value: null });
    expect(codec.decode(key, Buffer.from([0, 9, 1, 2, 3]))).toBeNull();
  });
});
