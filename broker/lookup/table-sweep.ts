/**
 * Takes entries out of a table whose records have left the log: those below the log start, and tombstones that the cleaner took.
 * Whatever else the cleaner takes is not the newest of its key. In slices, beside appends and lookups:
 *
 *   1. over the map: what is below the log start goes; the offsets of tombstones are noted (8 bytes each)
 *   2. over the log, where those tombstones were: which are still there
 *   3. over the map: the others go, unless their keys have newer records by now
 */
import * as batch from '../../protocol/records/batch.ts';
import type { Log } from '../../storage/log/log.ts';
import { DecidedBatches } from './decided-batches.ts';
import type { KeyMap } from './key-map.ts';
import { forEachKey } from './keyed-records.ts';
import type { Slices } from './slices.ts';

/** Tombstones may be far apart. */
const chunkBytes = 64 * 1024;

export interface SweepParts {
  readonly log: Log;
  readonly map: KeyMap;
  readonly slices: Slices;
  isStopped(): boolean;
}

/** Tells how many entries went. Throws LookupRefused where the log cannot be read. */
export async function sweepTable(parts: SweepParts): Promise<number> {
  const { map, log } = parts;
  const { logStartOffset } = log;
  const noted = new Offsets();
  // What is in the active segment has never been cleaned.
  const upTo = log.segments().at(-1)?.baseOffset ?? log.endOffset;
  let removed = 0;
  await forEachLeaf(parts, (index) => {
    removed += map.sweepLeaf(index, (offset) => offset < logStartOffset);
    if (map.tombstones === 0) return;
    map.visitLeaf(index, (offset, isTombstone) => {
      if (isTombstone && offset < upTo) noted.add(offset);
    });
  });
  if (parts.isStopped() || noted.count === 0) return removed;
  const gone = await goneOf(parts, noted.sorted());
  if (gone.length === 0) return removed;
  await forEachLeaf(parts, (index) => {
    removed += map.sweepLeaf(index, (offset, isTombstone) => isTombstone && includes(gone, offset));
  });
  return removed;
}

/** The map may grow meanwhile: what is new in it needs no sweep, and what has moved is met where it is now or was noted already. */
async function forEachLeaf(
  { map, slices, isStopped }: SweepParts,
  work: (index: number) => void,
): Promise<void> {
  await slices.next();
  for (let done = 0; done < map.leafCount; ) {
    if (isStopped()) return;
    const { leafCount } = map;
    work(done++);
    if (!slices.isOver) continue;
    await slices.next();
    // The directory doubled: the leaves that are done lie in twice as many places.
    done *= map.leafCount / leafCount;
  }
}

/** Those of the offsets, which ascend, whose records are not in the log. */
async function goneOf({ log, slices, isStopped }: SweepParts, offsets: Float64Array): Promise<Float64Array> {
  const batches = new DecidedBatches(log, slices, isStopped, chunkBytes);
  const gone = new Offsets();
  let next = 0;
  const visit = (chunk: Buffer, at: number): void => {
    if (next === offsets.length) return;
    const isLegacy = batch.magic(chunk, at) < batch.magicV2;
    if (!isLegacy && batch.lastOffset(chunk, at) < offsets[next]!) return;
    forEachKey(chunk, at, (_bytes, _start, _end, offset) => {
      while (offsets[next]! < offset) gone.add(offsets[next++]!);
      // One that was noted twice, because its leaf was split meanwhile.
      while (offsets[next] === offset) next++;
    });
  };
  while (next < offsets.length) {
    const from = offsets[next]!;
    const readTo = await batches.read(from, visit);
    if (readTo <= from || isStopped()) break;
    while (offsets[next]! < readTo) gone.add(offsets[next++]!);
    if (slices.isOver) await slices.next();
  }
  return gone.sorted();
}

function includes(sorted: Float64Array, value: number): boolean {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! === value) return true;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

/** Numbers, 8 bytes each. */
class Offsets {
  count = 0;
  #all = new Float64Array(1_024);

  add(offset: number): void {
    if (this.count === this.#all.length) {
      const more = new Float64Array(this.count * 2);
      more.set(this.#all);
      this.#all = more;
    }
    this.#all[this.count++] = offset;
  }

  sorted(): Float64Array {
    return this.#all.subarray(0, this.count).sort();
  }
}
