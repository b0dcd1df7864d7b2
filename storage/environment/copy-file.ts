import type { SystemCalls } from './system-calls.ts';
import { called, fileErrorFrom, systemCode } from './system-calls.ts';

/** Codes with which a file system, or two of them, say that they have no hard links, or no more of them for this file. */
const noLinks: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'EMLINK',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EACCES',
]);

/** False where there can be no link. */
export function linkFile(calls: SystemCalls, from: string, to: string): boolean {
  try {
    calls.linkSync(from, to);
    return true;
  } catch (error) {
    if (noLinks.has(systemCode(error))) return false;
    throw fileErrorFrom(error, to, 'link');
  }
}

/** A clone where the file system makes them. The target is writable whatever the source is. */
export function copyFile(calls: SystemCalls, from: string, to: string): void {
  const { COPYFILE_EXCL, COPYFILE_FICLONE } = calls.constants;
  called(to, 'copy', () => {
    calls.copyFileSync(from, to, COPYFILE_EXCL | COPYFILE_FICLONE);
    calls.chmodSync(to, 0o644);
  });
}
