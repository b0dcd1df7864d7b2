/** What a program may ask of compactions; what cannot be meant is told by its name. */
import { checkFlag, checkInteger, checkNames } from '../options/check-options.ts';
import type { CompactOptions, ExplainOptions } from './compactions.ts';

const compactNames: { readonly [Name in keyof Required<CompactOptions>]: true } = {
  partition: true,
  includeActive: true,
  dropTombstonesOlderThanMs: true,
  dryRun: true,
  onProgress: true,
  signal: true,
};

const explainNames: { readonly [Name in keyof Required<ExplainOptions>]: true } = {
  partition: true,
  limit: true,
  signal: true,
};

const partitionMax = 2 ** 31 - 1;

/** Throws an OptionError. */
export function checkCompact(options: CompactOptions): void {
  checkNames('compact', options, compactNames);
  const { partition, dropTombstonesOlderThanMs: olderThanMs } = options;
  if (partition !== undefined) checkInteger('partition', partition, 0, partitionMax);
  for (const flag of ['includeActive', 'dryRun'] as const)
    if (options[flag] !== undefined) checkFlag(flag, options[flag]);
  if (olderThanMs !== undefined)
    checkInteger('dropTombstonesOlderThanMs', olderThanMs, 0, Number.MAX_SAFE_INTEGER);
}

/** Throws an OptionError. */
export function checkExplain(options: ExplainOptions): void {
  checkNames('explain', options, explainNames);
  const { partition, limit } = options;
  if (partition !== undefined) checkInteger('partition', partition, 0, partitionMax);
  if (limit !== undefined) checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER);
}
