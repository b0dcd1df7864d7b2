/** The lock of a data directory against a real Java: what Apache Kafka would see, and what we see of it. */

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileLocks } from '../../../storage/environment/file-locks.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { skipUnless } from '../../skip.ts';

const { files } = createNodeEnvironment();
const source = fileURLToPath(new URL('TryLock.java', import.meta.url));
let directory: string;
let lockPath: string;

beforeEach((context) => {
  skipUnless(context, spawnSync('java', ['-version']).status === 0, 'java is not installed');
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt-lock-'));
  lockPath = path.join(directory, '.lock');
});
afterEach(() => {
  if (directory !== undefined) fs.rmSync(directory, { recursive: true, force: true });
});

async function tryFromJava(): Promise<{ java: ChildProcessWithoutNullStreams; says: string }> {
  const java = spawn('java', [source, lockPath]);
  const [says] = (await once(createInterface(java.stdout), 'line')) as [string];
  return { java, says };
}

test('while Java holds the lock we are refused, and told its process', async () => {
  const { java, says } = await tryFromJava();
  expect(says).toMatch(/^held by \d+$/);
  expect(files.tryLock(lockPath)).toBeNull();
  if (process.platform === 'linux') {
    const processId = Number(says.slice('held by '.length));
    expect(files.lockHolderSync(lockPath)).toEqual({ kind: 'other', processId });
  }
  java.kill('SIGKILL');
  await once(java, 'exit');
  const lock = files.tryLock(lockPath);
  expect(lock?.keepsKafkaOut).toBe(true);
  lock!.release();
});

test('while we hold the lock Java is refused, and afterwards not', async () => {
  const lock = files.tryLock(lockPath);
  expect(lock?.keepsKafkaOut).toBe(true);
  const refused = await tryFromJava();
  expect(refused.says).toBe('refused');
  await once(refused.java, 'exit');
  lock!.release();
  const { java, says } = await tryFromJava();
  expect(says).toMatch(/^held/);
  java.stdin.end();
  await once(java, 'exit');
});

test('without the binding a running Java is still noticed on Linux', async (context) => {
  skipUnless(context, process.platform === 'linux', 'only Linux lists its locks');
  const { java } = await tryFromJava();
  const bindSocket = (): { close(): void } => ({ close() {} });
  const locks = new FileLocks({ calls: fs, platform: 'linux', loadBinding: () => null, bindSocket });
  expect(locks.tryLock(lockPath)).toBeNull();
  java.stdin.end();
  await once(java, 'exit');
  const lock = locks.tryLock(lockPath);
  expect(lock?.keepsKafkaOut).toBe(false);
  lock!.release();
});
