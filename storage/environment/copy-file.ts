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

/** A clone where the file system makes them, with the source's time. The target is writable whatever the source is. */
export function copyFile(calls: SystemCalls, from: string, to: string): void {
  copy(calls, from, to, false);
}

/** The same, and it is on the device; its name is not. */
export function copyDurably(calls: SystemCalls, from: string, to: string): void {
  copy(calls, from, to, true);
}

function copy(calls: SystemCalls, from: string, to: string, isDurable: boolean): void {
  const { COPYFILE_EXCL, COPYFILE_FICLONE, O_RDWR } = calls.constants;
  called(to, 'copy', () => {
    calls.copyFileSync(from, to, COPYFILE_EXCL | COPYFILE_FICLONE);
    calls.chmodSync(to, 0o644);
    const descriptor = calls.openSync(to, O_RDWR);
    try {
      const seconds = calls.statSync(from, { throwIfNoEntry: false })!.mtimeMs / 1000;
      calls.futimesSync(descriptor, seconds, seconds);
      if (isDurable) calls.fdatasyncSync(descriptor);
    } finally {
      calls.closeSync(descriptor);
    }
  });
}
