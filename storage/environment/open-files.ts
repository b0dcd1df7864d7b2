/**
 * The files that are in use, and the few of them that have a descriptor at the moment.
 *
 * A broker of 10,000 partitions has some 30,000 files; macOS gives a process 256 descriptors unless asked, many Linux
 * machines 1,024. So a file is a record here, and its descriptor is opened when a call needs it. When `openFilesMax`
 * are open, one that was not used lately is closed first (second chance: a used one is passed over once).
 *
 * A file is pinned, its descriptor not closed, while a call on the thread pool uses it, and when it was removed but is
 * retained: then the descriptor is all that is left of it. Pinned files may exceed the bound.
 */
import type { FileError } from './files.ts';
import type { SystemCalls } from './system-calls.ts';
import { called, systemCode } from './system-calls.ts';

/** One file, shared by all handles on it. */
export interface OpenFile {
  path: string;
  size: number;
  /** null: none at the moment. */
  descriptor: number | null;
  /** What the descriptor must allow; raised by the first handle that writes. */
  writable: boolean;
  recentlyUsed: boolean;
  /** Calls in flight on the thread pool. */
  pins: number;
  /** Over all handles. */
  retained: number;
  /** Handles that were not closed. */
  handles: number;
  /** When it was opened last, other names stood for it as well. */
  hasOtherNames: boolean;
  /** Its name is gone or means another file. */
  removed: boolean;
  /** Windows: the name goes when nobody uses the file any more. */
  removeWhenFree: boolean;
  /** Replaced while a call was in flight; closed when that has ended. */
  retiredDescriptors: number[];
}

export function openFile(path: string, size: number, writable: boolean): OpenFile {
  return {
    path,
    size,
    descriptor: null,
    writable,
    recentlyUsed: true,
    pins: 0,
    retained: 0,
    handles: 0,
    hasOtherNames: false,
    removed: false,
    removeWhenFree: false,
    retiredDescriptors: [],
  };
}

export class DescriptorCache {
  readonly #calls: SystemCalls;
  readonly #openFilesMax: number;
  readonly #open = new Set<OpenFile>();

  constructor(calls: SystemCalls, openFilesMax: number) {
    this.#calls = calls;
    this.#openFilesMax = openFilesMax;
  }

  /** Descriptors open now. */
  get openCount(): number {
    return this.#open.size;
  }

  /** The descriptor of a file, opened if need be; good until the next call on this cache unless the file is pinned. */
  descriptorOf(file: OpenFile): number {
    file.recentlyUsed = true;
    return file.descriptor ?? this.#reopen(file);
  }

  /** Takes over the descriptor that the caller got by creating the file. */
  adopt(file: OpenFile, descriptor: number): void {
    this.#makeRoom();
    file.descriptor = descriptor;
    this.#open.add(file);
  }

  pin(file: OpenFile): number {
    const descriptor = this.descriptorOf(file);
    file.pins++;
    return descriptor;
  }

  unpin(file: OpenFile): void {
    file.pins--;
    if (file.pins > 0) return;
    for (const descriptor of file.retiredDescriptors) this.#calls.closeSync(descriptor);
    file.retiredDescriptors.length = 0;
  }

  /** Closes the descriptor; a call in flight keeps it until it has ended. */
  drop(file: OpenFile): void {
    if (file.descriptor === null) return;
    if (file.pins > 0) file.retiredDescriptors.push(file.descriptor);
    else this.#calls.closeSync(file.descriptor);
    file.descriptor = null;
    this.#open.delete(file);
  }

  closeIdle(): void {
    for (const file of [...this.#open]) if (isEvictable(file)) this.drop(file);
  }

  #reopen(file: OpenFile): number {
    const { O_RDONLY, O_RDWR } = this.#calls.constants;
    const flags = file.writable ? O_RDWR : O_RDONLY;
    this.#makeRoom();
    file.descriptor = called(file.path, 'open', () =>
      this.openWithRetry(() => this.#calls.openSync(file.path, flags)),
    );
    this.#open.add(file);
    return file.descriptor;
  }

  /** Opens; when the process has no descriptor left, once more without our idle ones. */
  openWithRetry(open: () => number): number {
    try {
      return open();
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error as FileError;
      this.closeIdle();
      return open();
    }
  }

  #makeRoom(): void {
    let looks = 2 * this.#open.size;
    for (const file of this.#open) {
      if (this.#open.size < this.#openFilesMax || looks-- === 0) return;
      if (isEvictable(file) && !file.recentlyUsed) {
        this.drop(file);
        continue;
      }
      file.recentlyUsed = false;
      // To the end of the round: a Set is walked in the order of insertion.
      this.#open.delete(file);
      this.#open.add(file);
    }
  }
}

function isEvictable(file: OpenFile): boolean {
  return file.pins === 0 && (!file.removed || file.removeWhenFree);
}
