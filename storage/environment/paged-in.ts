/**
 * Work that reads files at once, without waiting for a disk: what it is about to read is read on the thread pool first, which brings it
 * into the page cache; then the work begins anew, until it finds everything there.
 *
 *    work     read a ✗                read a, read b ✗                read a, read b → done
 *    pool               reads a                         reads b
 *
 * So the work knows nothing of it, and what it gives is what stands in the files in one single moment, whatever was done to them while
 * the pool was reading. It must change nothing before its last read, except what it may find again.
 */
import type { File } from './files.ts';
import { cameFromDisk, inPool } from './pool-reads.ts';

export interface ReadWatch {
  /** A clock that only goes forward. */
  nowMs(): number;
  /** See FileSystem. */
  readonly blocksRead: (() => number) | undefined;
}

const pageBytes = 4096;
/** What is read of a file at a time doubles, so that a long way through it is not begun anew for each step. */
const firstBytes = 2 * pageBytes;
const bufferBytesMax = 1024 * 1024;

/** What the work that runs now may read at once; null: everything. */
let paged: PagedPlaces | null = null;

/** Called by a file on a disk before each read that is made at once. */
export function mustBePaged(file: File, position: number, length: number): void {
  if (paged !== null && !paged.has(file, position, length)) throw new NotPaged(file, position, length);
}

/** Runs work that cannot be begun anew. */
export function unpaged<T>(work: () => T): T {
  const outer = paged;
  paged = null;
  try {
    return work();
  } finally {
    paged = outer;
  }
}

/** Runs the work so; `slow` is called for each read that came from the disk. */
export async function pagedIn<T>(watch: ReadWatch, slow: () => void, work: () => T): Promise<T> {
  const places = new PagedPlaces();
  for (;;) {
    let missing: NotPaged;
    paged = places;
    try {
      return work();
    } catch (error) {
      if (!(error instanceof NotPaged)) throw error;
      missing = error;
    } finally {
      paged = null;
    }
    const from = missing.position - (missing.position % pageBytes);
    const end = places.add(missing.file, from, missing.position + missing.length);
    if (await pageIn(watch, missing.file, from, end)) slow();
  }
}

/** Tells whether it came from the disk. */
async function pageIn(watch: ReadWatch, file: File, from: number, end: number): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(Math.min(bufferBytesMax, end - from));
  let isSlow = false;
  try {
    for (let at = from; at < end && at < file.size; at += buffer.length) {
      await inPool(async () => {
        const startMs = watch.nowMs();
        await file.read(buffer, 0, Math.min(buffer.length, end - at), at);
        if (cameFromDisk(startMs, watch.nowMs(), watch.blocksRead)) isSlow = true;
      });
    }
  } catch {
    // Gone meanwhile, or broken: the work finds that out itself.
  }
  return isSlow;
}

/** Not an error: leaves the work where it would have waited. Whoever catches everything in it lets this pass. */
export class NotPaged {
  readonly file: File;
  readonly position: number;
  readonly length: number;

  constructor(file: File, position: number, length: number) {
    this.file = file;
    this.position = position;
    this.length = length;
  }
}

interface Stretch {
  readonly from: number;
  end: number;
}

class PagedPlaces {
  readonly #byFile = new Map<File, { stretches: Stretch[]; nextBytes: number }>();

  has(file: File, position: number, length: number): boolean {
    const found = this.#byFile.get(file);
    if (found === undefined) return false;
    return found.stretches.some(({ from, end }) => from <= position && position + length <= end);
  }

  /** Adds a place, and as much behind it as is worth to be read along; gives where that ends. */
  add(file: File, from: number, wantedEnd: number): number {
    let found = this.#byFile.get(file);
    if (found === undefined) this.#byFile.set(file, (found = { stretches: [], nextBytes: firstBytes }));
    const end = Math.max(wantedEnd, from + found.nextBytes);
    found.nextBytes *= 2;
    const before = found.stretches.find((stretch) => stretch.from <= from && from <= stretch.end);
    if (before === undefined) found.stretches.push({ from, end });
    else before.end = Math.max(before.end, end);
    return end;
  }
}
