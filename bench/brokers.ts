/** Kompakt and the load as processes of their own, for benches. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

export interface KompaktProcess {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** `kompakt serve` from dist/, on a free port of 127.0.0.1; resolves with its ready line. */
export async function startKompaktProcess(
  dataDirectory: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<KompaktProcess> {
  const sets = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const args = ['serve', '--host', '127.0.0.1', '--port', '0', '--data-dir', dataDirectory, ...sets];
  const child = spawn(process.execPath, [join(root, 'dist/kompakt.js'), ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const port = await readyPort(child);
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      child.on('close', () => resolve());
      child.kill('SIGTERM');
    });
  return { pid: child.pid!, port, stop };
}

/** The port in the ready line. */
async function readyPort(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const port = /:(\d+)\b/.exec(line)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error('kompakt ended without a ready line');
}

/** Runs bench/load.ts in this mode; its result. */
export function load<T>(mode: string, options: object): Promise<T> {
  return runScript('bench/load.ts', mode, options);
}

/** Runs a script of the project's, in a process of its own, with a mode and its options as JSON; the JSON that it prints. */
export function runScript<T>(script: string, mode: string, options: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const args = ['--import', 'tsx', join(root, script), mode, JSON.stringify(options)];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    child.on('close', (status) => {
      if (status === 0) resolve(JSON.parse(output) as T);
      else reject(new Error(`${script} ${mode} ended with ${status}`));
    });
  });
}
