import type { MemoryFileSystem } from '../../storage/environment/memory-files.ts';

/** The state of a broker in memory, for `from`: as often as wanted, and never changed by those who begin with it. */
export class Snapshot {
  /** @internal */
  readonly files: MemoryFileSystem;
  /** @internal */
  readonly directory = '/snapshot';

  /** @internal */
  constructor(files: MemoryFileSystem) {
    this.files = files;
  }
}
