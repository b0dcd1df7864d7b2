/**
 * Finds the running broker that a command means: the one of a data directory, by the control file in it, or the one that listens on a
 * port of this machine, by the control file in the user's temporary folder (control-folder.ts).
 */
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { type ControlFile, controlFileName } from '../protocol/control/service.ts';
import { ControlClient, ControlError } from './control-client.ts';
import { controlFilesOf } from './control-folder.ts';

export const defaultDataDirectory = './kompakt-data';

/** For who has named none. */
export const otherPlaces = 'another one is found by --data-dir, or --bootstrap HOST:PORT';

/** What says which broker is meant; neither: the default data directory. */
export interface BrokerChoice {
  readonly dataDir?: string;
  readonly bootstrap?: string;
}

/** Rejects with a ControlError that says why there is nobody to talk to. */
export async function findBroker({ dataDir, bootstrap }: BrokerChoice): Promise<ControlClient> {
  if (bootstrap === undefined)
    return brokerOf(resolve(dataDir ?? defaultDataDirectory), dataDir === undefined);
  if (dataDir !== undefined)
    throw new ControlError('--bootstrap and --data-dir contradict each other; give one of them');
  return brokerAt(bootstrap);
}

/** null when none runs there that can be asked. */
export async function brokerIn(directory: string): Promise<ControlClient | null> {
  const file = readControlFile(directory);
  return file === null ? null : ControlClient.connect(file);
}

async function brokerOf(directory: string, isDefault: boolean): Promise<ControlClient> {
  const client = await brokerIn(directory);
  if (client !== null) return client;
  const hint = isDefault ? `; ${otherPlaces}` : '';
  throw new ControlError(`no broker is running on ${directory}${hint}`);
}

function readControlFile(directory: string): ControlFile | null {
  const path = join(directory, controlFileName);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ControlFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') return null;
    throw new ControlError(`${path} belongs to somebody else: only the broker's owner may call it`);
  }
}

async function brokerAt(bootstrap: string): Promise<ControlClient> {
  const { host, port } = parseAddress(bootstrap);
  const addresses = await addressesOf(host, bootstrap);
  const files = controlFilesOf(port).map(({ file }) => file);
  // On one system a port may be taken twice, for one address and for all of them.
  for (const isWanted of [isExactly, isEvery]) {
    for (const file of files) {
      if (!file.listeners.some((listener) => isWanted(parseAddress(listener), port, addresses))) continue;
      const client = await ControlClient.connect(file);
      if (client !== null) return client;
    }
  }
  throw new ControlError(
    (await isListening(addresses, port))
      ? `${bootstrap} is no \`kompakt serve\` of this user: a broker inside another program has no control socket`
      : `nobody listens on ${bootstrap}`,
  );
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** HOST:PORT; IPv6 in brackets. */
export function parseAddress(text: string, option = '--bootstrap'): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new ControlError(`${option} ${text} is no HOST:PORT, as in localhost:9092`);
  return { host, port: Number(port) };
}

/** Those of this machine that the name stands for. */
async function addressesOf(host: string, bootstrap: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => {
    throw new ControlError(`--bootstrap ${bootstrap}: there is no host ${host}`);
  });
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address)),
  );
  const isLocal = (address: string) => own.has(address) || isLoopback(address) || isWildcard(address);
  const local = found.map(({ address }) => address).filter(isLocal);
  if (local.length === 0)
    throw new ControlError(
      `${bootstrap} is another machine: the control socket is for programs of the same one`,
    );
  return local;
}

type Wanted = (listener: Address, port: number, addresses: readonly string[]) => boolean;

const isExactly: Wanted = (listener, port, addresses) =>
  listener.port === port && addresses.includes(listener.host);

/** `::` takes IPv4 connections too. */
const isEvery: Wanted = (listener, port, addresses) =>
  listener.port === port &&
  (isWildcard(listener.host)
    ? listener.host === '::' || addresses.some((address) => net.isIPv4(address))
    : addresses.some(isWildcard));

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

async function isListening(addresses: readonly string[], port: number): Promise<boolean> {
  const answers = addresses.map(
    (host) =>
      new Promise<boolean>((done) => {
        const socket = net.connect({ host, port });
        socket.once('error', () => done(false));
        socket.once('connect', () => {
          socket.destroy();
          done(true);
        });
      }),
  );
  return (await Promise.all(answers)).includes(true);
}
