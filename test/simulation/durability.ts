/**
 * Which of the bytes and names of a memory file system a loss of power would keep.
 *
 *     file        base, the bytes at the last completed sync   +  changes since, in order
 *     names       entries at the last completed directory sync +  changes since, in order
 *
 * After a crash a file is its base and, of each later change, all, nothing, or (of a write) some sectors of 512 bytes;
 * its length may be that of a write that did not arrive. Names are the synced ones and any later changes, each whole
 * and in order, save those that build on one that was lost. A name that arrived may so belong to an empty file.
 */

import type { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
import type { MemoryNode } from '../../storage/environment/memory-nodes.ts';
import { MemoryDirectoryNode, MemoryFileNode } from '../../storage/environment/memory-nodes.ts';
import { chunkBytes, SparseBytes } from '../../storage/environment/sparse-bytes.ts';
import type { SeededRandom } from './random.ts';

const sectorBytes = 512;
const zeros = Buffer.alloc(chunkBytes);

type FileChange =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

interface FileRecord {
  readonly base: SparseBytes;
  readonly changes: FileChange[];
  /** Changes that are in `base` by now. */
  settled: number;
}

interface NameChange {
  readonly directory: MemoryDirectoryNode;
  readonly name: string;
  /** null: the name goes. */
  readonly node: MemoryNode | null;
}

export class Durability {
  /** By the bytes, which several names may have in common. */
  readonly #files = new WeakMap<SparseBytes, FileRecord>();
  readonly #directories = new WeakMap<MemoryDirectoryNode, Map<string, MemoryNode>>();
  /** Changes of names that are not synced; those of one entry happen together. */
  #pendingNames: (readonly NameChange[])[] = [];

  /** Everything in the file system as it is now survives a crash. */
  settleAll(files: MemoryFileSystem): void {
    const visit = (directory: MemoryDirectoryNode): void => {
      this.#directories.set(directory, new Map(directory.entries));
      for (const node of directory.entries.values()) {
        if (node.kind === 'directory') visit(node);
        else if (!this.#files.has(node.bytes))
          this.#files.set(node.bytes, { base: copyOf(node.bytes), changes: [], settled: 0 });
      }
    };
    visit(files.root);
    this.#pendingNames = [];
  }

  wrote(node: MemoryFileNode, position: number, bytes: Buffer): void {
    if (bytes.length > 0) this.#recordOf(node).changes.push({ kind: 'write', position, bytes });
  }

  truncated(node: MemoryFileNode, size: number): void {
    this.#recordOf(node).changes.push({ kind: 'truncate', size });
  }

  renamed(...changes: NameChange[]): void {
    this.#pendingNames.push(changes);
  }

  /** Takes note of what a sync that begins now covers; the answer is to be called when it has ended. */
  beginSync(node: MemoryFileNode): () => void {
    const record = this.#recordOf(node);
    const upTo = record.settled + record.changes.length;
    return () => {
      while (record.settled < upTo) {
        apply(record.base, record.changes.shift()!);
        record.settled++;
      }
    };
  }

  /** The same for the names in a directory; null for all names there are. */
  beginSyncNames(directory: MemoryDirectoryNode | null): () => void {
    const covered = new Set(
      this.#pendingNames.filter(
        (group) => directory === null || group.some((change) => change.directory === directory),
      ),
    );
    return () => {
      for (const group of this.#pendingNames) if (covered.has(group)) this.#settleNames(group);
      this.#pendingNames = this.#pendingNames.filter((group) => !covered.has(group));
    };
  }

  /** Fills an empty file system with what a crash now would leave. */
  crashInto(target: MemoryFileSystem, root: MemoryDirectoryNode, random: SeededRandom): void {
    const names = this.#namesAfterCrash(random);
    /** What names had in common they have in common afterwards. */
    const left = new Map<SparseBytes, SparseBytes>();
    const visit = (from: MemoryDirectoryNode, into: MemoryDirectoryNode): void => {
      for (const [name, node] of names.get(from) ?? this.#directories.get(from) ?? []) {
        if (node.kind === 'directory') {
          const made = new MemoryDirectoryNode(into, name, node.modifiedMs);
          into.entries.set(name, made);
          visit(node, made);
          continue;
        }
        let bytes = left.get(node.bytes);
        if (bytes === undefined) {
          bytes = new SparseBytes(target.budget);
          left.set(node.bytes, bytes);
          this.#crashedBytes(node, bytes, random);
        } else shareBytes(bytes);
        into.entries.set(name, new MemoryFileNode(bytes, into, name, node.modifiedMs));
      }
    };
    visit(root, target.root);
  }

  #recordOf(node: MemoryFileNode): FileRecord {
    let record = this.#files.get(node.bytes);
    if (record === undefined) {
      record = { base: new SparseBytes(), changes: [], settled: 0 };
      this.#files.set(node.bytes, record);
    }
    return record;
  }

  #settleNames(group: readonly NameChange[]): void {
    for (const { directory, name, node } of group) {
      let names = this.#directories.get(directory);
      if (names === undefined) this.#directories.set(directory, (names = new Map()));
      if (node === null) names.delete(name);
      else names.set(name, node);
    }
  }

  #namesAfterCrash(random: SeededRandom): Map<MemoryDirectoryNode, Map<string, MemoryNode>> {
    const names = new Map<MemoryDirectoryNode, Map<string, MemoryNode>>();
    const lost = new Map<MemoryDirectoryNode, Set<string>>();
    // Often all or none: the plain cases are as likely to be got wrong as the odd ones.
    const lossChance = random.pick([0, 0.1, 0.5, 1]);
    for (const group of this.#pendingNames) {
      const isLost =
        random.chance(lossChance) ||
        group.some(({ directory, name }) => lost.get(directory)?.has(name) === true);
      for (const { directory, name, node } of group) {
        if (isLost) {
          const lostHere = lost.get(directory) ?? new Set();
          lost.set(directory, lostHere.add(name));
          continue;
        }
        const here = names.get(directory) ?? new Map(this.#directories.get(directory) ?? []);
        names.set(directory, here);
        if (node === null) here.delete(name);
        else here.set(name, node);
      }
    }
    return names;
  }

  #crashedBytes(node: MemoryFileNode, target: SparseBytes, random: SeededRandom): void {
    const record = this.#files.get(node.bytes);
    if (record === undefined) return;
    copyInto(record.base, target);
    const lossChance = random.pick([0, 0.1, 0.5, 1]);
    for (const change of record.changes) {
      if (!random.chance(lossChance)) apply(target, change);
      else if (change.kind === 'write') {
        if (random.chance(0.5)) applyTorn(target, change.position, change.bytes, random);
        if (random.chance(0.3)) target.truncate(Math.max(target.size, change.position + change.bytes.length));
      }
    }
  }
}

const shared = new WeakSet<SparseBytes>();

/** Another name has them too: they do not go with the first one that does. */
export function shareBytes(bytes: SparseBytes): void {
  shared.add(bytes);
  bytes.clear = () => {};
}

export function areShared(bytes: SparseBytes): boolean {
  return shared.has(bytes);
}

function apply(target: SparseBytes, change: FileChange): void {
  if (change.kind === 'truncate') target.truncate(change.size);
  else target.write(change.bytes, change.position);
}

/** Some of the sectors that a write covers. */
function applyTorn(target: SparseBytes, position: number, bytes: Buffer, random: SeededRandom): void {
  const end = position + bytes.length;
  const keepChance = random.pick([0.2, 0.5, 0.9]);
  for (let at = position; at < end; ) {
    const next = Math.min((Math.floor(at / sectorBytes) + 1) * sectorBytes, end);
    if (random.chance(keepChance)) target.write(bytes.subarray(at - position, next - position), at);
    at = next;
  }
}

function copyOf(bytes: SparseBytes): SparseBytes {
  const copy = new SparseBytes();
  copyInto(bytes, copy);
  return copy;
}

function copyInto(from: SparseBytes, to: SparseBytes): void {
  for (let at = 0; at < from.size; at += chunkBytes) {
    let position = at;
    for (const view of from.views(at, chunkBytes)) {
      // A hole stays one. (Compared as a whole: byte by byte, the indexes that stand ready took seconds.)
      if (!view.equals(zeros.subarray(0, view.length))) to.write(view, position);
      position += view.length;
    }
  }
  to.truncate(from.size);
}
