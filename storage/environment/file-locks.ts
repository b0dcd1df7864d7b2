/**
 * The lock on a data directory's `.lock` file: one owner at a time, in this process or another, Apache Kafka included.
 * The system lets go of each of these when the process dies, however it dies; nothing is ever cleaned up by hand.
 *
 *   with the binding   Linux    lock of the open file description (fcntl F_OFD_SETLK) on the whole file
 *                      macOS    flock on the whole file, which there excludes fcntl locks too
 *                      Windows  LockFileEx on the whole file
 *   without it         macOS, BSD   the same flock, asked for while opening (O_EXLOCK)
 *                      Windows      the file opened for us alone (no sharing)
 *                      Linux        a socket bound in the abstract namespace, named after the file's device and inode
 *
 * Java's FileChannel.tryLock, hence Apache Kafka's `.lock`, is a POSIX fcntl lock on the whole file (Windows:
 * LockFileEx). All of the above but the last keep it out and notice it. The last cannot keep Kafka out; it notices a
 * Kafka that runs already in /proc/locks. It excludes within one network namespace only: two containers that share a
 * directory need the binding.
 *
 * A set of real paths excludes two owners in this process, because not every lock above does.
 */

import type { FileLock, LockHolder } from './files.ts';
import { FileError } from './files.ts';
import type { SystemCalls } from './system-calls.ts';
import { called, fileErrorFrom, systemCode } from './system-calls.ts';

/** Of the package fs-native-extensions, what is used here. */
export interface LockBinding {
  /** False when someone else holds it. */
  tryLock(descriptor: number, offset: 0, length: 0, options: { readonly shared: boolean }): boolean;
}

export interface FileLockOptions {
  readonly calls: SystemCalls;
  /** process.platform. */
  readonly platform: string;
  /** Loads the binding when the first lock is taken; null or an error means that it is not to be had here. */
  readonly loadBinding: () => LockBinding | null;
  /** Binds a local socket at once; null when its name is taken. */
  readonly bindSocket: (name: string) => { close(): void } | null;
}

/** Locks held by this process, by the real path of the file. The one state of this module, shared by all brokers. */
const heldHere = new Set<string>();

const busyCodes: ReadonlySet<string> = new Set(['EAGAIN', 'EWOULDBLOCK', 'EBUSY']);
/** BSD's and macOS's O_EXLOCK | O_NONBLOCK; libuv's O_EXLOCK on Windows. node:fs has no names for them. */
const openLocked = { bsd: 0x20 | 0x4, windows: 0x10000000 } as const;

type Taken = { readonly keepsKafkaOut: boolean; readonly release: () => void };

export class FileLocks {
  readonly #options: FileLockOptions;
  #binding: LockBinding | null | undefined;

  constructor(options: FileLockOptions) {
    this.#options = options;
  }

  /** null when another owner, here or elsewhere, has it; shared ones do not exclude each other where the binding is. */
  tryLock(path: string, isShared = false): FileLock | null {
    const { calls } = this.#options;
    this.#create(path);
    const key = called(path, 'lock', () => calls.realpathSync(path));
    if (heldHere.has(key)) return null;
    const taken = this.#take(path, isShared);
    if (taken === null) return null;
    heldHere.add(key);
    let held = true;
    return {
      keepsKafkaOut: taken.keepsKafkaOut,
      release() {
        if (!held) return;
        held = false;
        heldHere.delete(key);
        taken.release();
      },
    };
  }

  holderOf(path: string): LockHolder {
    const { calls } = this.#options;
    try {
      if (heldHere.has(calls.realpathSync(path))) return { kind: 'this-process', processId: null };
    } catch {
      return { kind: 'unknown', processId: null };
    }
    return this.#holderOnLinux(path) ?? { kind: 'unknown', processId: null };
  }

  #create(path: string): void {
    const { calls } = this.#options;
    if (calls.statSync(path, { throwIfNoEntry: false }) !== undefined) return;
    const { O_RDWR, O_CREAT } = calls.constants;
    called(path, 'lock', () => calls.closeSync(calls.openSync(path, O_RDWR | O_CREAT, 0o666)));
  }

  #take(path: string, isShared: boolean): Taken | null {
    const binding = this.#loaded();
    if (binding !== null) {
      try {
        return this.#takeWithBinding(path, binding, isShared);
      } catch (error) {
        if (error instanceof FileError) throw error;
        // The file system or the kernel does not have this kind of lock.
      }
    }
    const { platform } = this.#options;
    if (platform === 'win32') return this.#takeByOpening(path, openLocked.windows);
    if (platform === 'darwin' || platform.endsWith('bsd')) return this.#takeByOpening(path, openLocked.bsd);
    if (platform === 'linux' || platform === 'android') return this.#takeBySocket(path);
    throw new FileError('EOTHER', path, 'lock', { detail: `no way to lock a file on ${platform}` });
  }

  #takeWithBinding(path: string, binding: LockBinding, isShared: boolean): Taken | null {
    const { calls } = this.#options;
    const descriptor = called(path, 'lock', () => calls.openSync(path, calls.constants.O_RDWR));
    let isHeld = false;
    try {
      isHeld = binding.tryLock(descriptor, 0, 0, { shared: isShared }) && this.#isStill(path, descriptor);
    } finally {
      if (!isHeld) calls.closeSync(descriptor);
    }
    return isHeld ? { keepsKafkaOut: true, release: () => calls.closeSync(descriptor) } : null;
  }

  #takeByOpening(path: string, flags: number): Taken | null {
    const { calls } = this.#options;
    let descriptor: number;
    try {
      descriptor = calls.openSync(path, calls.constants.O_RDWR | flags);
    } catch (error) {
      if (busyCodes.has(systemCode(error))) return null;
      throw fileErrorFrom(error, path, 'lock');
    }
    if (this.#isStill(path, descriptor))
      return { keepsKafkaOut: true, release: () => calls.closeSync(descriptor) };
    calls.closeSync(descriptor);
    return null;
  }

  #takeBySocket(path: string): Taken | null {
    const { calls, bindSocket } = this.#options;
    const stat = called(path, 'lock', () => calls.statSync(path, { throwIfNoEntry: false }));
    if (stat === undefined) throw new FileError('ENOENT', path, 'lock');
    if (this.#holderOnLinux(path)?.kind === 'other') return null;
    const socket = bindSocket(`\0kompakt-lock-${stat.dev}-${stat.ino}`);
    return socket === null ? null : { keepsKafkaOut: false, release: () => socket.close() };
  }

  /** False when the file was removed or replaced between the opening and the lock. */
  #isStill(path: string, descriptor: number): boolean {
    const { calls } = this.#options;
    const there = calls.statSync(path, { throwIfNoEntry: false });
    return there !== undefined && there.ino === calls.fstatSync(descriptor).ino;
  }

  #loaded(): LockBinding | null {
    if (this.#binding === undefined) {
      try {
        this.#binding = this.#options.loadBinding();
      } catch {
        // Not built for this platform, or its file is missing: the ways without it are as safe between Kompakts.
        this.#binding = null;
      }
    }
    return this.#binding;
  }

  /**
   * One line of /proc/locks, device in hexadecimal; a lock of an open file description has no process:
   *
   *     1: POSIX  ADVISORY  WRITE 4711 fe:00:262147 0 EOF
   *     2: OFDLCK ADVISORY  WRITE -1 fe:00:262148 0 EOF
   */
  #holderOnLinux(path: string): LockHolder | null {
    const { calls, platform } = this.#options;
    if (platform !== 'linux') return null;
    try {
      const stat = calls.statSync(path, { throwIfNoEntry: false });
      if (stat === undefined) return null;
      for (const line of calls.readFileSync('/proc/locks').toString('latin1').split('\n')) {
        const [, type, , , processId, place] = line.split(/\s+/);
        if (place !== placeOf(stat)) continue;
        if (type === 'POSIX')
          return { kind: 'other', processId: Number(processId) > 0 ? Number(processId) : null };
        if (type === 'OFDLCK') return { kind: 'kompakt', processId: null };
      }
    } catch {
      // /proc is not mounted or not readable: nobody can tell.
    }
    return null;
  }
}

/** How /proc/locks names a file. A device number is major and minor, interleaved as the kernel's makedev does. */
function placeOf(stat: { readonly dev: number; readonly ino: number }): string {
  const low = stat.dev % 2 ** 32;
  const high = Math.floor(stat.dev / 2 ** 32);
  const major = ((low >>> 8) & 0xfff) | (high & 0xfffff000);
  const minor = (low & 0xff) | ((low >>> 12) & 0xfff00);
  return `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}:${stat.ino}`;
}
