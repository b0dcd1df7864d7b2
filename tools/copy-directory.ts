/**
 * Copies a stopped data directory. The segments that nobody writes any more are hard links, which take no room and no time; the rest is
 * copied, because the next owner goes on in it:
 *
 *    .log of a sealed segment that no start recovers     linked, or copied where the two directories are on two disks
 *    last segments, indexes, checkpoints, metadata       copied
 *    the lock, sockets, what is being deleted            left out
 */
import { constants, copyFileSync, linkSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile, ownerFile } from '../storage/directory/ownership.ts';

export interface Copied {
  readonly linked: number;
  readonly copied: number;
}

/** `recoversFrom`: the offset from which the next start recovers a partition's directory; Infinity: it does not. */
export function copyDirectory(from: string, to: string, recoversFrom: (name: string) => number): Copied {
  const done = { linked: 0, copied: 0 };
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isFile() && !leftOut.has(entry.name)) {
      copyFileSync(source, target, constants.COPYFILE_FICLONE);
      done.copied += 1;
    } else if (entry.isDirectory() && !entry.name.endsWith('-delete')) {
      const isMetadata = entry.name.startsWith('__cluster_metadata-');
      copyPartition(source, target, isMetadata ? -1 : recoversFrom(entry.name), done);
    }
  }
  return done;
}

const leftOut: ReadonlySet<string> = new Set([lockFile, ownerFile, 'kompakt.control']);

function copyPartition(
  from: string,
  to: string,
  recoversFrom: number,
  done: { linked: number; copied: number },
): void {
  mkdirSync(to);
  const names = readdirSync(from);
  const segments = names.filter((name) => /^\d{20}\.log$/.test(name)).sort();
  for (const name of names) {
    const source = join(from, name);
    if (!lstatSync(source).isFile()) continue;
    const next = segments[segments.indexOf(name) + 1];
    const isSealed =
      segments.includes(name) && next !== undefined && Number.parseInt(next, 10) <= recoversFrom;
    if (isSealed && isLinked(source, join(to, name))) done.linked += 1;
    else {
      copyFileSync(source, join(to, name), constants.COPYFILE_FICLONE);
      done.copied += 1;
    }
  }
}

function isLinked(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch (error) {
    if (notHere.has((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Another disk, a file system without links, too many of them. */
const notHere: ReadonlySet<string> = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK', 'EACCES']);
