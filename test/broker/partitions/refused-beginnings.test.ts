import { beforeEach, expect, test } from 'vitest';
import { RefusedBeginnings } from '../../../broker/partitions/refused-beginnings.ts';

let beginnings: RefusedBeginnings;
beforeEach(() => {
  beginnings = new RefusedBeginnings();
});

test('what comes after the lowest that was refused would overtake it', () => {
  beginnings.note(1, 0, 5);
  beginnings.note(1, 0, 3);
  beginnings.note(1, 0, 7);
  expect([5, 4].map((sequence) => beginnings.isOvertaken(1, 0, sequence))).toEqual([true, true]);
  expect(beginnings.isOvertaken(2, 0, 5)).toBe(false);
  expect(beginnings.isOvertaken(1, 0, 3)).toBe(false);
  expect(beginnings.isOvertaken(1, 0, 5)).toBe(false);
});

test('one before it will do as well', () => {
  beginnings.note(1, 0, 5);
  expect(beginnings.isOvertaken(1, 0, 2)).toBe(false);
  expect(beginnings.isOvertaken(1, 0, 7)).toBe(false);
});

test('a new epoch, and the end of its transaction, make it void', () => {
  beginnings.note(1, 0, 0);
  expect(beginnings.isOvertaken(1, 1, 4)).toBe(false);
  beginnings.note(1, 1, 0);
  beginnings.note(1, 2, 6);
  expect(beginnings.isOvertaken(1, 2, 7)).toBe(true);
  beginnings.forget(1);
  expect(beginnings.isOvertaken(1, 2, 7)).toBe(false);
});

test('of very many producers the oldest are forgotten', () => {
  for (let producerId = 0; producerId < 1_001; producerId++) beginnings.note(producerId, 0, 0);
  expect([0, 1, 1_000].map((producerId) => beginnings.isOvertaken(producerId, 0, 1))).toEqual([
    false,
    true,
    true,
  ]);
});
