/** The folder of this user's below the temporary one, 0700: what brokers leave there for each other and for commands. */
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, sep } from 'node:path';

const ownerOnlyFolder = 0o700;
const othersBits = 0o077;

/** On Windows the temporary folder is the user's own, mostly (see `mayHoldCode`), and numbers of users and modes mean nothing. */
const userId = process.getuid?.() ?? null;

export function ownFolderPath(): string {
  return join(tmpdir(), userId === null ? 'kompakt' : `kompakt-${userId}`);
}

/** Throws where it cannot be made, or is somebody else's. The temporary folder itself it does not make: that would be ours alone. */
export function makeOwnFolder(): string {
  const folder = ownFolderPath();
  try {
    mkdirSync(folder, { mode: ownerOnlyFolder });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || !isOurs(stat)) throw new Error(`${folder} belongs to somebody else`);
  if (isOpenToOthers(stat)) chmodSync(folder, ownerOnlyFolder);
  return folder;
}

export function isOurs({ uid }: { readonly uid: number }): boolean {
  return userId === null || uid === userId;
}

export function isOpenToOthers({ mode }: { readonly mode: number }): boolean {
  return userId !== null && (mode & othersBits) !== 0;
}

/** Where there are no modes, only what lies in the user's own profile: a Windows service may have the temporary folder of all users. */
export function mayHoldCode(hasModes = userId !== null): boolean {
  if (hasModes) return true;
  try {
    return realpathSync.native(tmpdir()).startsWith(`${realpathSync.native(homedir())}${sep}`);
  } catch {
    return false;
  }
}
