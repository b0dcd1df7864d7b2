/** What a micro-benchmark is: a piece of work that is done again and again, and whose result was found right. */

export interface MicroCase {
  readonly name: string;
  /** How many of `MicroGroup.per` one run works through; left out: 1. */
  readonly items?: number;
  /** Bytes that one run works through, where a rate in MB/s says something. */
  readonly bytes?: number;
  readonly run: () => unknown;
  /** Throws unless what a run gave is right. Called with the first and with the last of all. */
  readonly check: (result: never) => void;
  readonly close?: () => Promise<unknown>;
}

export interface MicroGroup {
  readonly name: string;
  /** What the nanoseconds are counted for. */
  readonly per: string;
  /** Makes what the cases work on; `scratch` is an empty directory. */
  readonly cases: (scratch: string) => readonly MicroCase[] | Promise<readonly MicroCase[]>;
}

/** For `check`: names what came, since it is thrown far from where it was made. */
export function mustBe(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what}: ${String(found)} instead of ${String(expected)}`);
}

/** Numbers below `limit`, the same in every run. */
export function drawn(limit: number, seed = 4711): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
