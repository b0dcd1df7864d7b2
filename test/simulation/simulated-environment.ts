/** An Environment of virtual time, memory files and seeded chance, for tests of what stands on one. */
import type { Environment } from '../../storage/environment/environment.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
import { FaultyFileSystem } from './faulty-files.ts';
import { SeededRandom } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface SimulatedEnvironment extends Environment {
  readonly clock: VirtualClock;
  readonly files: MemoryFileSystem;
  readonly random: SeededRandom;
}

export function simulatedEnvironment(
  options: { seed?: number; memoryLimitBytes?: number } = {},
): SimulatedEnvironment {
  const clock = new VirtualClock();
  const { memoryLimitBytes } = options;
  const limit = memoryLimitBytes === undefined ? {} : { memoryLimitBytes };
  return {
    clock,
    files: new MemoryFileSystem({ clock, ...limit }),
    random: new SeededRandom(options.seed ?? 1),
  };
}

/** The same on files that fail, run full and lose power to order. */
export interface FaultyEnvironment extends Environment {
  readonly clock: VirtualClock;
  readonly files: FaultyFileSystem;
  readonly random: SeededRandom;
}

/** `files` goes on with what a crash or kill left: `faultyEnvironment({ clock, files: files.afterKill() })`. */
export function faultyEnvironment(
  options: { seed?: number; windowsRules?: boolean; clock?: VirtualClock; files?: FaultyFileSystem } = {},
): FaultyEnvironment {
  const clock = options.clock ?? new VirtualClock();
  const files = options.files ?? new FaultyFileSystem({ clock, windowsRules: options.windowsRules ?? false });
  return { clock, files, random: new SeededRandom(options.seed ?? 1) };
}
