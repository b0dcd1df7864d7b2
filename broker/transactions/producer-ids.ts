import type { MetadataController } from '../metadata/metadata-controller.ts';
import { MetadataWriteError } from '../metadata/metadata-journal.ts';

/**
 * Hands out producer ids from blocks of 1,000 that the metadata log records before the first id of a block is given:
 * none is given twice, whatever happens.
 */
export class ProducerIds {
  readonly #metadata: Pick<MetadataController, 'allocateProducerIds'>;
  #next = 0;
  #remaining = 0;
  #pending: Promise<void> | null = null;

  constructor(metadata: Pick<MetadataController, 'allocateProducerIds'>) {
    this.#metadata = metadata;
  }

  /** Null: no block can be recorded at the moment. */
  async next(): Promise<number | null> {
    while (this.#remaining === 0) {
      this.#pending ??= this.#refill();
      try {
        await this.#pending;
      } catch (error) {
        if (error instanceof MetadataWriteError) return null;
        throw error;
      }
    }
    this.#remaining -= 1;
    return this.#next++;
  }

  async #refill(): Promise<void> {
    try {
      const block = await this.#metadata.allocateProducerIds();
      this.#next = block.firstProducerId;
      this.#remaining = block.count;
    } finally {
      this.#pending = null;
    }
  }
}
