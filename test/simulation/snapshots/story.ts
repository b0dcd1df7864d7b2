/**
 * Snapshots of a simulated broker that is at work, and brokers that begin with them: writers, groups, transactions, the cleaner, retention,
 * topics that come and go, on both sides, until the machine loses its power or its process.
 *
 *   what is owed       was acknowledged when the snapshot was asked for
 *   what may be there  lay in the logs in the turn of the event loop in which the snapshot makes its first directory
 */
import { type Broker, OptionError } from '../../../broker/index.ts';
import { checkSource, fork } from '../../../broker/snapshots/fork.ts';
import { SnapshotFailed } from '../../../broker/snapshots/take-snapshot.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { offsetCommit } from '../../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { TransactionWorkload } from '../transactions.ts';
import { Workload } from '../workload/workload.ts';
import { type SimulatedClient, World } from '../world.ts';
import { bytesIn, type Records, recordsIn, shownBy } from './contents.ts';
import { ForkWorld } from './fork-world.ts';

export type Durability = 'fsync' | 'page-cache';

const config = {
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.num.partitions': 2,
  'log.index.interval.bytes': 200,
  'log.retention.ms': -1,
  'log.initial.task.delay.ms': 1_000,
  'log.retention.check.interval.ms': 2_000,
  'log.segment.delete.delay.ms': 1_000,
  'log.cleaner.backoff.ms': 500,
  'connections.max.idle.ms': -1,
};
/** Of a fork that is only looked at. */
const still = {
  ...config,
  'log.cleaner.enable': false,
  'log.initial.task.delay.ms': 10_000_000,
  'log.retention.check.interval.ms': 10_000_000,
};
const followed = 'followed';
const table = 'table';
const group = 'follower';
/** More than a snapshot copies, so that it has the segment sealed. */
const largeBytes = 100_000;

/** What a snapshot must be, and where it is. */
interface Expected {
  readonly directory: string;
  readonly acknowledged: ReturnType<Workload['acknowledged']>;
  readonly committedOffset: number;
  readonly transactions: (fork: ForkWorld) => TransactionWorkload;
  /** Null: it did not come to that. */
  lying: Map<string, Records> | null;
  isTaken: boolean;
}

export class SnapshotStory {
  readonly world: World;
  readonly #workload: Workload;
  readonly #transactions: TransactionWorkload;
  readonly #durability: Durability;
  readonly #taken: { readonly directory: string; readonly bytes: ReadonlyMap<string, string> }[] = [];
  #client: SimulatedClient | null = null;
  #committedOffset = -1;
  #count = 0;
  /** Some of what was acknowledged is gone, as it may be: nobody goes on from there but new clients. */
  #hasLost = false;

  constructor(seed: number, durability: Durability) {
    this.world = new World(seed, { ...config, 'kompakt.durability': durability });
    this.#workload = new Workload(this.world);
    this.#transactions = new TransactionWorkload(this.world);
    this.#durability = durability;
  }

  async tell(): Promise<void> {
    const { world } = this;
    await this.#start();
    await this.#createTopics(world.broker);
    for (let n = 0; n < 2; n++) {
      await this.#work(world);
      const expected = await this.#snapshot();
      if (expected.isTaken) await this.#branch(expected);
    }
    await this.#endDuringSnapshot();
    await this.#goOnAfter();
  }

  async #start(): Promise<void> {
    if (!(await this.world.start())) throw new Error('it does not start');
  }

  async #createTopics(broker: Broker): Promise<void> {
    const compacted = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0', 'segment.ms': '700' };
    await this.world.clock.until(
      broker.createTopics([
        { topic: followed, partitions: 1 },
        { topic: table, partitions: 1, config: { ...compacted, 'internal.segment.bytes': '800' } },
      ]),
    );
  }

  /** A while of everything. */
  async #work(side: World | ForkWorld): Promise<void> {
    const { random } = this.world;
    for (let n = 0; n < 4; n++) {
      if (side === this.world && !this.#hasLost) {
        await this.#live(8);
        await this.#transactions.step();
      }
      await this.#follow(side, random.chance(0.1) ? largeBytes * 3 : 10);
      for (let key = 0; key < 3; key++) await this.#send(side, table, `k${key}`, random.below(200));
    }
  }

  async #live(steps: number): Promise<void> {
    await this.#workload.live(steps);
    await this.#workload.rest();
  }

  /** A record, and then its offset as that of a consumer which has read it. */
  async #follow(side: World | ForkWorld, bytes: number): Promise<void> {
    const offset = await this.#send(side, followed, 'f', bytes);
    if (offset === null || side !== this.world) return;
    const client = this.#own();
    const partitions = [{ partitionIndex: 0, committedOffset: offset + 1, committedMetadata: '' }];
    await client.request(findCoordinator, 3, { key: group, keyType: 0 });
    const topics = [{ name: followed, partitions }];
    const answer = await client.request(offsetCommit, 5, { groupId: group, memberId: '', topics });
    if (answer?.topics[0]?.partitions[0]?.errorCode === 0) this.#committedOffset = offset + 1;
  }

  async #send(side: World | ForkWorld, topic: string, key: string, bytes: number): Promise<number | null> {
    const client = side === this.world ? this.#own() : side.connect();
    const text = `${side === this.world ? 'original' : 'fork'} ${this.#count++} ${'.'.repeat(bytes)}`;
    const record = { timestampMs: this.world.clock.nowMs(), key: Buffer.from(key), value: Buffer.from(text) };
    const topicData = [
      { name: topic, partitionData: [{ index: 0, records: buildBatch({ records: [record] }) }] },
    ];
    const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
    const found = answer?.responses[0]?.partitionResponses[0];
    return found?.errorCode === 0 ? found.baseOffset : null;
  }

  #own(): SimulatedClient {
    if (this.#client === null || this.#client.isClosed) this.#client = this.world.connect('own');
    return this.#client;
  }

  /** Takes one, often while all goes on, and between the records of a transaction and its end. */
  async #snapshot(): Promise<Expected> {
    const { world } = this;
    const { random, weather } = world;
    weather.become(random.pick(['fine', 'slow', 'full']));
    const links = world.files.fail('link').with('EACCES');
    if (random.chance(0.7)) links.stop();
    let expected: Expected | null = null;
    const take = async (): Promise<void> => {
      expected ??= await this.#take(random.chance(0.5));
    };
    if (random.chance(0.5)) await this.#transactions.step(take);
    await take();
    links.stop();
    weather.clear();
    return expected!;
  }

  async #take(isAlone: boolean): Promise<Expected> {
    const { world } = this;
    const { files, clock } = world;
    const expected = this.#expect(`/snapshots/${this.#count++}`);
    const taken = world.broker.snapshot(expected.directory).then(
      () => {
        expected.isTaken = true;
      },
      (error: unknown) => {
        if (!(error instanceof SnapshotFailed)) throw error;
      },
    );
    if (!isAlone) await this.#live(5);
    await clock.until(taken);
    if (!expected.isTaken && files.statSync(expected.directory) !== null)
      throw new Error(`${expected.directory} is not whole, and still there`);
    if (expected.isTaken)
      this.#taken.push({ directory: expected.directory, bytes: this.#bytes(expected.directory) });
    return expected;
  }

  #expect(directory: string): Expected {
    const { files } = this.world;
    const expected: Expected = {
      directory,
      acknowledged: this.#workload.acknowledged(),
      committedOffset: this.#committedOffset,
      transactions: this.#transactionsNow(),
      lying: null,
      isTaken: false,
    };
    const make = files.makeDirectorySync.bind(files);
    files.makeDirectorySync = (path) => {
      if (path === directory) expected.lying ??= recordsIn(files.memory, '/data');
      return make(path);
    };
    return expected;
  }

  #transactionsNow(): (fork: ForkWorld) => TransactionWorkload {
    const asTheyAre = this.#transactions.copyFor(this.world);
    return (fork) => asTheyAre.copyFor(fork);
  }

  #bytes(directory: string): Map<string, string> {
    return bytesIn(this.world.files.memory, directory);
  }

  /** Begins with it, compares, and lets both sides go on. */
  async #branch(expected: Expected): Promise<void> {
    const { world } = this;
    const directory = `/forks/${this.#count++}`;
    fork({ files: world.files, directory: expected.directory }, world.files, directory, true);
    const looked = await ForkWorld.start(world, directory, still);
    await this.#compare(expected, looked);
    await looked.stop();

    const lived = await ForkWorld.start(world, directory, config);
    await expected.transactions(lived).check();
    await this.#work(lived);
    await this.#work(world);
    await world.clock.until(lived.broker.compact(table, { includeActive: true }));
    await this.#expectOwn(world, lived);
    await lived.stop();
    this.#expectUnchanged();
  }

  async #compare(expected: Expected, looked: ForkWorld): Promise<void> {
    const shown = await shownBy(looked.connect());
    for (const { name, offset, value } of expected.acknowledged) {
      const found = shown.get(name);
      if (found === undefined) throw new Error(`${name} is not in the snapshot`);
      if (offset < found.startOffset) continue;
      if (!found.records.get(offset)?.text.endsWith(value))
        throw new Error(`${name} was acknowledged "${value}" at ${offset}, and the snapshot has it not`);
    }
    for (const [name, { startOffset, records }] of shown)
      expectSame(name, records, expected.lying!.get(name) ?? new Map(), startOffset);
    const end = shown.get(`${followed}-0`)!.endOffset;
    const committed = await committedIn(looked);
    if (committed < expected.committedOffset || committed > end)
      throw new Error(
        `${group} is at ${committed}: it was at ${expected.committedOffset}, the log ends at ${end}`,
      );
  }

  /** Nobody has what the other one wrote after they parted. */
  async #expectOwn(world: World, lived: ForkWorld): Promise<void> {
    const texts = async (client: SimulatedClient): Promise<string[]> => {
      const shown = await shownBy(client);
      const records = [followed, table].flatMap((name) => [...shown.get(`${name}-0`)!.records.values()]);
      return records.map(({ text }) => text);
    };
    const original = (await texts(world.connect())).filter((text) => text.includes(' fork '));
    if (original.length > 0) throw new Error(`the original has ${original[0]} of its fork`);
    const ofFork = await texts(lived.connect());
    if (!ofFork.some((text) => text.includes(' fork '))) throw new Error('the fork has nothing of its own');
  }

  #expectUnchanged(): void {
    for (const { directory, bytes } of this.#taken) {
      const now = this.#bytes(directory);
      for (const path of new Set([...bytes.keys(), ...now.keys()]))
        if (bytes.get(path) !== now.get(path)) throw new Error(`${path} of a snapshot has changed`);
    }
  }

  /** The machine, or the process, ends at some operation of the disk while a snapshot is being taken. */
  async #endDuringSnapshot(): Promise<void> {
    const { world } = this;
    const { random, files } = world;
    world.weather.become(random.pick(['fine', 'slow']));
    const expected = this.#expect(`/snapshots/${this.#count++}/inside`);
    files.stopAfter(random.below(600));
    const taken = world.broker.snapshot(expected.directory).then(
      () => {
        expected.isTaken = !files.isStopped;
      },
      () => {},
    );
    await this.#workload.live(10);
    await world.pass(5_000);
    await taken.catch(() => {});
    await this.#workload.rest().catch(() => {});
    this.#transactions.disconnect();
    this.#client?.close();
    const how = random.chance(0.5) ? 'power cut' : 'kill';
    this.#hasLost = how === 'power cut' && this.#durability === 'page-cache';
    await world.end(how);
    await this.#start();
    this.#judgeHalf(expected);
    if (expected.isTaken) {
      this.#taken.push({ directory: expected.directory, bytes: this.#bytes(expected.directory) });
      await this.#branch(expected);
    }
  }

  /** Either it is whole, or `from` says that it is none. */
  #judgeHalf(expected: Expected): void {
    const { files } = this.world;
    try {
      checkSource({ files, directory: expected.directory });
      expected.isTaken = true;
    } catch (error) {
      if (!(error instanceof OptionError) || error.option !== 'from') throw error;
      if (expected.isTaken) throw new Error('a snapshot that was taken is lost', { cause: error });
    }
  }

  /** What was not on the device is lost, and the logs go on: in files that are nobody else's. */
  async #goOnAfter(): Promise<void> {
    this.#expectUnchanged();
    if (!this.#hasLost) await this.#workload.check(null);
    await this.#work(this.world);
    this.#expectUnchanged();
    await this.#workload.rest();
    this.#transactions.disconnect();
    this.#client?.close();
    await this.world.end('stop');
    this.#expectUnchanged();
  }
}

async function committedIn(looked: ForkWorld): Promise<number> {
  const client = looked.connect();
  await client.request(findCoordinator, 3, { key: group, keyType: 0 });
  const topics = [{ name: followed, partitionIndexes: [0] }];
  const answer = await client.request(offsetFetch, 5, { groupId: group, topics });
  return answer!.topics[0]!.partitions[0]!.committedOffset;
}

/** Up to the end of what lay there it is the same; behind it a start may have finished transactions. */
function expectSame(name: string, shown: Records, lying: Records, startOffset: number): void {
  const end = Math.max(-1, ...lying.keys());
  for (const [offset, { text }] of lying)
    if (offset >= startOffset && shown.get(offset)?.text !== text)
      throw new Error(`${name} had "${text}" at ${offset}, and the snapshot "${shown.get(offset)?.text}"`);
  for (const [offset, { text, isControl }] of shown) {
    if (lying.has(offset) || (offset > end && (isControl || name.startsWith('__')))) continue;
    throw new Error(`${name} had nothing at ${offset}, and the snapshot has "${text}"`);
  }
}

export async function tell(seed: number, durability: Durability): Promise<void> {
  const story = new SnapshotStory(seed, durability);
  try {
    await story.tell();
  } catch (error) {
    const { logged, clock } = story.world;
    const told = logged.slice(-15).join('\n');
    const at = clock.monotonicMs();
    throw new Error(`seed ${seed}, ${durability}, at ${at} ms: ${(error as Error).message}\n${told}`, {
      cause: error,
    });
  }
}
