import * as batch from '../protocol/records/batch.ts';
import { codecIds } from '../protocol/records/compression.ts';
import { readLegacyBatch } from '../protocol/records/legacy.ts';
import { VarintReader } from '../protocol/records/varint.ts';
import { type TimeStep, TimesBuilder } from '../storage/log/removed-times.ts';
import type { Kernel } from './kernel.ts';

/**
 * Watches a pass for the timestamps of records that go (storage/log/removed-times.ts). A batch that goes, or stays, as a whole is known
 * by its header and its first record. Of one that stays in part every timestamp is looked at, and told where they do not ascend,
 * whichever of its records went: that is true, if not always needed.
 */
export class RemovedScan {
  readonly #kernel: Pick<Kernel, 'input' | 'scratch'>;
  readonly #builder: TimesBuilder;
  /** What has become of the batch that is just passed: it stays as it is, or something is there in its place. */
  #isKept = false;
  #isLeft = false;
  /** Of that, the latest timestamp. */
  #leftMs = -1;

  constructor(kernel: Pick<Kernel, 'input' | 'scratch'>, given: readonly TimeStep[]) {
    this.#kernel = kernel;
    this.#builder = new TimesBuilder(given);
  }

  kept(): void {
    this.#isKept = true;
  }

  written(bytes: Buffer): void {
    this.#isLeft = batch.recordCount(bytes, 0) > 0;
    this.#leftMs = this.#isLeft ? batch.maxTimestamp(bytes, 0) : -1;
  }

  /** The pass is done with the v2 batch at `at` of the input; its records lie in `scratch` up to `unpacked` if it is compressed data. */
  passed(at: number, bytes: number, unpacked: number): void {
    const { input } = this.#kernel;
    const count = batch.recordCount(input, at);
    const maxMs = batch.maxTimestamp(input, at);
    if (count > 0) {
      if (batch.isControl(input, at)) this.#markerPassed(batch.lastOffset(input, at), maxMs);
      else if (!this.#isKept && !this.#isLeft) this.#builder.goes(batch.lastOffset(input, at), maxMs);
      else if (this.#isKept)
        this.#whole(this.#reader(at, bytes, unpacked), count, batch.lastOffset(input, at), maxMs);
      else this.#inPart(this.#reader(at, bytes, unpacked), count);
    }
    this.#forget();
  }

  /** The same of a message of magic 0 or 1. */
  legacyPassed(at: number): void {
    const { records } = readLegacyBatch(this.#kernel.input, at);
    for (const { offset, timestamp } of records) {
      if (this.#isLeft) this.#builder.mayStay(offset, timestamp);
      else this.#builder.goes(offset, timestamp);
    }
    this.#builder.left(this.#leftMs);
    this.#forget();
  }

  /** What comes is put in its place apart from what came. */
  cut(offset: number): void {
    this.#builder.cut(offset);
  }

  finish(upToOffset: number): TimeStep[] {
    return this.#builder.finish(upToOffset);
  }

  #markerPassed(offset: number, ms: number): void {
    if (this.#isKept || this.#isLeft) this.#builder.stays(offset, ms);
    else this.#builder.goes(offset, ms);
  }

  #whole(records: Timestamps, count: number, lastOffset: number, maxMs: number): void {
    const firstMs = records.next();
    this.#builder.stays(records.offset, firstMs);
    if (!this.#builder.hasStepTo(lastOffset)) return this.#builder.left(maxMs);
    for (let n = 1; n < count; n++) {
      const ms = records.next();
      this.#builder.stays(records.offset, ms);
    }
  }

  #inPart(records: Timestamps, count: number): void {
    for (let n = 0; n < count; n++) {
      const ms = records.next();
      this.#builder.mayStay(records.offset, ms);
    }
    this.#builder.left(this.#leftMs);
  }

  #reader(at: number, bytes: number, unpacked: number): Timestamps {
    const { input, scratch } = this.#kernel;
    const baseMs = batch.baseTimestamp(input, at);
    const baseOffset = batch.baseOffset(input, at);
    const isPlain = batch.codecOf(input, at) === codecIds.none;
    const reader = isPlain
      ? new VarintReader(input, at + batch.batchHeaderBytes, at + bytes)
      : new VarintReader(scratch, 0, unpacked);
    const isOne = batch.timestampType(input, at) === 'LogAppendTime';
    return new Timestamps(reader, baseOffset, baseMs, isOne ? batch.maxTimestamp(input, at) : -1);
  }

  #forget(): void {
    this.#isKept = this.#isLeft = false;
    this.#leftMs = -1;
  }
}

/** The records of a v2 batch, by the first of their fields. */
class Timestamps {
  /** Of the last one. */
  offset = -1;
  readonly #reader: VarintReader;
  readonly #baseOffset: number;
  readonly #baseMs: number;
  readonly #appendTimeMs: number;

  /** `appendTimeMs`: that of all records, -1 where each has its own. */
  constructor(reader: VarintReader, baseOffset: number, baseMs: number, appendTimeMs: number) {
    this.#appendTimeMs = appendTimeMs;
    this.#reader = reader;
    this.#baseOffset = baseOffset;
    this.#baseMs = baseMs;
  }

  next(): number {
    const reader = this.#reader;
    const bytes = reader.readVarint();
    const end = reader.position + bytes;
    reader.position++;
    const ms = this.#baseMs + reader.readVarlong();
    this.offset = this.#baseOffset + reader.readVarint();
    reader.position = end;
    return this.#appendTimeMs >= 0 ? this.#appendTimeMs : ms;
  }
}
