/** Where brokers are found by port: whose it is, who may read it, and what is left of dead ones. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ControlFile } from '../../protocol/control/service.ts';
import { controlFilesOf, openControlFolder } from '../../tools/control-folder.ts';
import { ownFolderPath } from '../../tools/own-folder.ts';
import { eventually } from '../clients/eventually.ts';
import { skipUnless } from '../skip.ts';
import { freshDirectory } from './program.ts';

let directory: { path: string; remove(): void };
let servers: net.Server[];

beforeEach(() => {
  directory = freshDirectory();
  servers = [];
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) vi.stubEnv(name, directory.path);
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers) server.close();
  directory.remove();
});

const hasModes = process.platform !== 'win32';

function fileOf(address: string, ...listeners: string[]): ControlFile {
  return { pid: 1, address, token: 'x', listeners };
}

async function listen(path: string): Promise<void> {
  const server = net.createServer((socket) => socket.destroy()).listen(path);
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
}

test('a file for each port, readable by its owner alone, until it is taken away', () => {
  const hide = openControlFolder().publish(
    fileOf('/nowhere', '127.0.0.1:9092', '[::1]:9092', '127.0.0.1:9093'),
  );
  const found = controlFilesOf(9092);
  expect(found.map(({ file }) => file.address)).toEqual(['/nowhere']);
  expect(controlFilesOf(9093)).toHaveLength(1);
  expect(controlFilesOf(909)).toEqual([]);
  if (hasModes) {
    expect(lstatSync(found[0]!.path).mode & 0o777).toBe(0o600);
    expect(lstatSync(ownFolderPath()).mode & 0o777).toBe(0o700);
  }
  hide();
  hide();
  expect(readdirSync(ownFolderPath())).toEqual([]);
});

test('a folder that others may enter is closed to them', (context) => {
  skipUnless(context, hasModes, 'there are no modes on Windows');
  mkdirSync(ownFolderPath());
  chmodSync(ownFolderPath(), 0o777);
  openControlFolder();
  expect(lstatSync(ownFolderPath()).mode & 0o777).toBe(0o700);
});

test('a link is nobody’s folder, nor is a file', (context) => {
  skipUnless(context, hasModes, 'links need a right on Windows');
  mkdirSync(join(directory.path, 'elsewhere'));
  symlinkSync(join(directory.path, 'elsewhere'), ownFolderPath());
  expect(() => openControlFolder()).toThrow(/belongs to somebody else/);
  expect(controlFilesOf(9092)).toEqual([]);
});

test('what is no control file is no broker', () => {
  openControlFolder();
  for (const content of ['', '{}', 'null', '{"address":1,"listeners":[]}'])
    writeFileSync(join(ownFolderPath(), `9092-${content.length}.control`), content);
  expect(controlFilesOf(9092)).toEqual([]);
});

test('files of the dead go when the next one comes, those of the living stay', async (context) => {
  skipUnless(context, hasModes, 'pipes of Windows have no files');
  const folder = openControlFolder();
  const living = folder.socketPath('1111111111111111living');
  const dead = folder.socketPath('2222222222222222dead');
  await listen(living);
  writeFileSync(dead, '');
  folder.publish(fileOf(living, '127.0.0.1:1'));
  folder.publish(fileOf(dead, '127.0.0.1:2'));
  const own = join(directory.path, 'data.sock');
  // A predecessor on the same data directory: who answers there is not the one who wrote this.
  folder.publish(fileOf(own, '127.0.0.1:3'));
  await listen(own);
  folder.publish(fileOf(own, '127.0.0.1:4'));
  await eventually(() => expect(existsSync(dead)).toBe(false));
  expect([1, 2, 3, 4].map((port) => controlFilesOf(port).length)).toEqual([1, 0, 0, 1]);
});
