/**
 * Which open file stands behind which path, and which of them lie below a directory.
 *
 *    directory → name → file        `at`, in one step
 *    directory → directories in it  only where a file lies in or below them: so that `below` looks at nothing else, however many
 *                                   partitions there are (a scan of all of them made the deletion of a topic quadratic)
 *
 * All paths are absolute.
 */
import path from 'node:path';
import type { OpenFile } from './open-files.ts';

export class FileNames {
  readonly #files = new Map<string, Map<string, OpenFile>>();
  readonly #directories = new Map<string, Set<string>>();

  at(absolute: string): OpenFile | undefined {
    return this.#files.get(path.dirname(absolute))?.get(path.basename(absolute));
  }

  /** By the path that it has now. */
  remember(file: OpenFile): void {
    const directory = path.dirname(file.path);
    let names = this.#files.get(directory);
    if (names === undefined) {
      this.#files.set(directory, (names = new Map()));
      this.#enter(directory);
    }
    names.set(path.basename(file.path), file);
  }

  /** Nothing where another file has taken its name. */
  forget(file: OpenFile): void {
    const directory = path.dirname(file.path);
    const names = this.#files.get(directory);
    if (names?.get(path.basename(file.path)) !== file) return;
    names.delete(path.basename(file.path));
    if (names.size > 0) return;
    this.#files.delete(directory);
    this.#leave(directory);
  }

  /** The file itself, or all below the directory. */
  atOrBelow(absolute: string): OpenFile[] {
    const file = this.at(absolute);
    if (file !== undefined) return [file];
    const found: OpenFile[] = [];
    this.#collect(absolute, found);
    return found;
  }

  #collect(directory: string, found: OpenFile[]): void {
    const names = this.#files.get(directory);
    if (names !== undefined) found.push(...names.values());
    for (const inside of this.#directories.get(directory) ?? []) this.#collect(inside, found);
  }

  /** Into the directory above it, that into the one above it, and so on. */
  #enter(directory: string): void {
    const parent = path.dirname(directory);
    if (parent === directory) return;
    const known = this.#directories.get(parent);
    if (known !== undefined) {
      known.add(directory);
      return;
    }
    this.#directories.set(parent, new Set([directory]));
    if (!this.#files.has(parent)) this.#enter(parent);
  }

  #leave(directory: string): void {
    const parent = path.dirname(directory);
    // One that has directories with files in them is still on the way to those.
    if (parent === directory || this.#directories.has(directory)) return;
    const known = this.#directories.get(parent);
    known?.delete(directory);
    if (known === undefined || known.size > 0) return;
    this.#directories.delete(parent);
    if (!this.#files.has(parent)) this.#leave(parent);
  }
}
