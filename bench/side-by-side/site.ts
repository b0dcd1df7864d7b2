/** One turn of one broker in a scenario: which broker, how much of everything, where its figures go. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerName } from './broker-processes.ts';
import type { Note } from './stage.ts';

export interface Site {
  readonly name: BrokerName;
  /** A folder for whatever it needs. */
  readonly parent: string;
  readonly sizes: Sizes;
  readonly note: Note;
}

export class Sizes {
  /** Of values, in one load of data. */
  readonly loadBytes: number;
  readonly #scale: number;

  /** `scale`: of all that is not a load of data. Below 1 it tries the harness, and the rows' names say so by their numbers. */
  constructor(loadBytes: number, scale: number) {
    this.loadBytes = loadBytes;
    this.#scale = scale;
  }

  count(full: number): number {
    return Math.max(1, Math.round(full * this.#scale));
  }
}

export const thousands = (count: number): string => count.toLocaleString('en');

export const amountOf = (bytes: number): string =>
  bytes >= 1e9 ? `${thousands(bytes / 1e9)} GB` : `${thousands(bytes / 1e6)} MB`;

export async function inDirectory<T>(parent: string, use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(parent, 'broker-'));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
