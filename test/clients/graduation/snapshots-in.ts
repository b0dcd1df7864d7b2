import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The names of the metadata snapshots in a data directory, the newest last; without the one that a format of Kafka 4.4 leaves. */
export function snapshotsIn(directory: string): string[] {
  const names = readdirSync(join(directory, '__cluster_metadata-0'));
  return names.filter((name) => /^0*[1-9]\d*-\d+\.checkpoint$/.test(name)).sort();
}
