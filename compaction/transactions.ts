import type { AbortedTransaction } from '../storage/log/log-types.ts';

/**
 * What a pass knows of transactions while it reads batches in order of offset: which data was aborted, and whether a marker
 * still has records of its transaction in front of it.
 *
 *   data of P (aborted) → goes                      ABORT of P: stays while data of its transaction was met in this pass
 *   data of P (committed)                           COMMIT of P: stays while any was met since P's last marker
 *
 * So a marker goes at the earliest in the pass after the one that took the last of its records; see retain.ts for how much
 * later. An ABORT marker that stays keeps its entry in the transaction index; one that may go needs none, for there is nothing
 * left that it would hide.
 */
export class Transactions {
  /** By firstOffset; those from `#nextAborted` on have not begun yet. */
  readonly #aborted: readonly AbortedTransaction[];
  #nextAborted = 0;
  /** By producer id, aborted transactions that are under way. */
  readonly #ongoing = new Map<number, { readonly transaction: AbortedTransaction; hasData: boolean }>();
  /** Producer ids with committed data since their last marker. */
  readonly #committed = new Set<number>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** A data batch was read; true when its transaction was aborted. */
  isAborted(producerId: number, lastOffset: number, isTransactional: boolean): boolean {
    this.#begin(lastOffset);
    if (!isTransactional) return false;
    const ongoing = this.#ongoing.get(producerId);
    if (ongoing === undefined) {
      this.#committed.add(producerId);
      return false;
    }
    ongoing.hasData = true;
    return true;
  }

  /** An ABORT marker was read: the transaction that it still hides, null when nothing of it is left. */
  aborted(producerId: number, lastOffset: number): AbortedTransaction | null {
    this.#begin(lastOffset);
    const ongoing = this.#ongoing.get(producerId);
    this.#ongoing.delete(producerId);
    return ongoing?.hasData ? ongoing.transaction : null;
  }

  /** A COMMIT marker was read: whether records of its transaction are left. */
  committed(producerId: number, lastOffset: number): boolean {
    this.#begin(lastOffset);
    return this.#committed.delete(producerId);
  }

  #begin(upToOffset: number): void {
    for (; this.#nextAborted < this.#aborted.length; this.#nextAborted++) {
      const transaction = this.#aborted[this.#nextAborted]!;
      if (transaction.firstOffset > upToOffset) return;
      if (!this.#ongoing.has(transaction.producerId))
        this.#ongoing.set(transaction.producerId, { transaction, hasData: false });
    }
  }
}
