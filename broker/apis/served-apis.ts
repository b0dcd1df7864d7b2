import { parseVersions } from '../../protocol/schema/versions.ts';
import type { AnyHandler } from './handler.ts';

/** What ApiVersions lists: read off the handlers, so that what is advertised is what is served. */
export interface ServedApis {
  /** Ascending by key. */
  readonly ranges: readonly ApiRange[];
}

export interface ApiRange {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export function servedApis(handlers: Iterable<AnyHandler>): ServedApis {
  const ranges: ApiRange[] = [];
  for (const { api, versions, advertised } of handlers) {
    if (versions === null) continue;
    const { low, high } = parseVersions(advertised ?? versions);
    ranges.push({ apiKey: api.key, minVersion: low, maxVersion: high });
  }
  ranges.sort((a, b) => a.apiKey - b.apiKey);
  return { ranges };
}
