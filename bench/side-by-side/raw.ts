/** raw/client.c: compiled on first need, and run. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClientFigures } from './stage.ts';

const source = fileURLToPath(new URL('raw/client.c', import.meta.url));
let program: string | null = null;

/** Compiles the client into the folder. */
export function compileClient(folder: string): void {
  program = join(folder, 'client');
  const done = spawnSync('cc', ['-O2', '-o', program, source], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`cc could not compile ${source}: ${done.error ?? done.stderr}`);
}

export interface Latencies extends ClientFigures {
  readonly requests: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

export interface Fetched extends ClientFigures {
  readonly bytes: number;
}

export interface RecordLatencies extends ClientFigures {
  readonly ackp50Us: number;
  readonly ackp99Us: number;
  readonly ackp999Us: number;
  readonly arrivalp50Us: number;
  readonly arrivalp99Us: number;
  readonly arrivalp999Us: number;
}

type Options = Readonly<Record<string, number>>;

const wordsOf = (mode: string, port: number, files: readonly string[], options: Options): string[] => [
  mode,
  '127.0.0.1',
  String(port),
  ...files,
  ...Object.entries(options).map(([name, value]) => `${name}=${Math.round(value)}`),
];

/** Runs a mode of the client to its end; the figures that it prints. */
export function rawClient<T extends ClientFigures>(
  mode: 'replay' | 'fetch' | 'latency',
  port: number,
  files: readonly string[],
  options: Options,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(program!, wordsOf(mode, port, files, options));
    let output = '';
    let words = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (words += text));
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve(JSON.parse(output) as T);
      else reject(new Error(`client ${mode}: ${words}`));
    });
  });
}

/** So many open connections, until the process's input ends. */
export async function idleConnections(
  port: number,
  file: string,
  connections: number,
): Promise<ChildProcess> {
  const child = spawn(program!, wordsOf('idle', port, [file], { connections }));
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.stderr.once('data', (text) => reject(new Error(String(text))));
  });
  return child;
}
