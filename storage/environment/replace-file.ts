/**
 * Replacing a whole small file so that a reader, or a start after a crash, sees the old or the new content:
 *
 *     write NAME.tmp → sync it → rename it to NAME → sync the directory
 *
 * Replacements of one file are made one after the other; a synchronous one that arrives while another is under way
 * overtakes it, and the overtaken content never gets the name. Every FileSystem here does it with this class.
 */
import type { File, FileSystem } from './files.ts';

type Names = Pick<FileSystem, 'join' | 'openSync' | 'removeFileSync' | 'syncDirectory' | 'syncDirectorySync'>;

interface Queue {
  last: Promise<void>;
  waiting: number;
  /** Counts synchronous replacements; an asynchronous one that began before the latest is overtaken. */
  generation: number;
}

export class Replacements {
  readonly #names: Names;
  /** By path, while an asynchronous replacement of it is under way. */
  readonly #queues = new Map<string, Queue>();

  constructor(names: Names) {
    this.#names = names;
  }

  /** `content` is borrowed until it resolves. */
  async replace(path: string, content: Uint8Array): Promise<void> {
    let queue = this.#queues.get(path);
    if (queue === undefined) {
      queue = { last: Promise.resolve(), waiting: 0, generation: 0 };
      this.#queues.set(path, queue);
    }
    const { generation } = queue;
    queue.waiting++;
    const mine = queue.last.then(() => this.#replaceNow(path, content, queue, generation));
    queue.last = mine.catch(() => {});
    try {
      await mine;
    } finally {
      queue.waiting--;
      if (queue.waiting === 0) this.#queues.delete(path);
    }
  }

  replaceSync(path: string, content: Uint8Array): void {
    const queue = this.#queues.get(path);
    if (queue !== undefined) queue.generation++;
    const file = this.#openTemporary(queue === undefined ? `${path}.tmp` : `${path}.now.tmp`);
    try {
      file.writeSync([content], 0);
      file.syncSync();
      file.renameTo(path);
    } catch (error) {
      this.#discard(file);
      throw error;
    }
    file.close();
    this.#names.syncDirectorySync(this.#directoryOf(path));
  }

  async #replaceNow(path: string, content: Uint8Array, queue: Queue, generation: number): Promise<void> {
    if (queue.generation !== generation) return;
    const file = this.#openTemporary(`${path}.tmp`);
    try {
      await file.write([content], 0);
      await file.sync();
      if (queue.generation !== generation) return this.#discard(file);
      file.renameTo(path);
    } catch (error) {
      this.#discard(file);
      throw error;
    }
    file.close();
    await this.#names.syncDirectory(this.#directoryOf(path));
  }

  /** Empty, whatever an earlier process left under the name. */
  #openTemporary(path: string): File {
    const file = this.#names.openSync(path, 'create');
    if (file.size > 0) file.truncateSync(0);
    return file;
  }

  /** Leaves nothing half written behind, if it can: on a full disk the room is needed. */
  #discard(file: File): void {
    file.close();
    try {
      this.#names.removeFileSync(file.path);
    } catch {
      // What went wrong first is the error to tell; a leftover .tmp is overwritten next time.
    }
  }

  #directoryOf(path: string): string {
    return this.#names.join(path, '..');
  }
}
