/** What commands write to the process's own streams, kept from them for the length of each test of a file. */
import { afterEach, beforeEach, vi } from 'vitest';

export interface Overheard {
  out: string;
  err: string;
  forget(): void;
}

/** Call it once, outside of all tests. */
export function overhear(): Overheard {
  const told: Overheard = {
    out: '',
    err: '',
    forget() {
      told.out = '';
      told.err = '';
    },
  };
  beforeEach(() => {
    told.forget();
    const into = (name: 'out' | 'err') => (text: string | Uint8Array) => {
      told[name] += String(text);
      return true;
    };
    vi.spyOn(process.stdout, 'write').mockImplementation(into('out'));
    vi.spyOn(process.stderr, 'write').mockImplementation(into('err'));
  });
  afterEach(() => vi.restoreAllMocks());
  return told;
}
