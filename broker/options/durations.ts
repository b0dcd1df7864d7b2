import { shown } from './check-options.ts';
import { OptionError } from './option-error.ts';

/** Milliseconds, or text: '8d', '90s', '250ms', '1h30m'; whole numbers of days, hours, minutes, seconds, milliseconds, in this order. */
export type Duration = number | string;

const dayMs = 86_400_000;
const unitsMs = [dayMs, 3_600_000, 60_000, 1000, 1] as const;
const text = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;
/** Each tick of the broker's tasks is lived through: so much takes minutes. */
const durationMsMax = 3650 * dayMs;

/** Throws an OptionError that names `option`. */
export function durationMs(option: string, value: Duration): number {
  const ms = typeof value === 'string' ? msOf(value) : value;
  if (typeof ms !== 'number' || !Number.isSafeInteger(ms))
    throw new OptionError(
      option,
      `${option} takes whole milliseconds, or a duration such as '8d', '90s', '250ms' or '1h30m', not ${shown(value)}`,
    );
  if (ms < 0) throw new OptionError(option, `${option}: time does not go backwards, by ${-ms} ms either`);
  if (ms > durationMsMax) throw new OptionError(option, `${option} goes at most 3650d at a time`);
  return ms;
}

function msOf(value: string): number {
  const found = text.exec(value);
  if (found === null || value === '')
    return value.startsWith('-') ? -Math.abs(msOf(value.slice(1))) : Number.NaN;
  let ms = 0;
  for (const [n, unitMs] of unitsMs.entries()) ms += Number(found[n + 1] ?? 0) * unitMs;
  return ms;
}
