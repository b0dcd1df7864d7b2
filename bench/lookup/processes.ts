/** Other programs as processes of a bench: started, asked what they use, ended. Linux only: /proc. */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Runs a program to its end; throws with its words where it fails. */
export function run(command: string, args: readonly string[], options: SpawnOptions = {}): string {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options });
  if (done.status !== 0)
    throw new Error(`${command} ${args[0]}: ${done.error ?? done.stderr ?? done.stdout}`);
  return String(done.stdout ?? '');
}

export function isThere(command: string): boolean {
  return spawnSync('which', [command]).status === 0;
}

/** Asks again until it holds; a program that ended meanwhile is an error. */
export async function until(what: string, child: ChildProcess, ask: () => Promise<boolean>): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${what} ended with ${child.exitCode}`);
    if (await ask().catch(() => false)) return;
    await pause(20);
  }
}

/** Resolves with the first line of its output that the pattern finds. */
export function line(child: ChildProcess, pattern: RegExp, what: string): Promise<RegExpExecArray> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const found = pattern.exec(text);
      if (found !== null) resolve(found);
    });
    child.on('close', (code) => reject(new Error(`${what} ended with ${code}: ${text.slice(-2000)}`)));
  });
}

export function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on('close', () => resolve());
    child.kill(signal);
  });
}

const started = new Set<ChildProcess>();
// Of a bench that failed nothing stays.
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

export function start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], ...options });
  started.add(child);
  child.on('close', () => started.delete(child));
  return child;
}

function statOf(pid: string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** null when the process ended meanwhile. */
function whileItRuns<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch {
    return null;
  }
}

function sumOf(pid: number, ask: (pid: string) => number): number {
  return family(pid).reduce((sum, one) => sum + (whileItRuns(() => ask(one)) ?? 0), 0);
}

/** A process and all below it, such as PostgreSQL's backends. */
function family(pid: number): string[] {
  const parents = new Map<string, string>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? whileItRuns(() => statOf(name)[1]!) : null;
    if (parent !== null) parents.set(name, parent);
  }
  const belongs = (one: string | undefined): boolean =>
    one !== undefined && one !== '0' && (one === String(pid) || belongs(parents.get(one)));
  return [...parents.keys()].filter(belongs);
}

/** User and system time so far, with that of children that are gone. */
export function cpuSecondsOfFamily(pid: number): number {
  return sumOf(pid, (one) => {
    const fields = statOf(one);
    return (Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])) / 100;
  });
}

/** Resident memory; what several share counts once. */
export function residentMegabytesOfFamily(pid: number): number {
  return sumOf(pid, (one) => {
    const rollup = readFileSync(`/proc/${one}/smaps_rollup`, 'utf8');
    return (Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024) / 1e6;
  });
}
