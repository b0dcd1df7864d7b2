import assert from 'node:assert/strict';
import { expect, it } from 'vitest';
import { hashWords, isShared, KeyMap, noOffset } from '../../../broker/lookup/key-map.ts';
import { KeyHasher } from '../../../broker/lookup/key-map-hash.ts';
import { SeededRandom } from '../../simulation/random.ts';

const hasher = new KeyHasher(Buffer.from('a seed of 16 by.'));
const hashOf = (key: number) => hasher.hash(Buffer.from(`key ${key}`)).words;

function filled(count: number, offsetOf = (key: number) => key): KeyMap {
  const map = new KeyMap();
  for (let key = 0; key < count; key++) map.put(hashOf(key), 0, offsetOf(key), key % 3 === 0);
  return map;
}

function sweep(map: KeyMap, goes: (offset: number, isTombstone: boolean) => boolean): number {
  let removed = 0;
  for (let leaf = 0; leaf < map.leafCount; leaf++) removed += map.sweepLeaf(leaf, goes);
  return removed;
}

it('gives each key its newest offset while it grows and splits', () => {
  const count = 50_000;
  const map = filled(count);
  for (let key = 0; key < count; key += 2) map.put(hashOf(key), 0, key + count, false);
  map.put(hashOf(1), 0, 0, false);
  assert.equal(map.size, count);
  assert.ok(map.leafCount >= 4);
  for (let key = 0; key < count; key++)
    assert.equal(map.find(hashOf(key), 0), key % 2 === 0 ? key + count : key);
  for (let key = count; key < count + 1_000; key++) assert.equal(map.find(hashOf(key), 0), noOffset);
});

it('keeps offsets of 53 bits', () => {
  const map = new KeyMap();
  const offsets = [0, 2 ** 32 - 1, 2 ** 32, 5 * 2 ** 32 - 1, 2 ** 53 - 3];
  for (const offset of offsets) {
    map.put(hashOf(offset), 0, offset, true);
    assert.equal(map.find(hashOf(offset), 0), offset);
  }
});

it('takes between 25 and 32 bytes a key', () => {
  for (const count of [13_000, 20_000, 50_000, 100_000, 130_000]) {
    const perKey = filled(count).memoryBytes / count;
    expect(perKey).toBeGreaterThan(24);
    expect(perKey).toBeLessThan(33);
  }
});

it('gives slots back, and what it keeps stays to be found', () => {
  const count = 40_000;
  const map = filled(count);
  const before = map.memoryBytes;
  const removed = sweep(map, (offset, isTombstone) => isTombstone && offset % 2 === 0);
  const isGone = (key: number) => key % 3 === 0 && key % 2 === 0;
  assert.equal(map.size, count - removed);
  for (let key = 0; key < count; key++) assert.equal(map.find(hashOf(key), 0), isGone(key) ? noOffset : key);
  sweep(map, (offset) => offset >= 100);
  assert.equal(map.size, 100 - Array.from({ length: 100 }, (_, key) => key).filter(isGone).length);
  expect(map.memoryBytes).toBeLessThan(before / 10);
});

it('a hash that several keys share answers so, and survives growth and sweeps', () => {
  const map = filled(10);
  map.share(hashOf(5), 0);
  for (let key = 10; key < 20_000; key++) map.put(hashOf(key), 0, key, false);
  assert.equal(map.put(hashOf(5), 0, 30_000, false), false);
  sweep(map, () => true);
  assert.equal(map.find(hashOf(5), 0), isShared);
  assert.equal(map.size, 1);
});

it('is made again from its leaves', () => {
  const count = 60_000;
  const map = filled(count);
  const again = KeyMap.from([...map.leaves()].map((leaf) => ({ ...leaf, words: leaf.words.slice() })))!;
  assert.equal(again.size, count);
  assert.equal(again.memoryBytes, map.memoryBytes);
  for (let key = 0; key < count; key++) assert.equal(again.find(hashOf(key), 0), key);
  for (let key = count; key < count * 2; key++) again.put(hashOf(key), 0, key, false);
  assert.equal(again.size, count * 2);
  assert.equal(KeyMap.from([...map.leaves()].slice(1)), null);
});

it.each([2, 7, 40])('with %i bits of hash it is a map of those bits', (bits) => {
  const random = new SeededRandom(bits);
  const map = new KeyMap(bits);
  const model = new Map<string, number>();
  for (let offset = 0; offset < 3_000; offset++) {
    const words = hashOf(random.below(500));
    map.put(words, 0, offset, false);
    model.set(map.idOf(words, 0), offset);
  }
  assert.equal(map.size, model.size);
  assert.equal(words(model), hashWords);
  for (let key = 0; key < 500; key++) {
    const hash = hashOf(key);
    assert.equal(map.find(hash, 0), model.get(map.idOf(hash, 0)) ?? noOffset);
  }
});

function words(model: Map<string, number>): number {
  return [...model.keys()][0]!.trim().split(' ').length;
}
