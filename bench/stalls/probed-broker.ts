/** A broker with the probe inside, and whose page cache may be held to a size. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { quietPort } from '../../test/quiet-port.ts';
import { answersMetadata, type BrokerProcess } from '../side-by-side/broker-processes.ts';

const program = fileURLToPath(new URL('../../dist/kompakt.js', import.meta.url));
const probe = new URL('probe.mjs', import.meta.url).href;

/** A turn of the event loop that took long; times in ms. */
export interface Block {
  readonly lateMs: number;
  /** Without what it waited for a processor that others used. */
  readonly ownMs: number;
  readonly cpuMs: number;
  readonly queuedMs: number;
  readonly majorFaults: number;
  readonly gcMs: number;
  readonly calls: readonly { readonly name: string; readonly count: number; readonly ms: number }[];
  readonly longest: { readonly name: string; readonly ms: number; readonly stack: readonly string[] } | null;
}

/** One kind of the collector's pauses. */
export interface Garbage {
  readonly name: 'scavenge' | 'mark-compact' | 'incremental';
  readonly count: number;
  readonly ms: number;
  readonly maxMs: number;
  readonly ownMaxMs: number;
}

/** `own…`: without the time for which others had the processor; `clock…`: as the clock has it. */
export interface PhaseFigures {
  readonly turns: number;
  readonly ownP50Ms: number;
  readonly ownP99Ms: number;
  readonly ownP999Ms: number;
  readonly ownMaxMs: number;
  readonly clockP99Ms: number;
  readonly clockP999Ms: number;
  readonly clockMaxMs: number;
  readonly garbage: readonly Garbage[];
  readonly blocks: readonly Block[];
}

export interface ProbedBroker extends BrokerProcess {
  /** What the event loop was like while that went on. */
  during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly figures: PhaseFigures }>;
}

export interface ProbedOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Of the whole process, its page cache included. */
  readonly memoryLimitBytes?: number;
  readonly nodeFlags?: readonly string[];
}

export async function startProbedBroker(
  dataDirectory: string,
  options: ProbedOptions = {},
): Promise<ProbedBroker> {
  const { settings = {}, memoryLimitBytes, nodeFlags = [] } = options;
  const port = await quietPort();
  const sets = Object.entries({ 'group.initial.rebalance.delay.ms': '0', ...settings });
  const args = ['serve', '--host', '127.0.0.1', '--port', String(port), '--data-dir', dataDirectory];
  const startedMs = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...nodeFlags,
      '--import',
      probe,
      program,
      ...args,
      ...sets.flatMap(([key, value]) => ['--set', `${key}=${value}`]),
    ],
    { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const pid = child.pid!;
  const group = memoryLimitBytes === undefined ? null : MemoryGroup.of(pid, memoryLimitBytes);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await answersMetadata(port, () => child.exitCode === null);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await closed;
    await group?.remove();
  };
  return {
    name: 'kompakt',
    pid,
    port,
    readyMs: performance.now() - startedMs,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async during(work) {
      child.send('begin');
      const result = await work();
      const answer = once(child, 'message');
      child.send('end');
      const [figures] = (await answer) as [PhaseFigures];
      return { result, figures };
    },
  };
}

const groupsV1 = '/sys/fs/cgroup/memory';
const groupsV2 = '/sys/fs/cgroup';

/** A limit that Linux sets on a process and on the page cache of what it reads and writes. */
export class MemoryGroup {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Whether this machine lets us set one. */
  static isThere(): boolean {
    try {
      MemoryGroup.#make('kompakt-bench-probe', 2 ** 30).removeNow();
      return true;
    } catch {
      return false;
    }
  }

  static of(pid: number, bytes: number): MemoryGroup {
    const group = MemoryGroup.#make(`kompakt-bench-${pid}`, bytes);
    writeFileSync(join(group.#path, 'cgroup.procs'), String(pid));
    return group;
  }

  static #make(name: string, bytes: number): MemoryGroup {
    const isV1 = existsSync(join(groupsV1, 'memory.limit_in_bytes'));
    const path = join(isV1 ? groupsV1 : groupsV2, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), String(bytes));
    return new MemoryGroup(path);
  }

  removeNow(): void {
    rmdirSync(this.#path);
  }

  /** Its last process goes a moment after it has ended. */
  async remove(): Promise<void> {
    while (readFileSync(join(this.#path, 'cgroup.procs'), 'utf8') !== '') await pause(10);
    this.removeNow();
  }
}
