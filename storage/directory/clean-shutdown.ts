/**
 * `.kafka_cleanshutdown`: there only between a clean stop and the next start, and says that no log needs recovery.
 *
 *     {"version":0,"brokerEpoch":12}
 *
 * A start takes it away, durably, before anything is appended: left behind by a crash it would vouch for a torn log.
 */
import type { FileSystem } from '../environment/files.ts';

export const cleanShutdownFile = '.kafka_cleanshutdown';

/** The broker epoch of the clean stop; null in the epoch's place when the file is there without one. */
export interface CleanShutdown {
  readonly brokerEpoch: number | null;
}

/** What the last stop left, null when it was not clean; the file is gone afterwards. */
export function takeCleanShutdown(files: FileSystem, directory: string): CleanShutdown | null {
  const path = files.join(directory, cleanShutdownFile);
  if (files.statSync(path) === null) return null;
  const brokerEpoch = parseBrokerEpoch(files.readFileSync(path).toString('utf8'));
  files.removeFileSync(path);
  files.syncDirectorySync(directory);
  return { brokerEpoch };
}

/** To be called when every log is closed and the checkpoints are written. */
export function writeCleanShutdown(files: FileSystem, directory: string, brokerEpoch: number): void {
  const text = JSON.stringify({ version: 0, brokerEpoch });
  files.replaceFileSync(files.join(directory, cleanShutdownFile), Buffer.from(text));
}

/** Kafka before 3.8 left the file empty. */
function parseBrokerEpoch(text: string): number | null {
  try {
    const { brokerEpoch } = JSON.parse(text) as { brokerEpoch?: unknown };
    return Number.isSafeInteger(brokerEpoch) ? (brokerEpoch as number) : null;
  } catch {
    return null;
  }
}
