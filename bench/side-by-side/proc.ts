/** What Linux tells of a process and of the machine, in /proc. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const ticksPerSecond = 100;

export interface CpuSeconds {
  readonly user: number;
  readonly kernel: number;
}

/** Since the process began; its children not counted. */
export function cpuOf(pid: number): CpuSeconds {
  const [user, kernel] = timesOf(pid);
  return { user: user!, kernel: kernel! };
}

/** What children of this process used that have ended, with all of theirs. */
export function cpuSecondsOfEndedChildren(): number {
  const [, , user, kernel] = timesOf(process.pid);
  return user! + kernel!;
}

/** In seconds: user and kernel mode, and both of the children. */
function timesOf(pid: number): number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).map((ticks) => Number(ticks) / ticksPerSecond);
}

/** Of both kinds together. */
export function cpuSecondsOf(pid: number): number {
  const { user, kernel } = cpuOf(pid);
  return user + kernel;
}

/** Everything that ran on this machine since it began, in CPU seconds; waiting is not running. */
export function busySeconds(): number {
  const [, ...fields] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/);
  const [user, nice, system, , , irq, softIrq, steal] = fields.map(Number);
  return (user! + nice! + system! + irq! + softIrq! + steal!) / ticksPerSecond;
}

/** Resident memory now (`VmRSS`) or at its highest (`VmHWM`), in MB. */
export function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return (Number(found![1]) * 1024) / 1e6;
}

export const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}`);

/** From now on its highest is what it has at this moment. */
export function resetPeakOf(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Files, sockets and all else that it has open. */
export function openFilesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/**
 * Begins to watch the machine. The function tells how many cores others used since then: all that ran, less what this process, its
 * children that have ended since, and a broker used that goes on.
 */
export function watchOthers(): (brokerCpuSeconds: number) => number {
  const startMs = performance.now();
  const ours = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6 + cpuSecondsOfEndedChildren();
  };
  const [busyBefore, oursBefore] = [busySeconds(), ours()];
  return (brokerCpuSeconds) => {
    const seconds = (performance.now() - startMs) / 1e3;
    return Math.max(0, (busySeconds() - busyBefore - (ours() - oursBefore) - brokerCpuSeconds) / seconds);
  };
}
