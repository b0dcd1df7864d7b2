import { forEachRecord } from '../../protocol/records/record.ts';
import { isDecided, type Transaction } from '../transactions/transaction.ts';
import { transactionEntryCodec } from '../transactions/transaction-entries.ts';
import { TransactionMachine } from '../transactions/transaction-machine.ts';

/** What the batches of one partition of `__transaction_state` say, as a start would load them. */
export class CheckedTransactions {
  readonly #machine = new TransactionMachine();
  #problem: string | null = null;

  /** A batch that is sound. */
  add(buffer: Buffer, at: number): void {
    forEachRecord(buffer, at, ({ offset, key, value }) => {
      try {
        const entry = codec.decode(key, value);
        if (entry !== null) this.#machine.replay(entry);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        this.#problem ??= `has a record at offset ${offset} that no coordinator can read: ${why}`;
      }
    });
  }

  /** Those whose end is decided and not yet everywhere. */
  decided(): Transaction[] {
    return [...this.#machine.all()].filter(isDecided);
  }

  /** Null: a start can load all of it. */
  get problem(): string | null {
    return this.#problem;
  }
}

/** The version only counts for writing. */
const codec = transactionEntryCodec(() => 0);
