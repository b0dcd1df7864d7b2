import type { Clock } from './clock.ts';
import type { FileSystem } from './files.ts';

/**
 * The only door to the outside for everything below `tools/`: time, disk and chance come in through here, so that
 * tests own the clock, crash the disk and replay a seed. The network's door is broker/network/transport.ts.
 */
export interface Environment {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly random: RandomSource;
}

/** Chance. The real one is the platform's; a simulation gives a seeded one. */
export interface RandomSource {
  /** A number in [0, 1). */
  next(): number;
  /** `count` random bytes, for ids and tokens. */
  bytes(count: number): Buffer;
}
