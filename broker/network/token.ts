import { createHash, timingSafeEqual } from 'node:crypto';

/** A token that callers must have. They are compared by hashes, which are of one length: the time tells nothing of either. */
export class SecretToken {
  readonly #hash: Buffer;

  constructor(text: string) {
    this.#hash = hash(text);
  }

  is(given: string): boolean {
    return timingSafeEqual(hash(given), this.#hash);
  }
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
