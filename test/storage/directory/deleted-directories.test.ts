import { expect, test } from 'vitest';
import { DeletedDirectories } from '../../../storage/directory/deleted-directories.ts';
import type { FileError } from '../../../storage/environment/files.ts';
import type { FaultyEnvironment } from '../../simulation/simulated-environment.ts';
import { faultyEnvironment } from '../../simulation/simulated-environment.ts';

function setUp(environment: FaultyEnvironment = faultyEnvironment()) {
  const { files } = environment;
  files.makeDirectorySync('/data/orders-3');
  files.openSync('/data/orders-3/0.log', 'create').writeSync([Buffer.from('abc')], 0);
  files.openSync('/data/orders-3/0.index', 'create').close();
  const errors: FileError[] = [];
  const onError = (_path: string, error: FileError): void => void errors.push(error);
  const open = (): DeletedDirectories =>
    new DeletedDirectories({ environment, directory: '/data', delayMs: () => 60_000, onError });
  return { ...environment, errors, open, deleted: open() };
}

test('the name is free at once, durably; the files go after the delay', async () => {
  const { files, clock, deleted } = setUp();
  await clock.until(deleted.delete('orders', 3));
  expect(files.operations.at(-1)).toEqual({ operation: 'sync directory', path: '/data' });
  const [name] = files.listSync('/data');
  expect(name).toMatch(/^orders-3\.[0-9a-f]{32}-delete$/);
  await clock.advance(59_999);
  expect(files.listSync('/data')).toEqual([name]);
  await clock.advance(1);
  expect(files.listSync('/data')).toEqual([]);
  await clock.until(deleted.delete('orders', 3));
  expect(clock.pendingTimers).toBe(0);
});

test('what a dead process left is queued again, and nothing else', async () => {
  const { files, clock, deleted, open } = setUp();
  files.makeDirectorySync('/data/kept-0');
  files.makeDirectorySync('/data/odd-0.1234-stray');
  await clock.until(deleted.delete('orders', 3));
  deleted.close();
  expect(clock.pendingTimers).toBe(0);
  expect(open().resume()).toBe(1);
  await clock.advance(60_000);
  expect(files.listSync('/data')).toEqual(['kept-0', 'odd-0.1234-stray']);
});

test('a removal that fails is told and tried again', async () => {
  const { files, clock, deleted, errors } = setUp();
  files.fail('remove').on('*.log').times(1);
  await clock.until(deleted.delete('orders', 3));
  await clock.advance(60_000);
  expect(errors.map((error) => error.code)).toEqual(['EIO']);
  expect(files.listSync('/data')).toHaveLength(1);
  await clock.advance(60_000);
  expect(files.listSync('/data')).toEqual([]);
});

test('on Windows the rename waits for a file that is being read', async () => {
  const { files, clock, deleted } = setUp(faultyEnvironment({ windowsRules: true }));
  const file = files.openSync('/data/orders-3/0.log', 'read');
  file.retain();
  const done = deleted.delete('orders', 3);
  await clock.advance(500);
  expect(files.listSync('/data')).toEqual(['orders-3']);
  file.release();
  await clock.until(done);
  expect(files.listSync('/data')[0]).toContain('-delete');
});

test('a rename that cannot be made is an error of the deletion', async () => {
  const { files, clock, deleted } = setUp();
  files.fail('rename');
  await expect(clock.until(deleted.delete('orders', 3))).rejects.toMatchObject({ code: 'EIO' });
  expect(files.listSync('/data')).toEqual(['orders-3']);
});
