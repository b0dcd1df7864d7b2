/**
 * What goes wrong, and when, as small sentences:
 *
 *     files.fail('sync').on('*.index').after(3).times(1);          the 4th sync of an index fails with EIO, once
 *     files.fail('write').on('*.log').with('ENOSPC').short(100);   100 bytes of each write arrive, then the disk is full
 *     files.delay('sync', 5);                                      every sync takes 5 ms of the clock
 *
 * A pattern has `*` for any run of letters but `/`; one without `/` is matched against the last name of the path.
 */

import type { FileErrorCode } from '../../storage/environment/files.ts';
import { FileError } from '../../storage/environment/files.ts';

export type FileOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'rename'
  | 'link'
  | 'copy'
  | 'remove'
  | 'make directory'
  | 'list'
  | 'sync directory'
  | 'lock';

class Rule {
  readonly operation: FileOperation;
  #pattern: RegExp | null = null;
  #skips = 0;
  #times = Number.POSITIVE_INFINITY;
  #hits = 0;

  constructor(operation: FileOperation) {
    this.operation = operation;
  }

  /** How often it came true. */
  get hits(): number {
    return this.#hits;
  }

  on(pattern: string): this {
    const source = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
    this.#pattern = new RegExp(pattern.includes('/') ? `^${source}$` : `^(.*/)?${source}$`);
    return this;
  }

  /** Lets that many go well first. */
  after(count: number): this {
    this.#skips = count;
    return this;
  }

  /** Comes true that often at most. */
  times(count: number): this {
    this.#times = count;
    return this;
  }

  /** Nothing goes wrong by this rule any more. */
  stop(): void {
    this.#times = 0;
  }

  /** Whether it comes true for this call; counts. */
  strikes(operation: FileOperation, path: string): boolean {
    if (operation !== this.operation || this.#hits >= this.#times) return false;
    if (this.#pattern !== null && !this.#pattern.test(path)) return false;
    if (this.#skips > 0) {
      this.#skips--;
      return false;
    }
    this.#hits++;
    return true;
  }
}

export class FailRule extends Rule {
  code: FileErrorCode = 'EIO';
  /** Of a write: bytes that arrive all the same. */
  shortBytes = 0;

  with(code: FileErrorCode): this {
    this.code = code;
    return this;
  }

  short(bytes: number): this {
    this.shortBytes = bytes;
    return this;
  }

  errorOf(path: string): FileError {
    return new FileError(this.code, path, this.operation, { detail: 'a fault of the simulation' });
  }
}

export class DelayRule extends Rule {
  readonly delayMs: () => number;

  constructor(operation: FileOperation, delayMs: number | (() => number)) {
    super(operation);
    this.delayMs = typeof delayMs === 'number' ? () => delayMs : delayMs;
  }
}
