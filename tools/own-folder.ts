/** The folder of this user's below the temporary one, 0700: what brokers leave there for each other and for commands. */
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ownerOnlyFolder = 0o700;
const othersBits = 0o077;

/** On Windows the temporary folder is the user's own, and numbers of users and modes mean nothing. */
const userId = process.getuid?.() ?? null;

export function ownFolderPath(): string {
  return join(tmpdir(), userId === null ? 'kompakt' : `kompakt-${userId}`);
}

/** Throws where it cannot be made, or is somebody else's. */
export function makeOwnFolder(): string {
  const folder = ownFolderPath();
  mkdirSync(folder, { recursive: true, mode: ownerOnlyFolder });
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
