/**
 * What a disk does to a broker while it lives, one kind of weather at a time:
 *
 *   fine      all is well, and quick
 *   slow      syncs, large writes, reads and removals take their time
 *   failing   some operation on some files gives EIO, from then on or once
 *   full      a few bytes more fit; later there is room again
 */
import type { DelayRule, FailRule, FileOperation } from './fault-rules.ts';
import type { FaultyFileSystem } from './faulty-files.ts';
import type { SeededRandom } from './random.ts';

export type Weather = 'fine' | 'slow' | 'failing' | 'full';

const delays: readonly (readonly [FileOperation, number])[] = [
  ['sync', 400],
  ['sync directory', 100],
  ['write', 100],
  ['read', 50],
  ['remove', 50],
];
const failures: readonly FileOperation[] = [
  'write',
  'sync',
  'sync',
  'sync directory',
  'open',
  'rename',
  'truncate',
  'remove',
  'make directory',
];
const patterns = [
  '*',
  '*',
  '*.log',
  '*index',
  '*.snapshot',
  '*checkpoint*',
  '/data/topic-*/*',
  '/data/__*/*',
];
/** With these a broker still reads what it has. */
const harmlessToReaders: ReadonlySet<FileOperation> = new Set(['write', 'sync', 'sync directory', 'remove']);

export class DiskWeather {
  readonly #files: FaultyFileSystem;
  readonly #random: SeededRandom;
  #rules: (DelayRule | FailRule)[] = [];
  #now: Weather = 'fine';
  /** All kinds that there were in this life. */
  readonly seen = new Set<Weather>();
  /** Whether what failed so far leaves readers alone. */
  sparesReaders = true;

  constructor(files: FaultyFileSystem, random: SeededRandom) {
    this.#files = files;
    this.#random = random;
  }

  /** Nothing has failed for good in this life, and now there is room: whatever is refused is refused without a reason. */
  get isForgiving(): boolean {
    return !this.seen.has('failing') && this.#now !== 'full' && !this.#files.isStopped;
  }

  become(weather: Weather): void {
    this.clear();
    this.#now = weather;
    this.seen.add(weather);
    if (weather === 'slow') this.#beSlow();
    else if (weather === 'failing') this.#fail();
    else if (weather === 'full') this.#files.limitSpace(this.#random.below(4_000));
  }

  clear(): void {
    for (const rule of this.#rules) rule.stop();
    this.#rules = [];
    this.#now = 'fine';
    this.#files.limitSpace(Number.POSITIVE_INFINITY);
  }

  #beSlow(): void {
    for (const [operation, most] of delays) {
      if (this.#random.chance(0.3)) continue;
      const mostMs = this.#random.pick([most / 20, most]);
      this.#rules.push(this.#files.delay(operation, () => this.#random.below(mostMs)));
    }
  }

  #fail(): void {
    const operation = this.#random.pick(failures);
    if (!harmlessToReaders.has(operation)) this.sparesReaders = false;
    const rule = this.#files.fail(operation).on(this.#random.pick(patterns)).after(this.#random.below(8));
    rule.times(this.#random.pick([1, 3, Number.POSITIVE_INFINITY]));
    if (operation === 'write') rule.short(this.#random.pick([0, 1, 30, 200]));
    this.#rules.push(rule);
  }
}
