import { type File, FileError, type FileSystem } from '../environment/files.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import { replaceUnsynced } from './log-files.ts';
import type { LogSync } from './log-sync.ts';
import type { LoadedLog } from './recovery.ts';
import { leaderEpochFile } from './segment-files.ts';

/**
 * Keeps a log's `leader-epoch-checkpoint` as its epochs are. On Windows a file cannot be put in the place of one that is just being
 * brought to the device; it is then written when that has ended. Until then a crash leaves what one a moment earlier would have
 * left, and a start that finds batches of an epoch it does not know adds it.
 */
export class EpochsFile {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #sync: LogSync;
  readonly #epochs: LeaderEpochs;
  /** Writes once more, where the log still takes changes. */
  readonly #again: () => void;
  /** Its content is not that of the epochs. */
  isStale: boolean;
  /** And sealed segments have epochs that it lacks: once the recovery point is behind them no start would find those again. */
  isOwed: boolean;
  /** The last one that was written; it may not be synced yet. */
  #file: File | null = null;
  #isWaiting = false;

  constructor(parts: {
    files: FileSystem;
    directory: string;
    sync: LogSync;
    epochs: LeaderEpochs;
    found: LoadedLog['epochsFile'];
    again: () => void;
  }) {
    this.#files = parts.files;
    this.#directory = parts.directory;
    this.#sync = parts.sync;
    this.#epochs = parts.epochs;
    this.isStale = parts.found !== 'current';
    this.isOwed = parts.found === 'wrong';
    this.#again = parts.again;
  }

  write(): void {
    this.isStale = true;
    const file = this.#replaced(this.#files.join(this.#directory, leaderEpochFile));
    if (file === null) return;
    if (this.#file) this.#sync.forget(this.#file);
    this.#file = file;
    this.isStale = this.isOwed = false;
    this.#sync.made([file], this.#directory);
  }

  /** Null: later. */
  #replaced(path: string): File | null {
    try {
      return replaceUnsynced(this.#files, path, this.#epochs.toText());
    } catch (error) {
      // Busy without a sync of ours: somebody else's doing, that we cannot wait for.
      if (!(error instanceof FileError) || error.code !== 'EBUSY' || !this.#sync.isRunning) throw error;
    }
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      void this.#sync.idle().then(() => {
        this.#isWaiting = false;
        this.#again();
      });
    }
    return null;
  }
}
