/** Keys: the table of a lookup, and the loops of the cleaner with their map, in WebAssembly and in JavaScript. */
import { KeyMap } from '../../broker/lookup/key-map.ts';
import { type KeyHash, KeyHasher } from '../../broker/lookup/key-map-hash.ts';
import type { BatchRecords, Filtered, Kernel } from '../../compaction/kernel.ts';
import { JsKernel } from '../../compaction/kernel-js.ts';
import { WasmKernel } from '../../compaction/kernel-wasm.ts';
import * as batch from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { drawn, type MicroCase, type MicroGroup, mustBe } from './micro-case.ts';

const seed = Buffer.from('sixteen bytes it');
const keyCount = 1_000_000;

export const keys: MicroGroup = {
  name: 'keys',
  per: 'key',
  cases: () => {
    const hasher = new KeyHasher(seed);
    const key = Buffer.from('key of 16 bytes!');
    const expected = hasher.hash(key).words.join(' ');
    const words = new Uint32Array(4 * keyCount);
    for (let n = 0; n < keyCount; n++)
      hasher.hashTo(Buffer.from(`key ${n}`), 0, `key ${n}`.length, words, 4 * n);
    const filled = (): KeyMap => {
      const map = new KeyMap();
      for (let n = 0; n < keyCount; n++) map.put(words, 4 * n, n, false);
      return map;
    };
    const [found, changed] = [filled(), filled()];
    const next = drawn(keyCount);
    let asked = 0;
    let newest = keyCount;
    return [
      {
        name: 'hash a key of 16 B',
        run: () => hasher.hash(key),
        check: (hash: KeyHash) => mustBe('hash', hash.words.join(' '), expected),
      },
      {
        name: 'find one of 1,000,000 keys',
        run: () => found.find(words, 4 * (asked = next())),
        check: (offset: number) => mustBe(`offset of key ${asked}`, offset, asked),
      },
      {
        name: 'a newer offset for one of them',
        run: () => changed.put(words, 4 * (asked = next()), newest++, false),
        check: () => mustBe(`offset of key ${asked}`, changed.find(words, 4 * asked), newest - 1),
      },
    ];
  },
};

const batches = 64;
const perBatch = 128;
const distinct = 2048;

export const cleaner: MicroGroup = {
  name: 'cleaner',
  per: 'record',
  cases: () => [new WasmKernel(), new JsKernel()].flatMap(kernelCases),
};

/** 8,192 records of 100 B with 2,048 keys, as a pass would see them. */
function kernelCases(kernel: Kernel): MicroCase[] {
  const random = drawn(distinct);
  const value = Buffer.alloc(100, 'value ');
  const newest = new Map<number, number>();
  const parts = Array.from({ length: batches }, (_, b) => {
    const records = Array.from({ length: perBatch }, (_, i) => {
      const key = random();
      newest.set(key, b * perBatch + i);
      return { timestampMs: i, key: Buffer.from(String(key).padStart(16, '0')), value };
    });
    return buildBatch({ baseOffset: b * perBatch, records });
  });
  const bytes = Buffer.concat(parts);
  kernel.reserve(bytes.length, 0);
  const places: BatchRecords[] = [];
  batch.forEachBatch(bytes, 0, bytes.length, (position, size) => {
    const place = { start: position + batch.batchHeaderBytes, end: position + size, count: perBatch };
    const times = { baseOffset: batch.baseOffset(bytes, position), baseTimestampMs: 0, appendTimeMs: -1 };
    places.push({ area: 'input', ...place, ...times });
  });
  const index = (): number => {
    kernel.begin(4 * distinct, 2 * distinct, seed);
    // `begin` may have moved it.
    bytes.copy(kernel.input);
    for (const place of places) kernel.index(place, 0);
    return kernel.entries;
  };
  const rules = { mapEndOffset: batches * perBatch, dropTombstones: false, tombstonesGoUpToMs: -2 };
  const work = { items: batches * perBatch, bytes: bytes.length };
  const filtered = (rebuilds: boolean) => (): number => {
    let kept = 0;
    for (const place of places) {
      kernel.filter(place, rules);
      kept += (kernel.filtered as Filtered).kept;
      if (rebuilds && kernel.filtered.kept > 0) kernel.rebuild(place, kernel.filtered.firstTimestampMs);
    }
    return kept;
  };
  index();
  const check = (count: number): void => mustBe('newest records', count, newest.size);
  return [
    { name: `${kernel.kind}, put the keys of 8,192 records into the map`, ...work, run: index, check },
    { name: `${kernel.kind}, decide which of them stay`, ...work, run: filtered(false), check },
    { name: `${kernel.kind}, decide, and write what stays`, ...work, run: filtered(true), check },
  ];
}
