/** A table's line: what is done to each of the two brokers alike. */

import { handlers } from '../../../broker/apis/index.ts';
import type { ApiName } from '../../../protocol/messages/index.ts';
import { parseVersions } from '../../../protocol/schema/versions.ts';
import type { Setting } from './brokers.ts';
import type { Side } from './side.ts';

export interface Scenario {
  /** Unique; topics and groups of the scenario begin with it, so it is one word. */
  readonly name: string;
  run(side: Side, setting: Setting): Promise<void>;
}

/** Every version of an API that we serve, in ascending order. */
export function versionsOf(api: ApiName): number[] {
  const { versions } = handlers[api];
  if (versions === null) throw new Error(`${api} is not served`);
  const { low, high } = parseVersions(versions);
  return Array.from({ length: high - low + 1 }, (_, i) => low + i);
}
