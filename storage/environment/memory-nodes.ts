/** The tree behind a memory file system: directories map names to nodes, a file's node owns its bytes. */
import { posix } from 'node:path';
import type { FileErrorCode } from './files.ts';
import { FileError } from './files.ts';
import type { SparseBytes } from './sparse-bytes.ts';

export class MemoryFileNode {
  readonly kind = 'file';
  readonly bytes: SparseBytes;
  parent: MemoryDirectoryNode | null;
  name: string;
  modifiedMs: number;
  /** Over all handles. */
  retained = 0;
  locked = false;

  constructor(bytes: SparseBytes, parent: MemoryDirectoryNode, name: string, modifiedMs: number) {
    this.bytes = bytes;
    this.parent = parent;
    this.name = name;
    this.modifiedMs = modifiedMs;
  }
}

export class MemoryDirectoryNode {
  readonly kind = 'directory';
  readonly entries = new Map<string, MemoryNode>();
  parent: MemoryDirectoryNode | null;
  name: string;
  modifiedMs: number;

  constructor(parent: MemoryDirectoryNode | null, name: string, modifiedMs: number) {
    this.parent = parent;
    this.name = name;
    this.modifiedMs = modifiedMs;
  }
}

export type MemoryNode = MemoryFileNode | MemoryDirectoryNode;

export function namesIn(path: string): string[] {
  return posix
    .resolve('/', path)
    .split('/')
    .filter((name) => name !== '');
}

export function pathOf(node: MemoryNode): string {
  const names: string[] = [];
  for (let at: MemoryNode | null = node; at !== null && at.name !== ''; at = at.parent)
    names.unshift(at.name);
  return `/${names.join('/')}`;
}

export function refuseReplacement(node: MemoryNode, target: MemoryNode, path: string): void {
  let code: FileErrorCode | null = null;
  if (node.kind === 'file' && target.kind === 'directory') code = 'EISDIR';
  if (node.kind === 'directory' && target.kind === 'file') code = 'ENOTDIR';
  if (node.kind === 'directory' && target.kind === 'directory' && target.entries.size > 0) code = 'ENOTEMPTY';
  if (code !== null) throw new FileError(code, path, 'rename');
}
