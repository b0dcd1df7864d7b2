/** Options that are looked at before anything is done; each function throws an OptionError that names the one at fault. */
import { closestNames } from '../../storage/config/closest-names.ts';
import { OptionError } from './option-error.ts';

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
    if (!Object.hasOwn(known, name))
      throw new OptionError(`${prefix}${name}`, `${of} has no option ${name}${closestNames(name, known)}`);
}

export function checkText(option: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '')
    throw new OptionError(option, `${option} must be a text that is not empty, not ${shown(value)}`);
}

export function checkInteger(option: string, value: unknown, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
    throw new OptionError(option, `${option} must be a whole number ${range}, not ${shown(value)}`);
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
