/** What is measured, over sizes a factor 100 apart, and how: CPU time of a fresh process for each figure, and the clock second. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BrokerProcess, startBrokerProcess } from '../side-by-side/broker-processes.ts';
import { Stage } from '../side-by-side/stage.ts';

export interface Cost {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

/** `size`: there is more to do where the size is larger, so that linear growth is the aim. `none`: always the same. */
export type Work = 'size' | 'none';

export interface Curve {
  readonly row: string;
  readonly work: Work;
}

/** Measures one size, in a process of its own each time; a cost for each curve of the subject, by its row. */
export type Round = () => Promise<Readonly<Record<string, Cost>>>;

export interface Subject {
  /** For `--only`. */
  readonly name: string;
  /** What the sizes count. */
  readonly of: string;
  readonly sizes: readonly number[];
  readonly curves: readonly Curve[];
  /** Makes what rounds of this size begin with, in a directory that is there until the last one. */
  readonly begin: (directory: string, size: number) => Promise<Round>;
}

/** A factor 100 apart, two steps to each power of ten. */
export function sizesUpTo(largest: number): number[] {
  return [1, 3, 10, 30, 100].map((part) => Math.round((largest * part) / 100));
}

/** Of all threads that are running, to the nanosecond: /proc/PID/stat counts in hundredths of a second. */
export function cpuSecondsOfThreads(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // It has ended since the directory was read.
    }
  }
  return nanoseconds / 1e9;
}

/** What that cost the process. */
export async function costOf(pid: number, work: () => Promise<unknown>): Promise<Cost> {
  const [cpuBefore, startMs] = [cpuSecondsOfThreads(pid), performance.now()];
  await work();
  const wallSeconds = (performance.now() - startMs) / 1e3;
  return { cpuSeconds: cpuSecondsOfThreads(pid) - cpuBefore, wallSeconds };
}

/** From exec to the first answer. */
export function costOfStart({ pid, readyMs }: BrokerProcess): Cost {
  return { cpuSeconds: cpuSecondsOfThreads(pid), wallSeconds: readyMs / 1e3 };
}

export type Settings = Readonly<Record<string, string>>;

/** A broker on this directory, as long as it is used; killed afterwards where what it did shall not be kept. */
export async function withBroker<T>(
  directory: string,
  { settings = {}, end = 'stop' }: { readonly settings?: Settings; readonly end?: 'stop' | 'kill' },
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  const broker = await startBrokerProcess('kompakt', directory, { properties: settings });
  const stage = new Stage(broker, directory);
  try {
    return await use(stage);
  } finally {
    stage.close();
    await broker[end]();
  }
}

/** The same on a directory of its own. */
export async function withFreshBroker<T>(
  parent: string,
  settings: Settings,
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(parent, 'fresh-'));
  try {
    return await withBroker(directory, { settings, end: 'kill' }, use);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
