/** What time it is for a broker inside another program; docs/CLOCK.md says what of it moves. */
import type { Clock } from '../../storage/environment/clock.ts';
import { nodeClock } from '../../storage/environment/node.ts';
import { VirtualClock } from '../../storage/environment/virtual-clock.ts';
import { checkInteger, checkNames } from '../options/check-options.ts';
import { type Duration, durationMs } from '../options/durations.ts';
import { OptionError } from '../options/option-error.ts';
import { BrokerGone } from './broker-gone.ts';

export type ClockOption = 'real' | 'virtual' | VirtualClockOption;

export interface VirtualClockOption {
  readonly kind: 'virtual';
  /** Milliseconds since 1970. Default: now. */
  readonly startMs?: number;
}

export interface BrokerClock {
  readonly kind: 'real' | 'virtual';
  /** Milliseconds since 1970 as the broker sees it: what it stamps records with, and measures their age by. */
  nowMs(): number;
  /**
   * Moves the time of a broker with a virtual clock: what becomes due on the way is done in its order, and over when this resolves.
   * Rejects with an OptionError for a duration that is none, goes backwards, or where the clock is real; with BrokerGone, where it
   * has come to, when the broker is reset or stopped meanwhile.
   */
  advance(by: Duration): Promise<void>;
}

const optionNames: { readonly [Name in keyof Required<VirtualClockOption>]: true } = {
  kind: true,
  startMs: true,
};

/** The latest moment that a date has. */
const startMsMax = 8.64e15;

/** Throws an OptionError. */
export function checkClock(option: ClockOption): void {
  if (option === 'real' || option === 'virtual') return;
  if (typeof option !== 'object' || option === null || Array.isArray(option) || option.kind !== 'virtual')
    throw new OptionError('clock', "clock is 'real', 'virtual' or { kind: 'virtual', startMs }");
  checkNames('clock', option, optionNames, 'clock.');
  if (option.startMs !== undefined) checkInteger('clock.startMs', option.startMs, 0, startMsMax);
}

export class EmbeddedClock implements BrokerClock {
  /** Null: real time. */
  readonly virtual: VirtualClock | null;
  readonly #startMs: () => number;
  readonly #real: Clock;

  /** `real`: for where nothing moves it. */
  constructor(option: ClockOption = 'real', real: Clock = nodeClock) {
    this.#real = real;
    const given = typeof option === 'object' ? option.startMs : undefined;
    this.#startMs = () => given ?? nodeClock.nowMs();
    this.virtual =
      option === 'real'
        ? null
        : new VirtualClock({ startMs: this.#startMs(), turns: nodeClock, outside: nodeClock });
  }

  get kind(): BrokerClock['kind'] {
    return this.virtual === null ? 'real' : 'virtual';
  }

  nowMs(): number {
    return (this.virtual ?? this.#real).nowMs();
  }

  async advance(by: Duration): Promise<void> {
    if (this.virtual === null)
      throw new OptionError(
        'clock',
        "clock.advance: the clock is real; start the broker with { clock: 'virtual' }, or with --clock virtual",
      );
    await this.virtual.advance(durationMs('clock.advance', by));
  }

  /** Nobody moves it any more when this resolves. */
  async interrupt(reason: BrokerGone['reason']): Promise<void> {
    await this.virtual?.interrupt(new BrokerGone('clock.advance', reason));
  }

  /** Between two worlds, of which the second remembers nothing: it is as late as at the start again. */
  beginAnew(): void {
    this.virtual?.setWallMs(this.#startMs());
  }
}
