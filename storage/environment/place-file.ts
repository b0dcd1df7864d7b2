/**
 * Puts what is in one file under another name, also in another file system, without reading it where that can be avoided:
 *
 *     from ╲ to   disk                                        memory
 *     disk        shared: a hard link; else, or where there   read
 *                 are none: a copy (a clone, if it can be)
 *     memory      written                                     the same chunks, copied when either side writes to one
 */

import type { FileSystem } from './files.ts';
import { MemoryFileSystem } from './memory-files.ts';

export interface FileSource {
  readonly files: FileSystem;
  readonly path: string;
  /** The file's beginning that counts. */
  readonly sizeBytes: number;
  /** Nobody writes to it any more, on either side. */
  readonly isShared: boolean;
}

const chunkBytes = 1024 * 1024;

/** Nothing is there yet under `path`. */
export function placeFile(source: FileSource, files: FileSystem, path: string): void {
  const { sizeBytes, isShared } = source;
  if (source.files instanceof MemoryFileSystem && files instanceof MemoryFileSystem) {
    files.adoptSync(source.files, source.path, path);
    cut(files, path, sizeBytes);
  } else if (files.copySync !== undefined && source.files.copySync !== undefined) {
    if (isShared && files.linkSync?.(source.path, path)) return;
    files.copySync(source.path, path);
    cut(files, path, sizeBytes);
  } else transfer(source, files, path);
}

function cut(files: FileSystem, path: string, sizeBytes: number): void {
  if (files.statSync(path)!.size === sizeBytes) return;
  const file = files.openSync(path, 'update');
  try {
    file.truncateSync(sizeBytes);
  } finally {
    file.close();
  }
}

function transfer(source: FileSource, files: FileSystem, path: string): void {
  const from = source.files.openSync(source.path, 'read');
  try {
    const to = files.openSync(path, 'create-new');
    try {
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, source.sizeBytes));
      for (let at = 0; at < source.sizeBytes; ) {
        const count = from.readSync(chunk, 0, Math.min(chunk.length, source.sizeBytes - at), at);
        if (count === 0) break;
        to.writeSync([chunk.subarray(0, count)], at);
        at += count;
      }
      to.setModifiedMs(source.files.statSync(source.path)!.modifiedMs);
    } finally {
      to.close();
    }
  } finally {
    from.close();
  }
}
