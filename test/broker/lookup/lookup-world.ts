/** A CleaningWorld with the key/value store in it, on a clock that the test moves. */

import { type Change, type KeyAnswer, type KeyRecord, LookupRefused } from '../../../broker/lookup/lookup.ts';
import { LookupService } from '../../../broker/lookup/lookup-service.ts';
import { TopicTables } from '../../../broker/lookup/topic-tables.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { type CleaningWorld, openCleaningWorld } from '../cleaning/cleaning-world.ts';
import type { World, WorldOptions } from '../world.ts';

export interface LookupWorld extends CleaningWorld {
  readonly lookups: LookupService;
  readonly tables: TopicTables;
  /** A compacted topic; its first partition. */
  table(name?: string, partitionCount?: number, configs?: Record<string, string>): Promise<Partition>;
  /** Lets the clock run until it is done. */
  done<T>(promise: Promise<T>): Promise<T>;
}

export async function openLookupWorld(options: WorldOptions = {}): Promise<LookupWorld> {
  const cleaning = await openCleaningWorld(options);
  const { world, cleaner } = cleaning;
  return { ...cleaning, ...openLookups(world, cleaner), stop: cleaning.stop };
}

function openLookups(world: World, cleaner: CleaningWorld['cleaner']) {
  const { clock, files, random, settings, cluster, partitions, transactions } = world;
  const environment = { clock, files, random };
  const parts = { environment, settings, cluster: cluster.state, partitions, logger: silentLogger };
  const tables = new TopicTables(parts);
  tables.start();
  const lookups = new LookupService({ ...parts, tables, ranges: cleaner.ranges, transactions });
  return {
    tables,
    lookups,
    table: (name = 'articles', partitionCount = 1, configs: Record<string, string> = {}) =>
      world.topic(name, partitionCount, { 'cleanup.policy': 'compact', ...configs }),
    done: <T>(promise: Promise<T>) => clock.until(promise),
  };
}

export const bytes = (text: string): Buffer => Buffer.from(text);

/** "3 shirt=red", a tombstone as "3 shirt!". */
export function told({ offset, key, value }: KeyRecord): string {
  return `${offset} ${key}${value === null ? '!' : `=${value}`}`;
}

/** "found 3 shirt=red", "absent" … */
export function answered(answer: KeyAnswer): string {
  switch (answer.kind) {
    case 'absent':
      return answer.kind;
    case 'several':
      return `several ${answer.records.map((record) => `${record.partition}:${told(record)}`).join(' ')}`;
    default:
      return `${answer.kind} ${told(answer.record)}`;
  }
}

/** The refusal of what was refused, without its message. */
export async function refusalOf(promise: Promise<unknown>): Promise<LookupRefused['refusal']> {
  const outcome = await promise.then(
    () => 'not refused',
    (error: unknown) => error,
  );
  if (outcome instanceof LookupRefused) return outcome.refusal;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}

/** The next so many events of a stream, as text. */
export async function take(
  { done }: Pick<LookupWorld, 'done'>,
  stream: AsyncIterator<Change>,
  count: number,
): Promise<string[]> {
  const events: string[] = [];
  for (let n = 0; n < count; n++) {
    const { value, done: isOver } = await done(stream.next());
    if (isOver) return [...events, 'over'];
    events.push(value.kind === 'live' ? 'live' : `${value.isSnapshot ? 's' : 'c'} ${told(value.record)}`);
  }
  return events;
}
