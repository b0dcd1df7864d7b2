import { expect } from 'vitest';
import type { Answer } from './app.ts';

/** The answer is a problem of this status and type, whole, with these members besides. */
export function expectProblem(answer: Answer, status: number, kind: string, fields: object = {}): void {
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json).toMatchObject({ type: `urn:kompakt:${kind}`, status, ...fields });
  expect(answer.json.title).not.toBe('');
  expect(answer.json.detail).not.toBe('');
  expect(answer.status).toBe(status);
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
  expect(answer.body).not.toMatch(/ at .*:\d+:\d+|node_modules/);
}
