import type { MetadataController } from '../metadata/metadata-controller.ts';

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

  async next(): Promise<number> {
    while (this.#remaining === 0) {
      this.#pending ??= this.#refill();
      await this.#pending;
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
