/**
 * Replacing a whole small file so that a reader, or a start after a crash, sees the old or the new content:
 *
 *     write NAME.tmp → sync it → rename it to NAME → sync the directory
 *
 * The slow half runs on the thread pool. Replacements of one file are made one after the other; a synchronous one that
 * arrives while another is under way overtakes it, and the overtaken content never gets the name.
 */
import path from 'node:path';
import type { FileSystem } from './files.ts';
import type { SystemCalls } from './system-calls.ts';
import { awaited, awaitedCount, called } from './system-calls.ts';

interface ReplacementHost
  extends Pick<FileSystem, 'renameSync' | 'removeFileSync' | 'syncDirectory' | 'syncDirectorySync'> {
  readonly calls: SystemCalls;
}

interface Queue {
  last: Promise<void>;
  waiting: number;
  /** Counts synchronous replacements; an asynchronous one that began before the latest is overtaken. */
  generation: number;
}

export class Replacements {
  readonly #host: ReplacementHost;
  /** By path, while an asynchronous replacement of it is under way. */
  readonly #queues = new Map<string, Queue>();

  constructor(host: ReplacementHost) {
    this.#host = host;
  }

  /** `content` is borrowed until it resolves. */
  async replace(absolute: string, content: Uint8Array): Promise<void> {
    let queue = this.#queues.get(absolute);
    if (queue === undefined) {
      queue = { last: Promise.resolve(), waiting: 0, generation: 0 };
      this.#queues.set(absolute, queue);
    }
    const { generation } = queue;
    queue.waiting++;
    const mine = queue.last.then(() => this.#replaceNow(absolute, content, queue, generation));
    queue.last = mine.catch(() => {});
    try {
      await mine;
    } finally {
      queue.waiting--;
      if (queue.waiting === 0) this.#queues.delete(absolute);
    }
  }

  replaceSync(absolute: string, content: Uint8Array): void {
    const queue = this.#queues.get(absolute);
    if (queue !== undefined) queue.generation++;
    const { calls } = this.#host;
    const temporary = queue === undefined ? `${absolute}.tmp` : `${absolute}.now.tmp`;
    called(temporary, 'write', () => {
      const descriptor = calls.openSync(temporary, flagsOf(calls), 0o666);
      try {
        let at = 0;
        while (at < content.length) at += calls.writeSync(descriptor, content, at, content.length - at, at);
        calls.fdatasyncSync(descriptor);
      } finally {
        calls.closeSync(descriptor);
      }
    });
    this.#host.renameSync(temporary, absolute);
    this.#host.syncDirectorySync(path.dirname(absolute));
  }

  async #replaceNow(absolute: string, content: Uint8Array, queue: Queue, generation: number): Promise<void> {
    if (queue.generation !== generation) return;
    const temporary = `${absolute}.tmp`;
    await this.#writeSynced(temporary, content);
    if (queue.generation !== generation) return this.#host.removeFileSync(temporary);
    this.#host.renameSync(temporary, absolute);
    await this.#host.syncDirectory(path.dirname(absolute));
  }

  async #writeSynced(temporary: string, content: Uint8Array): Promise<void> {
    const { calls } = this.#host;
    const descriptor = await awaitedCount(temporary, 'open', (done) => {
      calls.open(temporary, flagsOf(calls), 0o666, done);
    });
    try {
      let at = 0;
      while (at < content.length) {
        const from = at;
        at += await awaitedCount(temporary, 'write', (done) => {
          calls.write(descriptor, content, from, content.length - from, from, done);
        });
      }
      await awaited(temporary, 'sync', (done) => calls.fdatasync(descriptor, done));
    } finally {
      await awaited(temporary, 'close', (done) => calls.close(descriptor, done));
    }
  }
}

function flagsOf(calls: SystemCalls): number {
  const { O_RDWR, O_CREAT, O_TRUNC } = calls.constants;
  return O_RDWR | O_CREAT | O_TRUNC;
}
