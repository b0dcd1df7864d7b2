import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ApiError, errorName, errorOf, errors } from '../../protocol/errors.ts';

const kafka: { name: string; code: number; retriable: boolean }[] = JSON.parse(
  readFileSync(new URL('../vectors/errors.json', import.meta.url), 'utf8'),
).errors;

test("the 138 errors are Kafka's", () => {
  expect(kafka.length).toBe(138);
  const wanted = kafka.map(({ name, code, retriable }) => ({ name, code, retriable }));
  expect(Object.values(errors).map(({ name, code, retriable }) => ({ name, code, retriable }))).toEqual(
    wanted,
  );
});

test('a constant is named after its error', () => {
  for (const [constant, { name }] of Object.entries(errors))
    expect(constant.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).toBe(name);
});

test('each error has a sentence of its own', () => {
  const sentences = Object.values(errors).map((error) => error.message);
  expect(new Set(sentences).size).toBe(138);
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*\.$/);
});

test('errors are found by code', () => {
  for (const error of Object.values(errors)) {
    expect(errorOf(error.code)).toBe(error);
    expect(errorName(error.code)).toBe(error.name);
  }
  expect(errorOf(9999)).toBe(errors.unknownServerError);
  expect(errorName(9999)).toBe('UNKNOWN(9999)');
  expect(errorName(-2)).toBe('UNKNOWN(-2)');
});

test('an ApiError carries its code, its message and its cause', () => {
  const cause = new Error('why');
  const error = new ApiError(errors.notCoordinator, undefined, { cause });
  expect(error.code).toBe(16);
  expect(error.message).toBe(errors.notCoordinator.message);
  expect(error.cause).toBe(cause);
  expect(new ApiError(errors.invalidRequest, 'two topics of one name').message).toBe(
    'two topics of one name',
  );
});
