/**
 * Large batches that were found sound, and where their records stand: so that the next lookup in one reads its record alone, instead of
 * 16 KiB of which it then computes the checksum (some 4 µs of 12). What has a content id never changes (storage/log/segment.ts), so that
 * nothing here becomes wrong; what a disk does to a record after its batch was found sound is noticed where its structure or its key
 * breaks, and else when the batch is read again.
 *
 * Bounded: a ring of words, in which the newest entry overwrites the oldest, and a table of where entries begin, two places for each.
 *
 *    words  | contentId | position | baseOffset 2 | epoch | baseTimestamp 2 | logAppendTimeMs 2 | count | delta, start | … | end |
 *
 * 64-bit numbers are two words, the upper one first; `start` and `end` count from the beginning of the batch.
 *
 * Taking note of a batch of 500 records costs about as much as one lookup that finds it known spares. Where more batches are asked for
 * than there is room, few entries are found again before they are overwritten: then only some are taken note of, which stay the longer.
 */
import * as batch from '../../protocol/records/batch.ts';
import type { RecordCursor, RecordFrame } from '../../protocol/records/record.ts';

const at = {
  contentId: 0,
  position: 1,
  baseOffset: 2,
  epoch: 4,
  baseTimestamp: 5,
  logAppendTimeMs: 7,
  count: 9,
};
const headWords = 10;
const wordsPerRecord = 2;
/** 16 MiB: some 60,000 batches of 27 records. */
const ringWords = 4 * 1024 * 1024;
const tableBits = 17;
/** A smaller batch is read as fast as a record in it. */
const batchBytesMin = 8 * 1024;
const twoTo32 = 2 ** 32;
/** So many batches are offered between two looks at whether it is worth it. */
const offersPerLook = 256;
/** An entry must be found again so often, */
const findsPerOffer = 4;
/** or only one batch of so many is taken note of. */
const offersPerEntry = 8;

/** Where one record stands, counted from the beginning of its batch. */
export interface KnownRecord {
  readonly start: number;
  readonly end: number;
  readonly leaderEpoch: number;
  /** Of a batch with this record alone. */
  readonly frame: RecordFrame;
}

export class KnownBatches {
  readonly #ringWords: number;
  #words: Int32Array | null = null;
  /** By place in the table: how many words had been written when the entry began; -1 none. */
  #begins: Float64Array | null = null;
  #written = 0;
  #isSparing = false;
  /** Since the last look. */
  #finds = 0;
  #offers = 0;

  constructor(words = ringWords) {
    this.#ringWords = words;
  }

  /** The record with that offset; null: the batch has none; undefined: the batch is not known. */
  find(contentId: number, position: number, offset: number): KnownRecord | null | undefined {
    const entry = this.#entryOf(contentId, position);
    if (entry < 0) return undefined;
    this.#finds++;
    const words = this.#words!;
    const baseOffset = numberAt(words, entry + at.baseOffset);
    // The one that has it may stand before this one.
    if (offset < baseOffset) return undefined;
    const delta = offset - baseOffset;
    const first = entry + headWords;
    let low = 0;
    let high = words[entry + at.count]!;
    // Behind its last record the batch may end, or go on without any.
    if (high === 0 || delta > words[first + (high - 1) * wordsPerRecord]!) return undefined;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (words[first + middle * wordsPerRecord]! < delta) low = middle + 1;
      else high = middle;
    }
    const record = first + low * wordsPerRecord;
    if (words[record] !== delta) return null;
    const isLast = low === words[entry + at.count]! - 1;
    return {
      start: words[record + 1]!,
      end: words[record + (isLast ? wordsPerRecord : wordsPerRecord + 1)]!,
      leaderEpoch: words[entry + at.epoch]!,
      frame: {
        count: 1,
        baseOffset,
        baseTimestamp: numberAt(words, entry + at.baseTimestamp),
        logAppendTimeMs: numberAt(words, entry + at.logAppendTimeMs),
      },
    };
  }

  /** Takes note of a sound batch without a codec, `cursor` being one over its records; which is moved. */
  remember(contentId: number, position: number, bytes: Buffer, cursor: RecordCursor): void {
    const { count, baseOffset, baseTimestamp, logAppendTimeMs } = cursor;
    const length = headWords + count * wordsPerRecord + 1;
    if (bytes.length < batchBytesMin || count === 0 || length > this.#ringWords / 16) return;
    if (!Number.isSafeInteger(baseTimestamp) || !Number.isSafeInteger(logAppendTimeMs)) return;
    if (!this.#isWanted()) return;
    const words = (this.#words ??= new Int32Array(this.#ringWords));
    const entry = this.#reserve(length);
    words[entry + at.contentId] = contentId;
    words[entry + at.position] = position;
    putNumber(words, entry + at.baseOffset, baseOffset);
    words[entry + at.epoch] = batch.partitionLeaderEpoch(bytes, 0);
    putNumber(words, entry + at.baseTimestamp, baseTimestamp);
    putNumber(words, entry + at.logAppendTimeMs, logAppendTimeMs);
    words[entry + at.count] = count;
    cursor.rewind();
    let next = entry + headWords;
    for (; cursor.next(); next += wordsPerRecord) {
      words[next] = cursor.offsetDelta;
      words[next + 1] = cursor.start;
    }
    words[next] = cursor.end;
    this.#written += length;
    this.#enter(contentId, position, this.#written - length);
  }

  #isWanted(): boolean {
    if (++this.#offers === offersPerLook) {
      // As long as there was room for all of them nobody could be found again more often.
      this.#isSparing = this.#written > this.#ringWords && this.#finds < findsPerOffer * offersPerLook;
      this.#finds = this.#offers = 0;
    }
    return !this.#isSparing || this.#offers % offersPerEntry === 0;
  }

  /** So many words on end, that nobody has. */
  #reserve(length: number): number {
    const place = this.#written % this.#ringWords;
    if (place + length <= this.#ringWords) return place;
    this.#written += this.#ringWords - place;
    return 0;
  }

  #enter(contentId: number, position: number, begin: number): void {
    const begins = (this.#begins ??= new Float64Array(2 ** tableBits).fill(-1));
    const place = placeOf(contentId, position);
    // Of the two the one that was written earlier.
    begins[begins[place]! <= begins[place ^ 1]! ? place : place ^ 1] = begin;
  }

  /** -1: there is none. */
  #entryOf(contentId: number, position: number): number {
    const begins = this.#begins;
    const words = this.#words;
    if (begins === null || words === null) return -1;
    const place = placeOf(contentId, position);
    for (let n = 0; n < 2; n++) {
      const begin = begins[place ^ n]!;
      if (begin < 0 || begin < this.#written - this.#ringWords) continue;
      const entry = begin % this.#ringWords;
      if (words[entry + at.contentId] === contentId && words[entry + at.position] === position) return entry;
    }
    return -1;
  }
}

function placeOf(contentId: number, position: number): number {
  return (Math.imul(contentId, 0x9e3779b1) ^ Math.imul(position, 0x85ebca6b)) >>> (32 - tableBits);
}

function numberAt(words: Int32Array, place: number): number {
  return words[place]! * twoTo32 + (words[place + 1]! >>> 0);
}

function putNumber(words: Int32Array, place: number, value: number): void {
  words[place] = Math.floor(value / twoTo32);
  words[place + 1] = value >>> 0;
}
