import type { StateMachine } from '../journal/state-machine.ts';
import type { Transaction } from './transaction.ts';
import type { TransactionEntry } from './transaction-entries.ts';

/** The transactional ids of one partition of `__transaction_state`: the state machine that its journal replays into. */
export class TransactionMachine implements StateMachine<TransactionEntry> {
  readonly #byId = new Map<string, Transaction>();

  clear(): void {
    this.#byId.clear();
  }

  replay({ transactionalId, value }: TransactionEntry): void {
    if (value === null) this.#byId.delete(transactionalId);
    else this.#byId.set(transactionalId, value);
  }

  get(transactionalId: string): Transaction | undefined {
    return this.#byId.get(transactionalId);
  }

  all(): Iterable<Transaction> {
    return this.#byId.values();
  }
}
