import * as batch from '../../../protocol/records/batch.ts';
import { setBaseOffset } from '../../../protocol/records/batch.ts';
import type { Directory, FileContent } from './directories.ts';

/**
 * Moves the segments from one on to much higher offsets, as if many segments between had been cleaned away: what lies so far apart may
 * not become one segment. What refers to the old offsets is left out; a start after a crash makes it anew.
 */
export function movedBy(directory: Directory, fromBase: number, by: number): Directory {
  const moved = new Map<string, FileContent>();
  for (const [name, content] of directory) {
    if (!/^\d{20}\.(log|index|timeindex)$/.test(name)) {
      if (name === 'partition.metadata') moved.set(name, content);
      continue;
    }
    const base = Number(name.slice(0, 20));
    if (base < fromBase) moved.set(name, content);
    else moved.set(`${base + by}`.padStart(20, '0') + name.slice(20), movedFile(name, content, by));
  }
  return moved;
}

function movedFile(name: string, { bytes, modifiedMs }: FileContent, by: number): FileContent {
  if (!name.endsWith('.log')) return { bytes, modifiedMs };
  const moved = Buffer.from(bytes);
  batch.forEachBatch(moved, 0, moved.length, (at) =>
    setBaseOffset(moved, at, batch.baseOffset(moved, at) + by),
  );
  return { bytes: moved, modifiedMs };
}

/** The base offsets of its segments, ascending. */
export function baseOffsetsIn(directory: Directory): number[] {
  const logs = [...directory.keys()].filter((name) => name.endsWith('.log'));
  return logs.map((name) => Number(name.slice(0, 20))).sort((a, b) => a - b);
}
