import { describe, expect, test } from 'vitest';
import {
  newTransaction,
  type Transaction,
  type TransactionState,
} from '../../../broker/transactions/transaction.ts';
import {
  decideAddPartitions,
  decideComplete,
  decideEnd,
  decideFence,
  decideInit,
  isExpired,
  isOpenIn,
  isTimedOut,
  needsProducerId,
  verifyPartitions,
} from '../../../broker/transactions/transaction-decisions.ts';
import { errorName } from '../../../protocol/errors.ts';

const t0 = { topic: 't', partition: 0 };
const t1 = { topic: 't', partition: 1 };

/** Producer 7 at epoch 5, in some state, t-0 in its transaction where there is one. */
function transaction(state: TransactionState, more: Partial<Transaction> = {}): Transaction {
  const hasPartitions = state === 'Ongoing' || state.startsWith('Prepare');
  return {
    ...newTransaction('tx', 7, 100),
    producerEpoch: 5,
    timeoutMs: 1_000,
    state,
    partitions: new Map(hasPartitions ? [['t', [0]]] : []),
    startMs: state === 'Empty' ? -1 : 50,
    ...more,
  };
}

const at = { nowMs: 200, newProducerId: null, version: 2 };
const claim = { transactionalId: 'tx', producerId: 7, producerEpoch: 5 };

/** "what it answers → the state it goes to, producer:epoch" */
function told(decision: ReturnType<typeof decideEnd>): string {
  const { answer, entries } = decision;
  if (answer === needsProducerId) return answer;
  const said =
    answer.errorCode === 0 ? `${answer.producerId}:${answer.producerEpoch}` : errorName(answer.errorCode);
  const value = entries[0]?.value;
  return value ? `${said} → ${value.state} ${value.producerId}:${value.producerEpoch}` : said;
}

describe('InitProducerId', () => {
  const request = { transactionalId: 'tx', timeoutMs: 500, expected: null };
  const init = (
    current: Transaction | undefined,
    expected: [number, number] | null = null,
    newProducerId: number | null = null,
  ) =>
    told(
      decideInit(
        current,
        {
          ...request,
          expected: expected === null ? null : { producerId: expected[0], producerEpoch: expected[1] },
        },
        { ...at, newProducerId },
      ),
    );

  test('begins with a new id at epoch 0 and goes on with the next epoch', () => {
    expect(init(undefined)).toBe('needs a producer id');
    expect(init(undefined, null, 9)).toBe('9:0 → Empty 9:0');
    for (const state of ['Empty', 'CompleteCommit', 'CompleteAbort'] as const)
      expect(init(transaction(state))).toBe('7:6 → Empty 7:6');
  });

  test('aborts what is open, fencing it, and has the client ask again', () => {
    expect(init(transaction('Ongoing'))).toBe('CONCURRENT_TRANSACTIONS → PrepareAbort 7:6');
    expect(init(transaction('PrepareAbort'))).toBe('CONCURRENT_TRANSACTIONS');
    expect(init(transaction('PrepareCommit'))).toBe('CONCURRENT_TRANSACTIONS');
  });

  test('of a client that says who it is (KIP-360) fences all others', () => {
    expect(init(transaction('Empty'), [7, 5])).toBe('7:6 → Empty 7:6');
    expect(init(transaction('Empty', { lastProducerEpoch: 4 }), [7, 4])).toBe('7:5 → Empty 7:5');
    expect(init(transaction('Empty', { lastProducerEpoch: 3 }), [7, 4])).toBe('PRODUCER_FENCED');
    expect(init(transaction('Empty'), [8, 5])).toBe('PRODUCER_FENCED');
    expect(init(transaction('Ongoing'), [8, 5])).toBe('PRODUCER_FENCED');
    expect(init(transaction('Empty', { previousProducerId: 6 }), [6, 0x7ffe])).toBe('PRODUCER_FENCED');
    expect(
      init(
        transaction('Empty', { previousProducerId: 6, producerEpoch: 0, lastProducerEpoch: 0x7ffe }),
        [6, 0x7ffe],
      ),
    ).toBe('7:0 → Empty 7:0');
  });

  test('takes a new id when the epochs run out', () => {
    const exhausted = transaction('CompleteCommit', { producerEpoch: 0x7ffe });
    expect(init(exhausted)).toBe('needs a producer id');
    expect(init(exhausted, null, 9)).toBe('9:0 → Empty 9:0');
    expect(init(exhausted, [7, 0x7ffe], 9)).toBe('9:0 → Empty 9:0');
    expect(init(exhausted, [7, 0x7ffd], 9)).toBe('UNKNOWN_SERVER_ERROR');
  });
});

describe('adding partitions', () => {
  const add = (current: Transaction | undefined, more: Partial<typeof claim> = {}, partitions = [t1]) => {
    const { entries, answer } = decideAddPartitions(current, { ...claim, ...more }, partitions, 2, 300);
    const value = entries[0]?.value;
    return value
      ? `${errorName(answer)} → ${value.state} ${[...value.partitions.values()].join(' ')} since ${value.startMs}`
      : errorName(answer);
  };

  test('begins a transaction, or widens it', () => {
    expect(add(transaction('Empty'))).toBe('NONE → Ongoing 1 since 300');
    expect(add(transaction('CompleteAbort'))).toBe('NONE → Ongoing 1 since 300');
    expect(add(transaction('Ongoing'))).toBe('NONE → Ongoing 0,1 since 50');
    expect(add(transaction('Ongoing'), {}, [t0])).toBe('NONE');
  });

  test('is for the producer that has the id', () => {
    expect(add(undefined)).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(add(transaction('Ongoing'), { producerId: 8 })).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(add(transaction('Ongoing'), { producerEpoch: 4 })).toBe('PRODUCER_FENCED');
    expect(add(transaction('PrepareCommit'), { producerId: 8 })).toBe('CONCURRENT_TRANSACTIONS');
  });

  test('is what a later append is checked against', () => {
    const verify = (current: Transaction | undefined, more: Partial<typeof claim> = {}) =>
      verifyPartitions(current, { ...claim, ...more }, [t0, t1]).map(errorName);
    expect(verify(transaction('Ongoing'))).toEqual(['NONE', 'TRANSACTION_ABORTABLE']);
    expect(verify(transaction('Ongoing'), { producerEpoch: 4 })).toEqual([
      'PRODUCER_FENCED',
      'PRODUCER_FENCED',
    ]);
    expect(verify(transaction('PrepareAbort'))[0]).toBe('CONCURRENT_TRANSACTIONS');
    expect(verify(undefined)[0]).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(isOpenIn(transaction('Ongoing'), claim, t0)).toBe(true);
    expect(isOpenIn(transaction('Ongoing'), claim, t1)).toBe(false);
    expect(isOpenIn(transaction('Ongoing'), { ...claim, producerEpoch: 4 }, t0)).toBe(false);
    expect(isOpenIn(transaction('PrepareCommit'), claim, t0)).toBe(false);
    expect(isOpenIn(undefined, claim, t0)).toBe(false);
  });
});

/** Answers to EndTxn: rows by state, then abort again, abort now, commit again, commit now. */
function table(clientVersion: number): Record<string, string[]> {
  const rows: Record<string, string[]> = {};
  for (const state of ['Empty', 'Ongoing', 'PrepareCommit', 'CompleteCommit', 'CompleteAbort'] as const) {
    rows[state] = [false, true].flatMap((committed) =>
      [4, 5].map((producerEpoch) => {
        const request = { ...claim, producerEpoch, committed, clientVersion };
        return told(decideEnd(transaction(state), request, at));
      }),
    );
  }
  return rows;
}

describe('EndTxn', () => {
  test('of the old protocol keeps the epoch', () => {
    const fenced = 'PRODUCER_FENCED';
    const invalid = 'INVALID_TXN_STATE';
    expect(table(0)).toEqual({
      Empty: [fenced, invalid, fenced, invalid],
      Ongoing: [fenced, '-1:-1 → PrepareAbort 7:5', fenced, '-1:-1 → PrepareCommit 7:5'],
      PrepareCommit: [fenced, 'CONCURRENT_TRANSACTIONS', fenced, 'CONCURRENT_TRANSACTIONS'],
      CompleteCommit: [fenced, invalid, fenced, '-1:-1'],
      CompleteAbort: [fenced, '-1:-1', fenced, invalid],
    });
  });

  test('of the new one brings the next, and knows whom it has answered before', () => {
    const fenced = 'PRODUCER_FENCED';
    const invalid = 'INVALID_TXN_STATE';
    const concurrent = 'CONCURRENT_TRANSACTIONS';
    const nothing = '7:6 → PrepareAbort 7:6';
    expect(table(2)).toEqual({
      Empty: [fenced, nothing, fenced, invalid],
      Ongoing: [fenced, '7:6 → PrepareAbort 7:6', fenced, '7:6 → PrepareCommit 7:6'],
      PrepareCommit: [concurrent, concurrent, concurrent, concurrent],
      CompleteCommit: [invalid, nothing, '7:5', invalid],
      CompleteAbort: ['7:5', nothing, invalid, invalid],
    });
  });

  test('knows nobody else', () => {
    for (const clientVersion of [0, 2]) {
      const request = { ...claim, committed: true, clientVersion };
      expect(told(decideEnd(undefined, request, at))).toBe('INVALID_PRODUCER_ID_MAPPING');
      expect(told(decideEnd(transaction('Ongoing'), { ...request, producerId: 8 }, at))).toBe(
        'INVALID_PRODUCER_ID_MAPPING',
      );
    }
  });

  test('rotates the producer id with the last epoch, and answers the same when it is asked again', () => {
    const last = transaction('Ongoing', { producerEpoch: 0x7ffe });
    const request = { ...claim, producerEpoch: 0x7ffe, committed: true, clientVersion: 2 };
    expect(told(decideEnd(last, request, at))).toBe('needs a producer id');
    const decided = decideEnd(last, request, { ...at, newProducerId: 9 });
    expect(told(decided)).toBe('9:0 → PrepareCommit 7:32767');
    const complete = decideComplete(decided.entries[0]!.value!, 300).entries[0]!.value!;
    expect(complete).toMatchObject({
      state: 'CompleteCommit',
      producerId: 9,
      producerEpoch: 0,
      previousProducerId: 7,
      nextProducerId: -1,
    });
    expect(told(decideEnd(complete, request, at))).toBe('9:0');
    expect(told(decideEnd(complete, { ...request, committed: false }, at))).toBe('INVALID_TXN_STATE');
  });
});

test('the coordinator aborts with an epoch that its producer does not have', () => {
  expect(told(decideFence(transaction('Ongoing'), at))).toBe('7:6 → PrepareAbort 7:6');
  const old = decideFence(transaction('Ongoing', { lastProducerEpoch: 4 }), { ...at, version: 0 });
  expect(told(old)).toBe('-1:-1 → PrepareAbort 7:6');
  expect(old.entries[0]!.value).toMatchObject({ lastProducerEpoch: -1, clientVersion: 0 });
});

test('what is decided cannot go anywhere but to its end', () => {
  expect(() => decideComplete(transaction('Ongoing'), 1)).toThrow('cannot go from Ongoing');
});

test('time runs for open transactions, and for ids that nobody uses', () => {
  const open = transaction('Ongoing');
  expect([1_050, 1_051].map((nowMs) => isTimedOut(open, nowMs))).toEqual([false, true]);
  expect(isTimedOut(transaction('Ongoing', { timeoutMs: 0x7fffffff }), 2 ** 40)).toBe(false);
  expect(isTimedOut(transaction('PrepareAbort'), 2 ** 40)).toBe(false);
  expect([599, 600].map((nowMs) => isExpired(transaction('CompleteCommit'), nowMs, 500))).toEqual([
    false,
    true,
  ]);
  expect(isExpired(open, 2 ** 40, 500)).toBe(false);
});
