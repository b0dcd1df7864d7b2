import type { Clock, Timer } from '../../storage/environment/clock.ts';
import type { Logger } from '../observe/logger.ts';

/**
 * Does something again and again: first after `firstMs`, then `intervalMs()` after each end, so that rounds never overlap. A round
 * that fails is logged; the next one comes all the same.
 */
export class PeriodicTask {
  readonly #options: PeriodicOptions;
  #timer: Timer | null;
  #round: Promise<void> = Promise.resolve();

  constructor(options: PeriodicOptions) {
    this.#options = options;
    this.#timer = options.clock.schedule(options.firstMs, () => this.#run());
  }

  /** No further round; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    await this.#round;
  }

  #run(): void {
    const { name, clock, logger, intervalMs, run } = this.#options;
    this.#round = run()
      .catch((error: unknown) => logger.error(`${name} failed`, { error }))
      .then(() => {
        if (this.#timer !== null) this.#timer = clock.schedule(intervalMs(), () => this.#run());
      });
  }
}

export interface PeriodicOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly firstMs: number;
  readonly intervalMs: () => number;
  readonly run: () => Promise<void>;
}
