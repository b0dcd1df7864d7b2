/** Options that several commands have. */
import { InvalidArgumentError, Option } from 'commander';

export const defaultDataDirectory = './kompakt-data';

/** How a command finds its broker. */
export const dataDirOption = () =>
  new Option('--data-dir <directory>', `whose broker (default: ${defaultDataDirectory})`);
export const bootstrapOption = () =>
  new Option('--bootstrap <host:port>', 'the broker that listens there, on this machine');
export const jsonOption = () => new Option('--json', 'print it as JSON');
export const partitionOption = () =>
  new Option('--partition <number>', 'only this one (default: all)').argParser(wholeNumber(0));

export function wholeNumber(least: number, most = 2 ** 31 - 1): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is wanted.`);
  };
}
