/**
 * A transactional id and its transaction, as a record of `__transaction_state` tells it, and the steps it can take. Each step is a
 * new value; nothing here changes one.
 *
 *                      add partitions                end (commit)                   markers written
 *    ┌──────► Empty ───────────────────► Ongoing ───────────────► PrepareCommit ───────────────► CompleteCommit ──┐
 *    │          │  ▲                     │  ▲   │                                                    │  ▲        │
 *    │ abort of │  │ init: new epoch     └──┘   │ end (abort), time-out, init: the next epoch        │  │        │
 *    │ nothing  │  └── or new producer id       ▼                                                    │  │        │
 *    │ (TV 2)   └──────────────────────────► PrepareAbort ─────────► CompleteAbort ◄────────┐        │  │        │
 *    │                                          ▲                    │   │                  │        │  │        │
 *    │                                          └────────────────────┘   │ add partitions: Ongoing ◄─┘  │        │
 *    └───────────────────────────────────────────────────────────────────┴──────────────────────────────┴────────┘
 *                                                   init
 *
 * PrepareCommit and PrepareAbort are decided: nothing but their markers and the Complete that follows them can come. An id that is
 * Empty or Complete for `transactional.id.expiration.ms` is forgotten (a tombstone). Kafka's states Dead and PrepareEpochFence are
 * never written.
 *
 * Epochs (KIP-890): a client of transaction version 2 gets the next epoch with each end, so that nothing of an ended transaction
 * can be written late. One that runs out of epochs goes on with a new producer id at epoch 0.
 */
/** Kafka's names; the place of each is its number in the record. */
export const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const;

export type TransactionState = (typeof transactionStates)[number];

/** Topic → partition indexes, ascending. */
export type TransactionPartitions = ReadonlyMap<string, readonly number[]>;

export interface Transaction {
  readonly transactionalId: string;
  readonly producerId: number;
  /** The one before the last step; another one only right after a change of the producer id. */
  readonly previousProducerId: number;
  /** The one that Complete will bring; -1: the same. */
  readonly nextProducerId: number;
  readonly producerEpoch: number;
  /** Before the last new epoch, for a client that asks again (KIP-360). Not in the record: a start forgets it, as Kafka's does. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly state: TransactionState;
  readonly partitions: TransactionPartitions;
  /** -1: none has begun. */
  readonly startMs: number;
  readonly lastUpdateMs: number;
  /** Of the client that added partitions or ended the transaction last. */
  readonly clientVersion: number;
}

export const noPartitions: TransactionPartitions = new Map();

/** From this transaction version on each end brings a new epoch. */
export const epochPerTransaction = 2;

const maxEpoch = 0x7fff;

/** The last epoch is kept for fencing. */
export function isExhausted(epoch: number): boolean {
  return epoch >= maxEpoch - 1;
}

/** What may come before each state. */
const before: Readonly<Partial<Record<TransactionState, readonly TransactionState[]>>> = {
  Empty: ['Empty', 'CompleteCommit', 'CompleteAbort'],
  Ongoing: ['Ongoing', 'Empty', 'CompleteCommit', 'CompleteAbort'],
  PrepareCommit: ['Ongoing'],
  PrepareAbort: ['Ongoing', 'Empty', 'CompleteCommit', 'CompleteAbort'],
  CompleteCommit: ['PrepareCommit'],
  CompleteAbort: ['PrepareAbort'],
};

type Change = Partial<Omit<Transaction, 'transactionalId' | 'previousProducerId' | 'state'>>;

function step(from: Transaction, state: TransactionState, change: Change): Transaction {
  if (before[state]?.includes(from.state) !== true)
    throw new Error(`a transaction cannot go from ${from.state} to ${state}`);
  return { ...from, ...change, state, previousProducerId: from.producerId };
}

/** An id that was never seen; its first step is `withNextEpoch`. */
export function newTransaction(transactionalId: string, producerId: number, nowMs: number): Transaction {
  return {
    transactionalId,
    producerId,
    previousProducerId: -1,
    nextProducerId: -1,
    producerEpoch: -1,
    lastProducerEpoch: -1,
    timeoutMs: 0,
    state: 'Empty',
    partitions: noPartitions,
    startMs: -1,
    lastUpdateMs: nowMs,
    clientVersion: 0,
  };
}

/** InitProducerId: the same producer at another epoch. */
export function initialized(
  from: Transaction,
  change: {
    readonly epoch: number;
    readonly lastEpoch: number;
    readonly timeoutMs: number;
    readonly nowMs: number;
  },
): Transaction {
  return step(from, 'Empty', {
    producerEpoch: change.epoch,
    lastProducerEpoch: change.lastEpoch,
    timeoutMs: change.timeoutMs,
    partitions: noPartitions,
    startMs: -1,
    lastUpdateMs: change.nowMs,
  });
}

/** InitProducerId of a producer that is out of epochs. */
export function withNewProducer(
  from: Transaction,
  change: {
    readonly producerId: number;
    readonly lastEpoch: number;
    readonly timeoutMs: number;
    readonly nowMs: number;
  },
): Transaction {
  const { producerId, lastEpoch, timeoutMs, nowMs } = change;
  return { ...initialized(from, { epoch: 0, lastEpoch, timeoutMs, nowMs }), producerId };
}

/** AddPartitionsToTxn, or the first record for a partition. */
export function withPartitions(
  from: Transaction,
  partitions: TransactionPartitions,
  clientVersion: number,
  nowMs: number,
): Transaction {
  return step(from, 'Ongoing', {
    partitions,
    startMs: from.state === 'Ongoing' ? from.startMs : nowMs,
    lastUpdateMs: nowMs,
    clientVersion,
  });
}

export interface Ending {
  readonly committed: boolean;
  /** Of the client; of the cluster where the coordinator itself aborts. */
  readonly version: number;
  /** Where the epochs run out; -1 else. */
  readonly nextProducerId: number;
  readonly nowMs: number;
  /** The coordinator aborts: whoever began it may write nothing more. */
  readonly fences: boolean;
}

/** The decision, from which there is no way back. */
export function prepared(from: Transaction, ending: Ending): Transaction {
  const { committed, version, nextProducerId, nowMs, fences } = ending;
  const raises = version >= epochPerTransaction || fences;
  const producerEpoch = raises ? Math.min(maxEpoch, from.producerEpoch + 1) : from.producerEpoch;
  const lastProducerEpoch =
    version >= epochPerTransaction ? from.producerEpoch : fences ? -1 : from.lastProducerEpoch;
  return step(from, committed ? 'PrepareCommit' : 'PrepareAbort', {
    producerEpoch,
    lastProducerEpoch,
    nextProducerId,
    // The abort of nothing begins and ends here.
    startMs: from.state === 'Ongoing' ? from.startMs : nowMs,
    lastUpdateMs: nowMs,
    clientVersion: version,
  });
}

/** Every marker is written. */
export function completed(from: Transaction, nowMs: number): Transaction {
  const rotates = from.clientVersion >= epochPerTransaction && from.nextProducerId !== -1;
  return step(from, from.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort', {
    ...(rotates ? { producerId: from.nextProducerId, producerEpoch: 0 } : {}),
    nextProducerId: -1,
    partitions: noPartitions,
    lastUpdateMs: nowMs,
  });
}

export function isDecided({ state }: Transaction): boolean {
  return state === 'PrepareCommit' || state === 'PrepareAbort';
}

/** Nothing is under way: the id may be initialized, and expires in time. */
export function isIdle({ state }: Transaction): boolean {
  return state === 'Empty' || state === 'CompleteCommit' || state === 'CompleteAbort';
}

export function holds(partitions: TransactionPartitions, topic: string, partition: number): boolean {
  return partitions.get(topic)?.includes(partition) === true;
}

export function partitionsOf({ partitions }: Transaction): { topic: string; partition: number }[] {
  return [...partitions].flatMap(([topic, indexes]) => indexes.map((partition) => ({ topic, partition })));
}

/** The same object where nothing is new. */
export function union(
  partitions: TransactionPartitions,
  added: readonly { readonly topic: string; readonly partition: number }[],
): TransactionPartitions {
  const missing = added.filter(({ topic, partition }) => !holds(partitions, topic, partition));
  if (missing.length === 0) return partitions;
  const all = new Map(partitions);
  for (const { topic, partition } of missing) {
    const indexes = new Set(all.get(topic)).add(partition);
    all.set(
      topic,
      [...indexes].sort((a, b) => a - b),
    );
  }
  return all;
}
