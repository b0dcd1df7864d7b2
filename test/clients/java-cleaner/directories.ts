import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileSystem } from '../../../storage/environment/files.ts';

/** A partition's directory as values, to be moved between the file system in memory that we work on and the disk that Kafka does. */
export type Directory = ReadonlyMap<string, FileContent>;

export interface FileContent {
  readonly bytes: Buffer;
  readonly modifiedMs: number;
}

const isGone = (name: string): boolean => name.endsWith('.deleted');

/** Of files that wait for their removal nothing is kept, but where somebody is to start on the directory as it is. */
export function readMemory(files: FileSystem, path: string, keepsGone = false): Directory {
  const names = files.statSync(path) === null ? [] : files.listSync(path);
  const kept = names.filter((name) => keepsGone || !isGone(name));
  return new Map(
    kept.map((name) => {
      const file = files.join(path, name);
      const { modifiedMs } = files.statSync(file)!;
      return [name, { bytes: files.readFileSync(file), modifiedMs }];
    }),
  );
}

export function writeMemory(files: FileSystem, path: string, directory: Directory): void {
  files.makeDirectorySync(path);
  for (const [name, { bytes, modifiedMs }] of directory) {
    const file = files.openSync(files.join(path, name), 'create-new');
    file.writeSync([bytes], 0);
    file.setModifiedMs(modifiedMs);
    file.close();
  }
}

export function readDisk(path: string): Directory {
  const names = readdirSync(path).filter((name) => !isGone(name));
  return new Map(
    names.sort().map((name) => {
      const file = join(path, name);
      return [name, { bytes: readFileSync(file), modifiedMs: Math.floor(statSync(file).mtimeMs) }];
    }),
  );
}

export function writeDisk(path: string, directory: Directory): void {
  mkdirSync(path, { recursive: true });
  for (const [name, { bytes, modifiedMs }] of directory) {
    const file = join(path, name);
    writeFileSync(file, bytes);
    // Seconds as a double are a little less than the millisecond, which Java would round down.
    const seconds = (modifiedMs + 0.5) / 1000;
    utimesSync(file, seconds, seconds);
  }
}
