import { LookupRefused } from './lookup.ts';

/** What all key tables take together, and how much that may be. */
export class TableMemory {
  usedBytes = 0;
  readonly #limitBytes: () => number;

  constructor(limitBytes: () => number) {
    this.#limitBytes = limitBytes;
  }

  /** Whether so many bytes more are too many. */
  exceeds(moreBytes: number): boolean {
    return this.usedBytes + moreBytes > this.#limitBytes();
  }

  refusal(name: string): LookupRefused {
    const limitBytes = this.#limitBytes();
    const message = `the key table of ${name} does not fit into kompakt.lookup.memory.max.bytes=${limitBytes}`;
    return new LookupRefused({ reason: 'memory', limitBytes }, message);
  }
}
