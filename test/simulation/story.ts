/**
 * The story of one simulated world: several lives of a broker, each ended at some operation of the disk or between two requests, with
 * starts that the disk makes hard or that are cut short themselves; what is owed is compared at every good start.
 */
import type { Loss, PartitionHistory } from './workload/topics.ts';
import { Workload } from './workload/workload.ts';
import { type End, World } from './world.ts';

export type Durability = 'fsync' | 'page-cache' | 'interval';

const intervalMs = 200;
/** What runs seldom runs often here. */
const config = {
  'kompakt.durability.interval.ms': intervalMs,
  'offsets.topic.num.partitions': 2,
  'log.index.interval.bytes': 200,
  'log.retention.ms': -1,
  'log.initial.task.delay.ms': 1_000,
  'log.retention.check.interval.ms': 2_000,
  'log.flush.offset.checkpoint.interval.ms': 3_000,
  'log.segment.delete.delay.ms': 1_000,
  'metadata.log.max.record.bytes.between.snapshots': 4_000,
  'metadata.max.retention.bytes': 12_000,
};

class Story {
  readonly world: World;
  readonly workload: Workload;
  readonly #durability: Durability;
  readonly #ends: readonly End[];
  /** How the life before this one ended, and in which weather it was lived. */
  #how: End = 'stop';
  #wasFine = true;
  #bornMs = 0;

  constructor(seed: number, durability: Durability, ends: readonly End[]) {
    this.world = new World(seed, { ...config, 'kompakt.durability': durability });
    this.workload = new Workload(this.world);
    this.#durability = durability;
    this.#ends = ends;
  }

  async tell(): Promise<void> {
    const { world, workload } = this;
    const { random } = world;
    for (let life = 0; life < 4; life++) {
      if (random.chance(0.15)) await this.#startsBadly();
      await this.#start();
      const { weather } = world;
      this.#how = random.pick(this.#ends);
      if (this.#how !== 'stop' && random.chance(0.6)) world.files.stopAfter(random.below(800));
      await workload.live(60);
      const isUnbroken = !weather.seen.has('failing') && !world.files.isStopped;
      if (isUnbroken && random.chance(0.5)) await workload.expectWritable();
      this.#wasFine = weather.seen.size === 0;
      if (this.#how === 'stop') weather.clear();
      await workload.rest();
      await world.end(this.#how);
    }
    await this.#start();
    await workload.settle();
    await workload.rest();
    await workload.check(null);
    await workload.rest();
    await world.end('stop');
  }

  /** In fine weather a broker starts, and has what it owes. */
  async #start(): Promise<void> {
    if (!(await this.world.start())) throw new Error('it does not start');
    await this.workload.check(this.#loss());
    this.#bornMs = this.world.clock.monotonicMs();
  }

  /** A start that the disk makes hard, or that is cut short itself. */
  async #startsBadly(): Promise<void> {
    const { world } = this;
    const { random } = world;
    const how = random.pick(this.#ends);
    if (random.chance(0.5)) {
      await world.startAndEnd(random.below(150), how === 'stop' ? 'kill' : how);
    } else {
      world.weather.become(random.pick(['slow', 'failing', 'full']));
      if (await world.start()) {
        await world.pass(random.below(5_000));
        await world.end(how);
      }
    }
    if (how === 'power cut') this.#how = how;
    this.#wasFine = false;
  }

  #segmentBases({ name }: PartitionHistory): Set<number> {
    const { files } = this.world;
    const directory = `/data/${name}`;
    const names = files.statSync(directory) === null ? [] : files.listSync(directory);
    return new Set(names.filter((file) => file.endsWith('.log')).map((file) => Number.parseInt(file, 10)));
  }

  #loss(): Loss | null {
    if (this.#how !== 'power cut' || this.#durability === 'fsync') return null;
    const wasLongAgo = (ms: number): boolean => ms + intervalMs < this.world.lastAliveMs;
    const isSyncedByTime = this.#durability === 'interval' && this.#wasFine && wasLongAgo(this.#bornMs);
    return {
      segmentBases: (history) => this.#segmentBases(history),
      mustHave: ({ isSynced, acknowledgedMs }) => isSynced || (isSyncedByTime && wasLongAgo(acknowledgedMs)),
    };
  }
}

/** Throws, with the seed and the latest log lines, when something is not as it should be. */
export async function live(seed: number, durability: Durability, ends: readonly End[]): Promise<void> {
  const story = new Story(seed, durability, ends);
  const { world } = story;
  try {
    await story.tell();
    const unforeseen = world.logged.find(
      (line) => line.includes('unexpectedly') && !line.includes('ECLOSED'),
    );
    if (unforeseen !== undefined) throw new Error(unforeseen);
    if (world.clock.pendingTimers > 0) throw new Error(`${world.clock.pendingTimers} timers are left`);
  } catch (error) {
    const told = world.logged.slice(-15).join('\n');
    const at = world.clock.monotonicMs();
    throw new Error(`seed ${seed}, ${durability}, at ${at} ms: ${(error as Error).message}\n${told}`, {
      cause: error,
    });
  }
}
