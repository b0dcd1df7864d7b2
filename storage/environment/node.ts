/**
 * The real time, disk and chance, by Node. With broker/network/node-transport.ts the only file below `tools/` that
 * touches them; everything else is given an Environment.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { loadNative } from '../../protocol/records/native.ts';
import type { Clock, Timer } from './clock.ts';
import { DiskFileSystem } from './disk-files.ts';
import type { Environment, RandomSource } from './environment.ts';
import type { LockBinding } from './file-locks.ts';
import { FileLocks } from './file-locks.ts';
import type { FileSystem } from './files.ts';
import { heldCalls } from './held-calls.ts';
import { MemoryFileSystem } from './memory-files.ts';

export interface NodeEnvironmentOptions {
  /** Descriptors for files of the log that are open at a time; left out: `openFilesMaxDefault`. */
  readonly openFilesMax?: number;
  /** Default: real time. */
  readonly clock?: Clock;
}

/** More open files gain nothing that anybody measured, and each costs the kernel memory. */
const openFilesMaxMost = 16_384;
/**
 * Where the system does not say what the process may have: Node itself raises macOS's limit at its start to 10,240 at least, and the C
 * library of Windows, through which Node opens files there, has 8,192.
 */
const openFilesMaxUnknown = 2_048;

/**
 * Half of the descriptors that this process may have, the other half is for sockets: opening a file for each append costs three times
 * what the append itself does, so all partitions that are written to should keep theirs.
 */
export function openFilesMaxDefault(limits: string | null = processLimits()): number {
  const found = limits === null ? null : /^Max open files\s+(\d+|unlimited)\s/m.exec(limits);
  if (found === null) return openFilesMaxUnknown;
  return found[1] === 'unlimited'
    ? openFilesMaxMost
    : Math.min(openFilesMaxMost, Math.floor(Number(found[1]) / 2));
}

/** As Linux tells them; null elsewhere. */
function processLimits(): string | null {
  try {
    return process.platform === 'linux' ? fs.readFileSync('/proc/self/limits', 'latin1') : null;
  } catch {
    return null;
  }
}

/**
 * The real ones, whatever a test has put in their place: runners such as jest and vitest give it timers that stand still, and a broker in the
 * same process has to go on. So they are taken when this file is loaded, and from Node rather than from what is global.
 */
const { setTimeout, clearTimeout, setImmediate } = process.getBuiltinModule('node:timers');
const { performance } = process.getBuiltinModule('node:perf_hooks');
const { nextTick } = process.getBuiltinModule('node:process');
const { now } = Date;

/** Calls back when what runs now has ended, before any input or output (process.nextTick). */
export function afterThis(callback: () => void): void {
  nextTick(callback);
}

/** setTimeout takes no longer delay; a longer one would fire at once. */
const timeoutMsMax = 2 ** 31 - 1;

export function createNodeEnvironment(options: NodeEnvironmentOptions = {}): Environment {
  const { clock = nodeClock, openFilesMax = openFilesMaxDefault() } = options;
  return { clock, random: nodeRandom, files: nodeFiles(openFilesMax, clock) };
}

/**
 * Files in memory (`--memory`), real chance, and real time unless another `clock` is given. `limitOption` is named when a write is refused; `isBulk` tells by its
 * path which file must leave room for the rest.
 */
export function createMemoryEnvironment(options: {
  memoryLimitBytes: number;
  limitOption?: string;
  isBulk?: (path: string) => boolean;
  clock?: Clock;
}): Environment {
  const { memoryLimitBytes, limitOption, isBulk, clock = nodeClock } = options;
  const files = new MemoryFileSystem({
    clock,
    memoryLimitBytes,
    deletesAtOnce: true,
    ...(limitOption === undefined ? {} : { memoryLimitOption: limitOption }),
    ...(isBulk === undefined ? {} : { isBulk }),
  });
  return { clock, random: nodeRandom, files };
}

/** Resolves after `delayMs`, or when the signal aborts. Unlike a timer of the clock's it keeps the process alive. */
export function wakefulDelay(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(delayMs, timeoutMsMax));
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
  });
}

/** From "every thread alike" to "only with what the others leave, but never nothing": a tenth of the processor where all are busy. */
const backgroundNiceness = 10;

/**
 * Lets all other threads go before the calling one, from now on. Linux alone schedules threads by a niceness of their own (the
 * thread's id takes the place of a process's); elsewhere, and without /proc, nothing changes.
 */
export function yieldToOtherThreads(): void {
  if (process.platform !== 'linux') return;
  try {
    const threadId = Number(fs.readlinkSync('/proc/thread-self').split('/').at(-1));
    os.setPriority(
      threadId,
      Math.min(os.getPriority() + backgroundNiceness, os.constants.priority.PRIORITY_LOW),
    );
  } catch {
    // Slower answers while a log is cleaned, nothing worse.
  }
}

export const nodeClock: Clock = {
  nowMs: now,
  monotonicMs: () => performance.now(),
  schedule: scheduleTimer,
  defer: (callback) => {
    setImmediate(callback);
  },
};

export const nodeRandom: RandomSource = {
  next: () => Math.random(),
  bytes: (count) => crypto.randomBytes(count),
};

/** A microsecond. On Windows it counts reads of any kind, which is no worse than going by time alone. */
export function blocksRead(): number {
  return process.resourceUsage().fsRead;
}

function scheduleTimer(delayMs: number, callback: () => void): Timer {
  const dueMs = performance.now() + delayMs;
  const start = (restMs: number): NodeJS.Timeout => setTimeout(tick, Math.min(restMs, timeoutMsMax)).unref();
  const tick = (): void => {
    // Node may be a fraction of a millisecond early.
    const restMs = dueMs - performance.now();
    if (restMs > 0) handle = start(Math.ceil(restMs));
    else callback();
  };
  let handle = start(Math.ceil(delayMs));
  return { cancel: () => clearTimeout(handle) };
}

function nodeFiles(openFilesMax: number, clock: Clock): FileSystem {
  const locks = new FileLocks({
    calls: fs,
    platform: process.platform,
    loadBinding: loadLockBinding,
    bindSocket,
  });
  const windowsRules = process.platform === 'win32';
  const calls = clock.hold === undefined ? fs : heldCalls(fs, () => clock.hold!());
  return new DiskFileSystem({ calls, locks, openFilesMax, windowsRules, pauseSync, blocksRead });
}

interface LockAddon {
  /** Throws EAGAIN when someone else holds it. */
  tryLock(descriptor: number, start: number, length: number, isExclusive: boolean): void;
}

/**
 * The package's binary without the package's JavaScript, which looks for it: 0.3 ms instead of 14 ms of every start.
 * Where the binary has another name, the package finds it.
 */
function loadLockBinding(): LockBinding | null {
  const name = 'fs-native-extensions';
  const addon = loadNative<LockAddon>(`${name}/prebuilds/${process.platform}-${process.arch}/${name}.node`);
  if (addon === null) return loadNative<LockBinding>(name);
  return {
    tryLock(descriptor, offset, length, { shared }) {
      try {
        addon.tryLock(descriptor, offset, length, !shared);
        return true;
      } catch (error) {
        if ((error as { code?: string }).code === 'EAGAIN') return false;
        throw error;
      }
    },
  };
}

/** Node binds a local socket within `listen`, though it tells of it later; `listening` is true at once when it worked. */
export function bindSocket(name: string): { close(): void } | null {
  const server = net.createServer((socket) => socket.destroy());
  server.on('error', () => {});
  server.listen({ path: name, exclusive: true });
  if (!server.listening) return null;
  server.unref();
  return { close: () => void server.close() };
}

function pauseSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
