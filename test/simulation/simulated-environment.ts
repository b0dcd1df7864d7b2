/** An Environment of virtual time, memory files and seeded chance, for tests of what stands on one. */
import type { Environment } from '../../storage/environment/environment.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
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
