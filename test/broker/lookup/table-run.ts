import assert from 'node:assert/strict';
import { KeyHasher } from '../../../broker/lookup/key-map-hash.ts';
import type { KeyRecord } from '../../../broker/lookup/lookup.ts';
import { PartitionTable } from '../../../broker/lookup/partition-table.ts';
import { topicDeleted } from '../../../broker/lookup/refuse.ts';
import { Slices } from '../../../broker/lookup/slices.ts';
import { keyTableFile, storedSeed } from '../../../broker/lookup/table-checkpoint.ts';
import { TableMemory } from '../../../broker/lookup/table-memory.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { Partition } from '../../../broker/partitions/partition.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import type { TopicSettings } from '../../../storage/config/topic-settings.ts';
import type { Log } from '../../../storage/log/log.ts';
import { CompactedLog } from '../../compaction/compacted-log.ts';
import { rawBatches } from '../../compaction/consumer.ts';
import { allCodecs, History, type WrittenRecord } from '../../compaction/history.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import type { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { directory, openLog } from '../../storage/log/log-fixture.ts';

export interface TableRunOptions {
  readonly keys?: number;
  /** By how many bits of its hash a key is known. */
  readonly hashBits?: number;
  readonly settings?: Partial<TopicSettings>;
}

/** A compacted log with its table, in one process after the other, and what must be in the table by all that was written. */
export class TableRun {
  readonly clock = new VirtualClock();
  files = new FaultyFileSystem({ clock: this.clock });
  readonly random: SeededRandom;
  readonly history: History;
  log!: Log;
  compacted!: CompactedLog;
  table!: PartitionTable;
  readonly #options: TableRunOptions;
  /** Stored tables that counted. */
  storedUsed = 0;
  readonly #seed: Buffer;
  /** Of `table`. */
  #hasher!: KeyHasher;
  #keptStart = 0;

  constructor(random: SeededRandom, options: TableRunOptions = {}) {
    this.random = random;
    this.#options = options;
    this.#seed = random.bytes(16);
    const { keys = random.pick([2, 6, 40]) } = options;
    const codecs = random.chance(0.5) ? [0] : allCodecs;
    this.history = new History(random, this.clock, { keys, codecs, hasNullKeys: random.chance(0.3) });
    this.openLog(false);
    this.#openTable(false);
  }

  openLog(cleanShutdown: boolean): void {
    const { clock, files, random } = this;
    const checkpoint = this.compacted?.checkpoint ?? null;
    this.log = openLog(
      { clock, files, random },
      {
        settings: {
          'cleanup.policy': ['compact'],
          'internal.segment.bytes': 1_000,
          'index.interval.bytes': 300,
          'delete.retention.ms': 1_000,
          ...this.#options.settings,
        },
        cleanShutdown,
        logStartOffset: this.#keptStart,
        keepStartOffset: async () => {
          this.#keptStart = this.log.logStartOffset;
          return true;
        },
      },
    );
    this.compacted = new CompactedLog({ clock, files, random }, this.log, checkpoint);
  }

  #openTable(trustsStored: boolean): void {
    const stored = trustsStored ? storedSeed(this.files, this.log) : null;
    this.#hasher = new KeyHasher(stored ?? this.#seed);
    this.table = this.#newTable(this.#hasher, trustsStored);
  }

  #newTable(hasher: KeyHasher, trustsStored: boolean): PartitionTable {
    const { clock, files, random, log } = this;
    const partition = new Partition(log, log.topic, log.topicId, log.partition, 0);
    return new PartitionTable(partition, {
      hasher,
      environment: { clock, files, random },
      slices: new Slices(clock),
      memory: new TableMemory(() => Number.POSITIVE_INFINITY),
      logger: { ...silentLogger, debug: () => void this.storedUsed++ },
      trustsStored,
      ...(this.#options.hashBits === undefined ? {} : { hashBits: this.#options.hashBits }),
    });
  }

  async write(batches: number): Promise<void> {
    for (let n = 0; n < batches; n++) await this.history.step(this.log);
  }

  async clean(): Promise<void> {
    // A tombstone stays for one pass and a second at least.
    for (let passes = 1 + this.random.below(3); passes > 0; passes--) {
      await this.log.roll();
      await this.clock.advance(this.random.below(2_500));
      await this.clock.until(this.compacted.pass({ nowMs: this.clock.nowMs() }));
      if (passes > 1) await this.write(1);
    }
  }

  async deleteRecords(): Promise<void> {
    const { log } = this;
    const range = log.highWatermark - log.logStartOffset;
    await this.clock.until(log.deleteRecordsBefore(log.logStartOffset + this.random.below(range + 1)));
    if (this.random.chance(0.5)) await this.clock.until(log.applyRetention(this.clock.nowMs()));
  }

  async truncate(): Promise<void> {
    const { log, random } = this;
    const first = Math.max(log.logStartOffset, log.segments()[0]?.baseOffset ?? 0);
    const bounds = rawBatches(log).map((bytes) => Number(bytes.readBigInt64BE(0)));
    const target = random.pick(bounds.filter((offset) => offset >= first).concat(log.endOffset));
    const left = this.dataInLog();
    this.history.keepOnly((offset) => left.has(offset));
    await this.clock.until(log.truncateTo(target));
    this.history.forgetFrom(log);
  }

  /** The next process; `betweenTimes`: somebody else had the log, without a table. */
  async restart(betweenTimes?: () => Promise<void>, spoil?: () => void): Promise<void> {
    await this.clock.until(this.table.close());
    await this.clock.until(this.log.close());
    if (betweenTimes) {
      this.openLog(true);
      this.history.forgetFrom(this.log);
      await betweenTimes();
      await this.clock.until(this.log.close());
    }
    spoil?.();
    this.openLog(true);
    this.history.forgetFrom(this.log);
    this.#openTable(true);
  }

  async crash(): Promise<void> {
    this.files = this.files.afterKill();
    this.openLog(false);
    this.history.forgetFrom(this.log);
    this.#openTable(false);
  }

  get storedPath(): string {
    return this.files.join(directory, keyTableFile);
  }

  /** Changes a byte of the stored table, cuts it, or takes it away. */
  spoil(): void {
    const { files, random, storedPath } = this;
    if (files.statSync(storedPath) === null) return;
    const file = files.openSync(storedPath, 'update');
    const at = random.below(file.size);
    const byte = Buffer.alloc(1);
    file.readSync(byte, 0, 1, at);
    const way = random.below(3);
    if (way === 0) file.writeSync([Buffer.from([byte[0]! ^ (1 << random.below(8))])], at);
    if (way === 1) file.truncateSync(at);
    file.close();
    if (way === 2) files.removeFileSync(storedPath);
  }

  /** Offsets of all records, markers included. */
  offsetsInLog(): number[] {
    return rawBatches(this.log).flatMap((bytes) => readRecords(bytes, 0).map(({ offset }) => offset));
  }

  dataInLog(): Set<number> {
    return new Set(this.offsetsInLog().filter((offset) => this.history.records.has(offset)));
  }

  /** The table answers what all that was written says, and is as one that has just been made. */
  async check(): Promise<void> {
    const { clock, log, table } = this;
    await clock.settle();
    assert.equal(table.isLoading, false);
    assert.equal(table.indexedOffset, log.lastStableOffset);
    const freshHasher = new KeyHasher(this.random.bytes(16));
    const fresh = this.#newTable(freshHasher, false);
    await clock.settle();
    const left = this.dataInLog();
    const decided = newestByKey(this.history.records.values(), log, log.lastStableOffset, false);
    const pending = newestByKey(this.history.records.values(), log, log.endOffset, true);
    for (const key of keysOf(this.history)) {
      for (const [name, each] of Object.entries({ table, fresh })) {
        const hash = (each === table ? this.#hasher : freshHasher).hash(Buffer.from(key));
        const newest = await clock.until(Promise.resolve(each.newest(hash)));
        assert.deepEqual(told(newest), wanted(decided.get(key), left), `${key} in the ${name}`);
        const latest = await clock.until(Promise.resolve(each.newestPending(hash)));
        assert.deepEqual(told(latest), wanted(pending.get(key), left), `${key} at the end in the ${name}`);
      }
    }
    if (this.#options.hashBits === undefined) assert.equal(table.status.keys, fresh.status.keys);
    fresh.drop(topicDeleted(log.topic));
  }
}

function keysOf(history: History): Set<string> {
  const keys = [...history.records.values()].map(({ key }) => key);
  return new Set([...keys.filter((key) => key !== null), 'never written']);
}

function newestByKey(
  records: Iterable<WrittenRecord>,
  log: Log,
  upTo: number,
  withOpen: boolean,
): Map<string, WrittenRecord> {
  const newest = new Map<string, WrittenRecord>();
  for (const record of records) {
    const { offset, key, transaction } = record;
    if (key === null || offset < log.logStartOffset || offset >= upTo) continue;
    if (transaction !== null && !(transaction.markerOffset < 0 ? withOpen : transaction.isCommitted))
      continue;
    if (offset > (newest.get(key)?.offset ?? -1)) newest.set(key, record);
  }
  return newest;
}

function wanted(record: WrittenRecord | undefined, left: ReadonlySet<number>) {
  // A tombstone that the cleaner has taken is no answer any more.
  if (record === undefined || (record.value === null && !left.has(record.offset))) return null;
  const { offset, key, value, timestampMs, headers } = record;
  return { offset, key, value, timestampMs, headers };
}

function told(record: KeyRecord | null) {
  if (record === null) return null;
  const { offset, key, value, timestampMs, headers } = record;
  return {
    offset,
    key: key.toString(),
    value: value?.toString() ?? null,
    timestampMs,
    headers: headers.map((header) => [header.name, header.value?.toString() ?? null]),
  };
}
