/** The chunks of an answer on their way to the transport: whole, or only the first of its bytes. */
import type { Chunk } from '../../protocol/wire/writer.ts';
import type { FileRegion } from '../../storage/log/log-types.ts';
import { Farewell, hangUp, type Reply } from './connection.ts';
import { releaseRegions } from './outbound-queue.ts';
import { partBytes, type SharedChunks } from './shared-chunks.ts';
import type { LentBytes, OutboundChunk, OutboundRegion, ReadInto, SharedBytes } from './transport.ts';

/** The chunks of an answer as the transport takes them: file regions become readable ones, which share what several send. */
export function outbound(chunks: readonly Chunk[], shared: SharedChunks): readonly OutboundChunk[] {
  for (let index = 0; index < chunks.length; index++) {
    if (chunks[index] instanceof Uint8Array) continue;
    return chunks.map((chunk) =>
      chunk instanceof Uint8Array ? chunk : outboundRegion(chunk as FileRegion, shared),
    );
  }
  return chunks as readonly Buffer[];
}

/** What is in memory already need not be read again. */
function outboundRegion(region: FileRegion, shared: SharedChunks): OutboundChunk {
  if (region.bytes === null) return new RegionReader(region, shared);
  region.release();
  return region.bytes;
}

class RegionReader implements OutboundRegion, SharedBytes {
  readonly byteLength: number;
  readonly shared = this;
  readonly #region: FileRegion;
  readonly #chunks: SharedChunks;
  /** Asked once, or it would be this one itself that wants it again; null: not yet. */
  #isWanted: boolean | null = null;

  constructor(region: FileRegion, shared: SharedChunks) {
    this.byteLength = region.byteLength;
    this.#region = region;
    this.#chunks = shared;
  }

  readSync(target: Uint8Array, targetStart: number, length: number, start: number): number {
    return this.#region.file.readSync(target, targetStart, length, this.#region.position + start);
  }

  read(target: Uint8Array, targetStart: number, length: number, start: number): Promise<number> {
    return this.#region.file.read(target, targetStart, length, this.#region.position + start);
  }

  mayBegin(reader: object, go: () => void): boolean {
    return this.#chunks.mayBegin(reader, this.#region, go);
  }

  partBytes(start: number): number {
    return partBytes(this.#region, start);
  }

  isWanted(): boolean {
    this.#isWanted ??= this.#chunks.isWanted(this.#region);
    return this.#isWanted;
  }

  lend(start: number, read: ReadInto | null): LentBytes | null {
    return this.#chunks.lend(this.#region, start, read);
  }

  wasSlow(): void {
    this.#region.wasSlow();
  }

  release(): void {
    this.#region.release();
  }
}

/**
 * The beginning of an answer, after which the connection ends: never all of it. Where there is no answer (acks 0), nothing but the end.
 */
export function lastBytes(reply: readonly OutboundChunk[] | null, cutAfter: number | 'half'): Reply {
  if (reply === null) return hangUp;
  let byteLength = 0;
  for (const chunk of reply) byteLength += chunk.byteLength;
  const wanted = cutAfter === 'half' ? byteLength >> 1 : Math.min(cutAfter, byteLength - 1);
  const bytes = Buffer.alloc(wanted);
  let filled = 0;
  for (const chunk of reply) {
    const length = Math.min(chunk.byteLength, wanted - filled);
    if (chunk instanceof Uint8Array) bytes.set(chunk.subarray(0, length), filled);
    else if (length > 0) chunk.readSync(bytes, filled, length, 0);
    filled += length;
  }
  releaseRegions(reply);
  return new Farewell(bytes);
}

/** Lets go of the file regions of an answer that is not sent; a part that is there twice is looked at once. */
export function releaseWithin(value: unknown, seen: Set<object>): void {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array || seen.has(value)) return;
  seen.add(value);
  if ('release' in value && typeof value.release === 'function') value.release();
  else for (const inner of Object.values(value)) releaseWithin(inner, seen);
}
