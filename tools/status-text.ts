/** What a broker is doing, as a person reads it. */
import type { ControlCleaner, ControlStatus } from '../protocol/control/messages.ts';
import { bytes, count, counted, duration, table, time } from './quantities.ts';

export function statusText(now: ControlStatus): string {
  const { dataDirectory, offline, cleaner } = now;
  const data = dataDirectory === '' ? 'in memory' : dataDirectory;
  const rows = [
    ['version', now.version],
    ['process', `${now.pid}, up ${duration(now.uptimeMs)}`],
    ['listening', now.listeners.join(', ')],
    ['http', now.httpUrl === '' ? 'none' : now.httpUrl],
    ['lookups over TCP', now.lookupAddress === '' ? 'none' : now.lookupAddress],
    ['data', `${data}${offline ? ' (offline: the disk has failed, writes are refused)' : ''}`],
    ['cluster', `${now.clusterId}, node ${now.nodeId}`],
    ['topics', `${now.topics}, with ${now.partitions} partitions`],
    ['connections', String(now.connections)],
    ['requests', `${now.requests}, ${now.unforeseenErrors} of them failed unexpectedly`],
    ...cleanerRows(cleaner),
  ];
  return `${table(rows).join('\n')}\n`;
}

function cleanerRows({
  isEnabled,
  threads,
  counts,
  running,
  troubles,
  troubleCount,
  runsIn,
}: ControlCleaner) {
  const state = isEnabled ? `on, ${counted(threads, 'thread')}` : 'off (log.cleaner.enable is false)';
  const where = runsIn === 'process' ? ', on the event loop of the broker' : '';
  const { passes, recordsRemoved, bytesRemoved, discarded, failures } = counts;
  const done = [
    counted(passes, 'pass', 'passes'),
    `${counted(recordsRemoved, 'record')} and ${bytes(bytesRemoved)} removed`,
    ...(discarded > 0 ? [`${count(discarded)} discarded because the log had changed`] : []),
    ...(failures > 0 ? [`${count(failures)} failed`] : []),
  ];
  const rest = troubleCount - troubles.length;
  return [
    ['cleaner', `${state}${where}; ${done.join(', ')}`],
    ...running.map(({ topic, partition, progress }) => [
      'cleaning',
      `${topic}-${partition}: ${howFar(progress)}`,
    ]),
    ...troubles.map(({ topic, partition, why, failures, sinceMs, retryMs }) => [
      'uncleanable',
      `${topic}-${partition}, ${counted(failures, 'failure')} since ${time(sinceMs)}, next try at ${time(retryMs)}: ${why}`,
    ]),
    ...(rest > 0 ? [['uncleanable', `and ${counted(rest, 'more partition')}`]] : []),
  ];
}

function howFar(progress: ControlCleaner['running'][number]['progress']): string {
  if (progress === null) return 'begins, or waits for its turn';
  const { phase, bytesDone, bytesTotal } = progress;
  return `${phase === 'index' ? 'reading keys' : 'rewriting'}, ${bytes(bytesDone)} of ${bytes(bytesTotal)}`;
}
