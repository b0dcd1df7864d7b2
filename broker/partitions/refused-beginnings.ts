/**
 * A producer that a partition does not know may begin with any sequence. So when the first of several batches under way is refused for
 * now (its coordinator is being loaded), the second must not begin in its place: the first would be out of order ever after. Kept here
 * until it, or one before it, comes again.
 *
 *    3 refused   4 out of order   5 out of order   3 written   4 …
 *
 * Needed for clients that keep their epoch; one that gets an epoch for each transaction begins with 0, which the log sees to.
 */

/** So many producers at once; with more the oldest is forgotten, and its next batch taken as it comes. */
const producersMax = 1_000;

interface Beginning {
  readonly epoch: number;
  readonly sequence: number;
}

export class RefusedBeginnings {
  readonly #byProducer = new Map<number, Beginning>();

  note(producerId: number, epoch: number, sequence: number): void {
    const noted = this.#byProducer.get(producerId);
    if (noted !== undefined && noted.epoch === epoch && noted.sequence <= sequence) return;
    this.#byProducer.set(producerId, { epoch, sequence });
    if (this.#byProducer.size > producersMax)
      for (const oldest of this.#byProducer.keys()) {
        this.#byProducer.delete(oldest);
        break;
      }
  }

  /** Whether a batch that is about to be written comes before one that was refused; forgets that one if not. */
  isOvertaken(producerId: number, epoch: number, sequence: number): boolean {
    const noted = this.#byProducer.get(producerId);
    if (noted === undefined) return false;
    if (noted.epoch === epoch && sequence > noted.sequence) return true;
    this.#byProducer.delete(producerId);
    return false;
  }

  /** The transaction is over without it. */
  forget(producerId: number): void {
    this.#byProducer.delete(producerId);
  }
}
