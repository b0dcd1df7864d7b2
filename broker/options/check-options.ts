/** Options that are looked at before anything is done; each function throws an OptionError that names the one at fault. */
import { closestNames } from '../../storage/config/closest-names.ts';
import { OptionError } from './option-error.ts';

const longestShown = 100;

/** `of` takes these options: any other name is a typing error. `prefix` stands before names in messages. */
export function checkNames(
  of: string,
  options: object,
  known: { readonly [name: string]: unknown },
  prefix = '',
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new OptionError(of, `${of} takes an object of options`);
  for (const name of Object.keys(options))
    if (!Object.hasOwn(known, name)) {
      const option = `${prefix}${name}`.slice(0, longestShown);
      throw new OptionError(
        option,
        `${of} has no option ${name.slice(0, longestShown)}${closestNames(name, known)}`,
      );
    }
}

export function checkText(
  option: string,
  value: unknown,
  { canBeEmpty = false } = {},
): asserts value is string {
  if (typeof value === 'string' && (canBeEmpty || value !== '')) return;
  const what = canBeEmpty ? 'a text' : 'a text that is not empty';
  throw new OptionError(option, `${option} must be ${what}, not ${shown(value)}`);
}

/** A list of texts that are not empty. */
export function checkTexts(option: string, value: unknown): void {
  if (!Array.isArray(value)) throw new OptionError(option, `${option} must be a list, not ${shown(value)}`);
  for (const each of value) checkText(option, each);
}

export function checkFlag(option: string, value: unknown): void {
  if (typeof value !== 'boolean')
    throw new OptionError(option, `${option} must be true or false, not ${shown(value)}`);
}

export function checkInteger(option: string, value: unknown, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
    throw new OptionError(option, `${option} must be a whole number ${range}, not ${shown(value)}`);
  }
}

/** A wrong value in a message, however long it is. */
export function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const text = typeof value === 'string' ? `'${value}'` : String(value);
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}
