import { describe, expect, it } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import { buildEndTransactionMarker } from '../../../protocol/records/control.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../storage/log/producer-snapshot.ts';
import { ProducerState } from '../../../storage/log/producer-state.ts';
import { ProducerTable } from '../../../storage/log/producer-table.ts';
import { batchOf } from './log-fixture.ts';

const max = 0x7fffffff;

/** A table to which batches are appended one after the other, each as a log would. */
class Appender {
  transactionVersion = 0;
  readonly table = new ProducerTable();
  readonly aborted: { firstOffset: number; lastOffset: number; stableOffset: number }[] = [];
  offset = 0;

  /** `ok`, `duplicate@<first offset>`, or the error code. */
  append(
    sequence: number,
    options: { count?: number; epoch?: number; id?: number; transactional?: boolean } = {},
  ) {
    const { count = 1, epoch = 0, id = 1, transactional = false } = options;
    const records = batchOf(
      Array.from({ length: count }, () => 'x'),
      {
        producerId: id,
        producerEpoch: epoch,
        baseSequence: sequence,
        isTransactional: transactional,
        baseOffset: this.offset,
      },
    );
    return this.#append(records, true);
  }

  end(committed: boolean, options: { epoch?: number; id?: number; coordinatorEpoch?: number } = {}) {
    const { epoch = 0, id = 1, coordinatorEpoch = 0 } = options;
    const marker = { committed, coordinatorEpoch, producerId: id, producerEpoch: epoch, timestampMs: 1 };
    return this.#append(buildEndTransactionMarker({ ...marker, baseOffset: this.offset }), false);
  }

  #append(records: Buffer, isClient: boolean): string | number {
    const prepared = this.table.prepare(records, isClient, this.transactionVersion);
    if (prepared.kind === 'refused') return prepared.refusal.errorCode;
    if (prepared.kind === 'duplicate') return `duplicate@${prepared.of.lastOffset - prepared.of.offsetDelta}`;
    this.offset = batch.lastOffset(records, 0) + 1;
    this.table.apply(prepared.changes, this.offset, (each, stableOffset) => {
      if (each.aborted)
        this.aborted.push({ firstOffset: each.firstOffset, lastOffset: each.lastOffset, stableOffset });
    });
    return 'ok';
  }
}

describe('a producer', () => {
  it('may begin with any sequence where it is not known', () => {
    expect(new Appender().append(17)).toBe('ok');
  });

  it('must go on where it stopped', () => {
    const log = new Appender();
    expect([log.append(0, { count: 3 }), log.append(3), log.append(5), log.append(3, { count: 2 })]).toEqual([
      'ok',
      'ok',
      45,
      45,
    ]);
  });

  it('goes on with 0 after the last sequence, also inside a batch', () => {
    const log = new Appender();
    expect([log.append(max - 1, { count: 2 }), log.append(0)]).toEqual(['ok', 'ok']);
    const inside = new Appender();
    expect([inside.append(max - 1, { count: 4 }), inside.append(2)]).toEqual(['ok', 'ok']);
    expect(inside.append(max - 1, { count: 4 })).toBe('duplicate@0');
  });

  it('is answered, not written, when it sends one of its last five batches again', () => {
    const log = new Appender();
    for (let n = 0; n < 6; n++) log.append(n * 2, { count: 2 });
    expect(log.append(2, { count: 2 })).toBe('duplicate@2');
    expect(log.append(10, { count: 2 })).toBe('duplicate@10');
    expect(log.append(0, { count: 2 })).toBe(45);
    expect(log.append(10, { count: 1 })).toBe(45);
    expect(log.offset).toBe(12);
  });

  it('must begin a new epoch with 0, and cannot go back to an old one', () => {
    const log = new Appender();
    log.append(0, { count: 5 });
    expect(log.append(5, { epoch: 1 })).toBe(45);
    expect(log.append(0, { epoch: 1 })).toBe('ok');
    expect(log.append(1, { epoch: 0 })).toBe(47);
    expect(log.append(0, { epoch: 1 })).toBe('duplicate@5');
  });

  it('cannot write outside its open transaction', () => {
    const log = new Appender();
    log.append(0, { transactional: true });
    expect(log.append(1)).toBe(48);
    log.end(true);
    expect(log.append(1)).toBe('ok');
  });

  it('keeps its sequences over a marker of the same epoch, not over one of a new epoch', () => {
    const log = new Appender();
    log.append(0, { transactional: true });
    log.end(true);
    expect(log.append(2, { transactional: true })).toBe(45);
    expect(log.append(1, { transactional: true })).toBe('ok');
    log.end(false, { epoch: 1 });
    expect(log.append(1, { epoch: 1, transactional: true })).toBe(45);
    expect(log.append(0, { epoch: 1, transactional: true })).toBe('ok');
  });

  it('is ended by no marker of an old epoch or an old coordinator', () => {
    const log = new Appender();
    log.append(0, { epoch: 2, transactional: true });
    expect(log.end(true, { epoch: 1 })).toBe(47);
    expect(log.end(true, { epoch: 2, coordinatorEpoch: 5 })).toBe('ok');
    expect(log.end(true, { epoch: 2, coordinatorEpoch: 4 })).toBe(52);
  });

  it('of transaction version 2 begins with 0 and ends each transaction with an epoch of its own', () => {
    const log = new Appender();
    log.transactionVersion = 2;
    expect(log.append(3, { transactional: true })).toBe(45);
    expect(log.append(0, { transactional: true })).toBe('ok');
    expect(log.end(true, { epoch: 0 })).toBe(47);
    expect(log.end(true, { epoch: 1 })).toBe('ok');
    // The coordinator was not sure that it had written it.
    expect(log.end(true, { epoch: 1 })).toBe('ok');
    expect(log.end(true, { epoch: 0 })).toBe(47);
  });

  it('is forgotten when it is idle, unless a transaction is open', () => {
    const log = new Appender();
    log.append(0);
    log.append(0, { id: 2, transactional: true });
    log.table.expire(1_700_000_000_000 + 100, 100);
    expect([...log.table.producers].map((each) => each.producerId)).toEqual([2]);
    expect(log.append(9)).toBe('ok');
  });
});

describe('transactions', () => {
  it('hold up the stable offset until their marker is below the high watermark', () => {
    const log = new Appender();
    log.append(0, { id: 1, transactional: true, count: 2 });
    log.append(0, { id: 2, transactional: true });
    expect(log.table.firstUnstableOffset).toBe(0);
    log.end(true, { id: 1 });
    expect(log.table.firstOpenOffset).toBe(2);
    expect(log.table.firstUnstableOffset).toBe(0);
    log.table.settle(3);
    expect(log.table.firstUnstableOffset).toBe(0);
    log.table.settle(4);
    expect(log.table.firstUnstableOffset).toBe(2);
    log.end(false, { id: 2 });
    log.table.settle(5);
    expect(log.table.firstUnstableOffset).toBe(-1);
  });

  it('are noted with the stable offset that holds after them, when aborted', () => {
    const log = new Appender();
    log.append(0, { id: 1, transactional: true });
    log.append(0, { id: 2, transactional: true });
    log.end(false, { id: 2 });
    log.end(false, { id: 1 });
    expect(log.aborted).toEqual([
      { firstOffset: 1, lastOffset: 2, stableOffset: 0 },
      { firstOffset: 0, lastOffset: 3, stableOffset: 4 },
    ]);
  });

  it('that have no records here leave nothing behind', () => {
    const log = new Appender();
    expect(log.end(false)).toBe('ok');
    expect(log.aborted).toEqual([]);
    expect(log.table.firstUnstableOffset).toBe(-1);
  });
});

describe('a snapshot of producers', () => {
  it('without any is the ten bytes that Kafka writes', () => {
    expect(encodeSnapshot([]).toString('hex')).toBe('000148674bc700000000');
  });

  it('keeps the last batch, the epochs and the open transaction', () => {
    const log = new Appender();
    log.append(0, { id: 5, count: 3, epoch: 2, transactional: true });
    log.append(3, { id: 5, count: 2, epoch: 2, transactional: true });
    log.end(true, { id: 9, epoch: 4, coordinatorEpoch: 3 });
    const [first, second] = decodeSnapshot(encodeSnapshot(log.table.producers)) as ProducerState[];
    expect(first).toMatchObject({ producerId: 5, epoch: 2, coordinatorEpoch: -1, transactionFirstOffset: 0 });
    expect(first!.batches).toEqual([
      { lastSequence: 4, lastOffset: 4, offsetDelta: 1, timestampMs: 1_700_000_000_001 },
    ]);
    expect(second).toMatchObject({
      producerId: 9,
      epoch: 4,
      coordinatorEpoch: 3,
      transactionFirstOffset: -1,
    });
    expect(second).toMatchObject({ lastSequence: -1, lastDataOffset: -1, lastTimestampMs: 1 });
  });

  it('is not believed when it is damaged', () => {
    const bytes = encodeSnapshot([new ProducerState(1)]);
    expect(decodeSnapshot(bytes.subarray(0, 9))).toContain('9 bytes');
    expect(decodeSnapshot(bytes.subarray(0, 40))).toContain('checksum');
    bytes[20]! ^= 1;
    expect(decodeSnapshot(bytes)).toContain('checksum');
    bytes[1] = 2;
    expect(decodeSnapshot(bytes)).toContain('version');
  });

  it('has its entries in the order of a Java HashMap', () => {
    const ids = [40, 17, 3, 1, 33, 2 ** 32 + 3, 16];
    const bytes = encodeSnapshot(ids.map((id) => new ProducerState(id)));
    const order = (decodeSnapshot(bytes) as ProducerState[]).map((each) => each.producerId);
    // Buckets of 16: 16 → 0, then 17, 1, 33 → 1 in the order they came, 2^32+3 → 2, 3 → 3, 40 → 8.
    expect(order).toEqual([16, 17, 1, 33, 2 ** 32 + 3, 3, 40]);
  });
});
