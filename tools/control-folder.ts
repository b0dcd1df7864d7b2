/**
 * Where brokers of this user are found by port, those in memory too:
 *
 *    <own folder>/                             own-folder.ts
 *        9092-5f0c….control                    0600, a ControlFile: which addresses, and the way to the control socket
 *        5f0c….sock                            of a broker in memory; one on a disk has its own in its data directory
 *
 * There may be several of one port, on different addresses. What a killed broker left is removed by the next one that starts.
 */
import { randomBytes } from 'node:crypto';
import {
  type Dirent,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import type { ControlFolder } from '../broker/control/control-server.ts';
import type { ControlFile } from '../protocol/control/service.ts';
import { isOurs, makeOwnFolder, ownFolderPath } from './own-folder.ts';

const suffix = '.control';
const ownerOnly = 0o600;

/** For a broker of this process. Throws where the folder cannot be made, or is somebody else's. */
export function openControlFolder(): ControlFolder {
  // A container without a temporary folder gets one.
  mkdirSync(dirname(ownFolderPath()), { recursive: true });
  const folder = makeOwnFolder();
  return {
    socketPath: (random) => join(folder, `${random.slice(0, 16)}.sock`),
    publish: (file) => {
      const paths = portsOf(file).map((port) => writeFile(folder, port, file));
      void removeDead(folder, paths, file.address);
      return () => {
        for (const path of paths) rmSync(path, { force: true });
      };
    },
  };
}

export interface FoundFile {
  readonly path: string;
  readonly file: ControlFile;
}

/** Of the brokers that said that they listen on this port, the dead among them. */
export function controlFilesOf(port: number): FoundFile[] {
  return readFolder(ownFolderPath(), `${port}-`);
}

/** Whole or not at all, and never for a moment readable by anybody else. */
function writeFile(folder: string, port: number, file: ControlFile): string {
  const path = join(folder, `${port}-${randomBytes(8).toString('hex')}${suffix}`);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(file)}\n`, { flag: 'wx', mode: ownerOnly });
  renameSync(`${path}.tmp`, path);
  return path;
}

function portsOf({ listeners }: ControlFile): number[] {
  return [...new Set(listeners.map((listener) => Number(listener.slice(listener.lastIndexOf(':') + 1))))];
}

/** In a folder that others could have filled, only what is ours counts. */
function readFolder(folder: string, prefix: string): FoundFile[] {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (!stat?.isDirectory() || !isOurs(stat)) return [];
  const isWanted = ({ name }: Dirent) => name.startsWith(prefix) && name.endsWith(suffix);
  return readdirSync(folder, { withFileTypes: true })
    .filter(isWanted)
    .flatMap(({ name }) => readOne(join(folder, name)));
}

function readOne(path: string): FoundFile[] {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || !isOurs(stat)) return [];
    const file = JSON.parse(readFileSync(path, 'utf8')) as Partial<ControlFile>;
    const isWhole = typeof file.address === 'string' && Array.isArray(file.listeners);
    return isWhole ? [{ path, file: file as ControlFile }] : [];
  } catch {
    // It went, or is none of ours.
    return [];
  }
}

/** Files of brokers that do not answer any more, and their sockets. At our own address it is us who answer, not who was there before. */
async function removeDead(folder: string, own: readonly string[], ownAddress: string): Promise<void> {
  for (const { path, file } of readFolder(folder, '')) {
    const isPredecessor = file.address === ownAddress;
    if (own.includes(path) || (!isPredecessor && (await isListening(file.address)))) continue;
    try {
      rmSync(path, { force: true });
      if (!isPredecessor && dirname(file.address) === folder) rmSync(file.address, { force: true });
    } catch {
      // The next one tries again.
    }
  }
}

function isListening(address: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = net.connect({ path: address });
    socket.unref();
    socket.once('error', () => done(false));
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
  });
}
