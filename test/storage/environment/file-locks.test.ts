import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileLocks } from '../../../storage/environment/file-locks.ts';
import { bindSocket, createNodeEnvironment } from '../../../storage/environment/node.ts';
import type { SystemCalls } from '../../../storage/environment/system-calls.ts';
import { skipUnless } from '../../skip.ts';

let directory: string;
let lockPath: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt lock '));
  lockPath = path.join(directory, '.lock');
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

/** Takes the lock in another process; 'refused' or 'held'. */
async function tryElsewhere(
  kind: 'binding' | 'socket',
  ...isShared: 'shared'[]
): Promise<{ child: ChildProcess; says: string }> {
  const script = fileURLToPath(new URL('hold-lock.ts', import.meta.url));
  const child = fork(script, [lockPath, kind, ...isShared], { execArgv: ['--import', 'tsx'] });
  const [says] = (await once(child, 'message')) as [string];
  return { child, says };
}

function locksWithoutBinding(
  changed: Partial<SystemCalls> = {},
  platform: string = process.platform,
): FileLocks {
  return new FileLocks({ calls: { ...fs, ...changed }, platform, loadBinding: () => null, bindSocket });
}

describe.each(['binding', 'socket'] as const)('with the %s', (kind) => {
  test('another process is kept out until we let go, and kill -9 lets go at once', async (context) => {
    skipUnless(
      context,
      kind === 'binding' || process.platform === 'linux',
      'abstract sockets are Linux only',
    );
    const locks = kind === 'binding' ? createNodeEnvironment().files : locksWithoutBinding();
    const mine = locks.tryLock(lockPath);
    expect(mine?.keepsKafkaOut).toBe(kind === 'binding');
    const refused = await tryElsewhere(kind);
    expect(refused.says).toBe('refused');
    await once(refused.child, 'exit');
    mine!.release();

    const { child, says } = await tryElsewhere(kind);
    expect(says).toBe('held');
    expect(locks.tryLock(lockPath)).toBeNull();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const again = locks.tryLock(lockPath);
    expect(again).not.toBeNull();
    again!.release();
  });
});

test('a shared lock is shared with other processes, and nobody has it alone meanwhile', async () => {
  const { files } = createNodeEnvironment();
  const mine = files.trySharedLock(lockPath);
  const { child, says } = await tryElsewhere('binding', 'shared');
  expect(says).toBe('held');
  mine!.release();
  expect(files.tryLock(lockPath)).toBeNull();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const alone = files.tryLock(lockPath);
  expect(alone).not.toBeNull();
  const refused = await tryElsewhere('binding', 'shared');
  expect(refused.says).toBe('refused');
  await once(refused.child, 'exit');
  alone!.release();
});

test('Linux tells that another Kompakt holds it', async (context) => {
  skipUnless(context, process.platform === 'linux', 'only Linux lists its locks');
  const { files } = createNodeEnvironment();
  const { child } = await tryElsewhere('binding');
  expect(files.lockHolderSync(lockPath)).toEqual({ kind: 'kompakt', processId: null });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(files.lockHolderSync(lockPath)).toEqual({ kind: 'unknown', processId: null });
});

test('two brokers of one process exclude each other, also through a link to the directory', () => {
  const linked = `${directory} linked`;
  fs.symlinkSync(directory, linked);
  try {
    const one = createNodeEnvironment().files.tryLock(lockPath);
    expect(createNodeEnvironment().files.tryLock(path.join(linked, '.lock'))).toBeNull();
    one!.release();
    const two = createNodeEnvironment().files.tryLock(path.join(linked, '.lock'));
    expect(two).not.toBeNull();
    two!.release();
  } finally {
    fs.unlinkSync(linked);
  }
});

test('a binding that the system does not support is done without', () => {
  const loadBinding = () => ({
    tryLock(): boolean {
      throw Object.assign(new Error('not here'), { code: 'ENOLCK' });
    },
  });
  const bound: string[] = [];
  const bind = (name: string) => {
    bound.push(name);
    return { close() {} };
  };
  const locks = new FileLocks({ calls: fs, platform: 'linux', loadBinding, bindSocket: bind });
  const lock = locks.tryLock(lockPath);
  expect(lock?.keepsKafkaOut).toBe(false);
  const { dev, ino } = fs.statSync(lockPath);
  expect(bound).toEqual([`\0kompakt-lock-${dev}-${ino}`]);
  lock!.release();
});

test.each([
  ['darwin', 0x24],
  ['freebsd', 0x24],
  ['win32', 0x10000000],
])('on %s without the binding the file is opened locked', (platform, flags) => {
  const { O_RDWR } = fs.constants;
  let isHeld = false;
  const openSync: SystemCalls['openSync'] = (name, asked, permissions) => {
    if ((asked & flags) !== flags) return fs.openSync(name, asked, permissions);
    expect(asked).toBe(O_RDWR | flags);
    if (isHeld) throw Object.assign(new Error('busy'), { code: platform === 'win32' ? 'EBUSY' : 'EAGAIN' });
    return fs.openSync(name, O_RDWR);
  };
  const locks = locksWithoutBinding({ openSync }, platform);
  isHeld = true;
  expect(locks.tryLock(lockPath)).toBeNull();
  isHeld = false;
  const lock = locks.tryLock(lockPath);
  expect(lock?.keepsKafkaOut).toBe(true);
  lock!.release();
});

test('a platform without any way is an error, not a lock', () => {
  expect(() => locksWithoutBinding({}, 'plan9').tryLock(lockPath)).toThrow(/no way to lock a file on plan9/);
  expect(() => locksWithoutBinding().tryLock(path.join(directory, 'missing', '.lock'))).toThrow(/ENOENT/);
});
