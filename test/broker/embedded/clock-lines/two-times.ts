/**
 * A broker between two clocks, each moved by the test: the virtual one that it lives by, and the one of those who wait outside, which is
 * real time elsewhere. Whatever a clock does not set off when it is moved by days, the other one has to.
 */
import type { BrokerOptions } from '../../../../broker/index.ts';
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { listOffsets } from '../../../../protocol/messages/data/list-offsets.ts';
import { produce } from '../../../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../../../protocol/messages/groups/find-coordinator.ts';
import { forEachBatch, isControl, lastOffset, maxTimestamp } from '../../../../protocol/records/batch.ts';
import { buildBatch, type NewBatch } from '../../../../protocol/records/batch-builder.ts';
import { readRecords } from '../../../../protocol/records/record.ts';
import { FaultyFileSystem } from '../../../simulation/faulty-files.ts';
import { SeededRandom } from '../../../simulation/random.ts';
import { VirtualClock, virtualStartMs } from '../../../simulation/virtual-clock.ts';
import { type Peer, type PeerWorld, peerWorld } from '../../faults/peer.ts';

export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
/** Longer than what the lines are about. */
export const longMs = 2 * hourMs;

/** What is no line's matter does not take its turns while time goes by. */
const seldom = {
  'connections.max.idle.ms': -1,
  'log.cleaner.backoff.ms': minuteMs,
  'log.flush.offset.checkpoint.interval.ms': 20 * dayMs,
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': minuteMs,
};

/** One line of docs/CLOCK.md. */
export type ClockLine = (open: OpenTimes) => Promise<void>;
export type OpenTimes = (config?: BrokerOptions['config'], more?: BrokerOptions) => Promise<TwoTimes>;

export interface FoundRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly isControl: boolean;
  readonly key: string;
}

/** The broker's time. What is due in it has happened only when those outside have had their turns, too. */
class InsideClock extends VirtualClock {
  readonly #outside: VirtualClock;

  constructor(outside: VirtualClock) {
    super(virtualStartMs, outside);
    this.#outside = outside;
  }

  override async settle(): Promise<void> {
    await super.settle();
    await this.#outside.settle();
    await super.settle();
  }
}

export class TwoTimes {
  readonly files: FaultyFileSystem;
  readonly #outside = new VirtualClock();
  readonly #inside = new InsideClock(this.#outside);
  #world!: PeerWorld;
  #peer!: Peer;

  private constructor() {
    this.files = new FaultyFileSystem({ clock: this.#inside });
  }

  static async open(config: BrokerOptions['config'] = {}, more: BrokerOptions = {}): Promise<TwoTimes> {
    const times = new TwoTimes();
    const environment = { clock: times.#inside, files: times.files, random: new SeededRandom(1) };
    times.#world = await peerWorld(
      { dataDir: '/data', config: { ...seldom, ...config }, ...more },
      environment,
    );
    times.#peer = times.peer();
    return times;
  }

  get broker() {
    return this.#world.broker;
  }

  /** Virtual time goes on, real time stands still. */
  advance(ms: number): Promise<void> {
    return this.#inside.advance(ms);
  }

  /** Real time goes on, virtual time stands still. */
  async wait(ms: number): Promise<void> {
    await this.#outside.advance(ms);
    await this.#inside.settle();
  }

  /** The same while something holds the virtual one: a pass of the cleaner. */
  waitWhileHeld(ms: number): Promise<void> {
    return this.#outside.advance(ms);
  }

  settle(): Promise<void> {
    return this.#inside.settle();
  }

  nowMs(): number {
    return this.#inside.nowMs();
  }

  stop(): Promise<void> {
    return this.#world.stop();
  }

  /** A connection. */
  peer(clientId?: string): Peer {
    return this.#world.peer(clientId);
  }

  topic(name: string, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    return this.#world.topic(name, 1, configs);
  }

  /** One record of now; the offset, or the error code as a negative number. "key=value", or "key!" for a tombstone. */
  async send(
    topic: string,
    text = 'k=v',
    more: Partial<NewBatch> & { timestampMs?: number } = {},
  ): Promise<number> {
    const { timestampMs = this.nowMs(), ...batch } = more;
    const [key, value] = text.split(/[=!]/);
    const record = {
      timestampMs,
      key: Buffer.from(key!),
      value: text.endsWith('!') ? null : Buffer.from(value!),
    };
    const records = buildBatch({ ...batch, records: [record] });
    const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
    const answer = await this.#peer.ask(produce, 9, { acks: -1, timeoutMs: 1, topicData });
    const { errorCode, baseOffset } = answer!.responses[0]!.partitionResponses[0]!;
    return errorCode === 0 ? baseOffset : -errorCode;
  }

  /** Where a log begins. */
  async startOffset(topic: string): Promise<number> {
    const partitions = [{ partitionIndex: 0, timestamp: -2 }];
    const answer = await this.#peer.ask(listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions }],
    });
    return answer!.topics[0]!.partitions[0]!.offset;
  }

  /** All that a log holds, markers too. */
  async records(topic: string): Promise<FoundRecord[]> {
    const found: FoundRecord[] = [];
    // An answer has records of one segment.
    for (let from = await this.startOffset(topic), next = from; ; from = next) {
      const bytes = await this.#fetch(topic, from);
      forEachBatch(bytes, 0, bytes.length, (position) => {
        next = lastOffset(bytes, position) + 1;
        for (const { offset, timestamp, key } of readRecords(bytes, position))
          found.push({
            offset,
            timestampMs: timestamp,
            isControl: isControl(bytes, position),
            key: String(key),
          });
      });
      if (next === from) return found;
    }
  }

  async #fetch(topic: string, fetchOffset: number): Promise<Buffer> {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1e6 }];
    const topics = [{ topic, partitions }];
    const answer = await this.#peer.ask(fetch, 12, { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, topics });
    return answer!.responses[0]!.partitions[0]!.records ?? Buffer.alloc(0);
  }

  /** Offsets of the records that a log still has, markers aside. */
  async offsets(topic: string): Promise<number[]> {
    return (await this.records(topic)).filter(({ isControl }) => !isControl).map(({ offset }) => offset);
  }

  /** File names of a partition, or of the data directory. */
  names(directory: string, pattern: RegExp): string[] {
    const path = this.files.join('/data', directory);
    if (this.files.statSync(path) === null) return [];
    return this.files.listSync(path).filter((name) => pattern.test(name));
  }

  /** Of the batch that was written last to a log with one segment, by its directory. */
  lastTimestampMs(directory: string): number {
    const [name] = this.names(directory, /\.log$/);
    const bytes = this.files.memory.readFileSync(`/data/${directory}/${name}`);
    let lastMs = -1;
    forEachBatch(bytes, 0, bytes.length, (position) => {
      lastMs = maxTimestamp(bytes, position);
    });
    return lastMs;
  }

  /** A group or a transactional id has its coordinator with the first who asks. */
  async coordinate(key: string, keyType: 0 | 1): Promise<void> {
    await this.#peer.ask(findCoordinator, 3, { key, keyType });
  }
}
