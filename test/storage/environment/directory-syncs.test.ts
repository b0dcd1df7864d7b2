import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectorySyncs } from '../../../storage/environment/directory-syncs.ts';

let directory: string;
/** The syncs that the system is at; calling one ends it. */
let underWay: ((error: Error | null) => void)[];
let begun: number;
let syncs: DirectorySyncs;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt-names-'));
  underWay = [];
  begun = 0;
  const fsync = (_descriptor: number, done: (error: Error | null) => void): void => {
    begun++;
    underWay.push(done);
  };
  syncs = new DirectorySyncs({ ...fs, fsync });
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

async function isUnderWay(): Promise<(error: Error | null) => void> {
  while (underWay.length === 0) await new Promise(setImmediate);
  return underWay.shift()!;
}

test('who asks during a sync shares the next one, which begins after all have asked', async () => {
  const ended: string[] = [];
  const ask = (who: string): Promise<unknown> => syncs.sync(directory).then(() => ended.push(who));
  const all = [ask('a')];
  const first = await isUnderWay();
  for (const who of ['b', 'c', 'd']) all.push(ask(who));
  first(null);
  const second = await isUnderWay();
  expect(ended).toEqual(['a']);
  all.push(ask('e'));
  second(null);
  (await isUnderWay())(null);
  await Promise.all(all);
  expect(ended).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(begun).toBe(3);
});

test('other directories do not wait', async () => {
  const inner = path.join(directory, 'orders-0');
  fs.mkdirSync(inner);
  const outer = syncs.sync(directory);
  const end = await isUnderWay();
  const other = syncs.sync(`${inner}/`);
  (await isUnderWay())(null);
  await other;
  end(null);
  await outer;
});

test('a failure fails those that waited behind it, not who asks later', async () => {
  const failed = [syncs.sync(directory)];
  const end = await isUnderWay();
  failed.push(syncs.sync(directory), syncs.sync(directory));
  end(Object.assign(new Error('EIO'), { code: 'EIO' }));
  for (const outcome of await Promise.allSettled(failed))
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'EIO', path: directory } });
  const later = syncs.sync(directory);
  (await isUnderWay())(null);
  await later;
  expect(begun).toBe(2);
});
