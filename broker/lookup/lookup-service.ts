/** The key/value store of a broker: each operation checks what it is asked, and lets its own file do it. */

import { MiB } from '../../storage/config/define.ts';
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { CleanedRanges } from '../cleaning/cleaned-ranges.ts';
import type { BrokerSettings } from '../config/settings.ts';
import { type ClusterChange, type ClusterState, configResourceTypes } from '../metadata/cluster-state.ts';
import type { Partition } from '../partitions/partition.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { allOf, answerOf, bytesOf } from './answers.ts';
import { ChangeStream } from './change-stream.ts';
import { checkChanges, checkGet, checkKeys } from './checks.ts';
import { readHistory } from './history.ts';
import { KeyScans } from './key-scan.ts';
import {
  type Change,
  type ChangesOptions,
  type GetOptions,
  type History,
  type HistoryOptions,
  type KeyAnswer,
  LookupRefused,
  type Page,
  type PageOptions,
  type ServedLookups,
  type TableStatus,
  type WriteOptions,
  type Written,
} from './lookup.ts';
import { readPage } from './pages.ts';
import { Past } from './past.ts';
import { type Chosen, Readiness } from './readiness.ts';
import { refuse } from './refuse.ts';
import { Slices, sliceMs } from './slices.ts';
import { StreamTurns } from './stream-turns.ts';
import { TailReader } from './tail-reader.ts';
import type { TopicTables } from './topic-tables.ts';
import { Turns } from './turns.ts';
import { checkWaitMs, Waiting } from './waiting.ts';
import { Writes } from './writes.ts';

/** Keys and values of all answers of a batch, which may ask a thousand times for the largest value. */
export const answersBytesMax = 32 * MiB;
const tooManyBytes = `the answers have more than ${answersBytesMax / MiB} MiB together: ask for fewer keys at a time`;

const noOptions: GetOptions = {};

export interface LookupParts {
  readonly environment: Environment;
  readonly settings: Pick<BrokerSettings, 'kompakt.lookup.streams.max'>;
  readonly cluster: ClusterState;
  readonly partitions: Partitions;
  readonly tables: TopicTables;
  readonly ranges: Pick<CleanedRanges, 'of'>;
  readonly transactions: Pick<TransactionCoordinator, 'list'>;
}

export class LookupService implements ServedLookups {
  readonly #parts: LookupParts;
  readonly #slices: Slices;
  readonly #turns: Turns;
  readonly #waiting: Waiting;
  readonly #readiness: Readiness;
  readonly #scans: KeyScans;
  readonly #past: Past;
  readonly #writes: Writes;
  readonly #tails: TailReader;
  readonly #streamTurns: StreamTurns;
  readonly #streams = new Set<ChangeStream>();
  readonly #forgetCluster: () => void;

  constructor(parts: LookupParts) {
    const { environment, cluster, tables, transactions, ranges } = parts;
    const { clock } = environment;
    this.#parts = parts;
    this.#slices = new Slices(outsideClock(clock));
    this.#turns = new Turns(outsideClock(clock));
    this.#tails = new TailReader(this.#slices);
    this.#streamTurns = new StreamTurns(clock);
    this.#waiting = new Waiting(outsideClock(clock));
    this.#readiness = new Readiness({ cluster, tables, transactions, waiting: this.#waiting });
    this.#scans = new KeyScans(this.#slices, this.#waiting);
    this.#past = new Past(this.#readiness, this.#scans, ranges);
    this.#writes = new Writes(environment, this.#readiness, this.#waiting, this.#slices);
    this.#forgetCluster = cluster.onChange((change) => {
      const topic = changedTopic(change);
      if (topic === null) return;
      // Those who tell logs of their new settings listen to the same change: after them.
      clock.defer(() => {
        for (const stream of this.#streams) stream.topicChanged(topic);
      });
    });
  }

  async get(topic: string, key: Buffer, options: GetOptions = noOptions): Promise<KeyAnswer> {
    const turn = this.#turns.due();
    if (turn !== null) await turn;
    const now = this.getNow(topic, key, options);
    if (now !== null) return now;
    const chosen = await this.#readyFor(topic, [key], options);
    return this.#getOne(chosen, key, options);
  }

  getNow(topic: string, key: Buffer, options: GetOptions = noOptions): KeyAnswer | null {
    checkGet(options);
    this.#waiting.check(options.signal);
    const { minOffset, asOfMs, asOfOffset, partition } = options;
    if (minOffset !== undefined || asOfMs !== undefined || asOfOffset !== undefined) return null;
    const chosen = this.#readiness.choose(topic, partition);
    if (this.#readiness.isBehind(chosen)) return null;
    const answer = this.#getOne(chosen, key, options);
    if (!(answer instanceof Promise)) return answer;
    // Whoever asks again is told.
    answer.catch(() => {});
    return null;
  }

  async getMany(topic: string, keys: readonly Buffer[], options: GetOptions = {}): Promise<KeyAnswer[]> {
    checkGet(options);
    checkKeys(keys, options);
    const turn = this.#turns.due();
    if (turn !== null) await turn;
    const chosen = await this.#readyFor(topic, keys, options);
    const clock = outsideClock(this.#parts.environment.clock);
    const answers: KeyAnswer[] = [];
    let bytes = 0;
    let endMs = clock.monotonicMs() + sliceMs;
    for (const key of keys) {
      // A thousand large batches to be decompressed take seconds.
      if (clock.monotonicMs() >= endMs) {
        await this.#slices.next();
        this.#waiting.check(options.signal);
        endMs = clock.monotonicMs() + sliceMs;
      }
      const asked = this.#getOne(chosen, key, options);
      const answer = asked instanceof Promise ? await asked : asked;
      bytes += bytesOf(answer);
      // One alone is as large as it is.
      if (bytes > answersBytesMax && answers.length > 0) refuse({ reason: 'too-large' }, tooManyBytes);
      answers.push(answer);
    }
    return answers;
  }

  async page(topic: string, options: PageOptions = {}): Promise<Page> {
    checkWaitMs(options.waitMs);
    const within = this.#waiting.remaining(options);
    const turn = this.#turns.due();
    if (turn !== null) await turn;
    const chosen = await this.#ready(topic, options);
    const page = await readPage({
      chosen,
      options,
      readiness: this.#readiness,
      ranges: this.#parts.ranges,
      slices: this.#slices,
      within,
      check: () => this.#waiting.check(options.signal),
    });
    this.#readiness.checkLive(chosen.table);
    return page;
  }

  async history(topic: string, key: Buffer, options: HistoryOptions = {}): Promise<History> {
    checkWaitMs(options.waitMs);
    this.#waiting.check(options.signal);
    const chosen = this.#readiness.choose(topic, options.partition);
    const { ranges } = this.#parts;
    return this.#scans.limited(async () => {
      const history = await readHistory(chosen, key, options, this.#scans, ranges);
      this.#readiness.checkLive(chosen.table);
      return history;
    });
  }

  async put(topic: string, key: Buffer, value: Buffer | null, options: WriteOptions = {}): Promise<Written> {
    checkWaitMs(options.waitMs);
    const written = await this.#writes.put(topic, key, value, options);
    // Not before: writes are made in the order of the calls.
    const turn = this.#turns.due();
    if (turn !== null) await turn;
    return written;
  }

  changes(topic: string, options: ChangesOptions = {}): AsyncIterable<Change> {
    return { [Symbol.asyncIterator]: () => this.#openStream(topic, options) };
  }

  status(): readonly TableStatus[] {
    return this.#parts.tables.status();
  }

  /** Ends every stream and refuses everything that waits. */
  stop(): void {
    const why = new LookupRefused({ reason: 'stopping' }, 'the broker is stopping');
    this.#forgetCluster();
    this.#waiting.stop(why);
    for (const stream of this.#streams) stream.stop(why);
  }

  #getOne(chosen: Chosen, key: Buffer, options: GetOptions): KeyAnswer | Promise<KeyAnswer> {
    const { asOfMs, asOfOffset } = options;
    if (asOfMs !== undefined || asOfOffset !== undefined) return this.#past.get(chosen, key, options);
    const hash = chosen.table.hash(key);
    const newest = allOf(chosen.partitions.map((each) => each.newest(hash)));
    return newest instanceof Promise ? newest.then(answerOf) : answerOf(newest);
  }

  async #readyFor(topic: string, keys: readonly Buffer[], options: GetOptions): Promise<Chosen> {
    const { minOffset, partition } = options;
    this.#waiting.check(options.signal);
    const chosen = this.#readiness.choose(topic, partition);
    if (minOffset !== undefined) {
      const homes = new Set(keys.map((key) => partition ?? this.#readiness.homeOf(topic, key)));
      for (const home of homes)
        await this.#readiness.covers(chosen.table, this.#readiness.tableOf(chosen, home), minOffset, options);
    }
    await this.#readiness.upToDate(chosen, options);
    return chosen;
  }

  async #ready(topic: string, options: PageOptions | ChangesOptions): Promise<Chosen> {
    this.#waiting.check(options.signal);
    const chosen = this.#readiness.choose(topic, options.partition);
    await this.#readiness.upToDate(chosen, options);
    return chosen;
  }

  #openStream(topic: string, options: ChangesOptions): AsyncIterator<Change> {
    let stream: ChangeStream | null = null;
    const open = (): ChangeStream => {
      checkChanges(options);
      this.#waiting.check(options.signal);
      // Whether it is a table, and has the partition.
      const { table } = this.#readiness.choose(topic, options.partition);
      const most = this.#parts.settings['kompakt.lookup.streams.max'];
      if (this.#streams.size >= most) refuse({ reason: 'too-many' }, `${most} change streams are open`);
      const waitMs = options.waitMs ?? Number.POSITIVE_INFINITY;
      const opened = new ChangeStream({
        topic,
        topicId: table.topicId,
        options,
        clock: outsideClock(this.#parts.environment.clock),
        slices: this.#slices,
        tails: this.#tails,
        turns: this.#streamTurns,
        checkTable: () => this.#parts.tables.check(topic, table.topicId),
        partitions: () => this.#partitionsOf(table.topicId, options.partition),
        tables: (signal) => this.#ready(topic, { ...options, waitMs, signal }),
        onEnd: (ended) => this.#streams.delete(ended),
      });
      this.#streams.add(opened);
      return opened;
    };
    return {
      next: async () => (stream ??= open()).next(),
      return: async () => {
        await stream?.return();
        return { done: true, value: undefined };
      },
    };
  }

  /** Of the topic with this id alone. */
  #partitionsOf(topicId: string, chosen: number | undefined): readonly Partition[] {
    const { cluster, partitions } = this.#parts;
    const count = cluster.topicById(topicId)?.partitions.length ?? 0;
    const found: Partition[] = [];
    for (
      let index = chosen ?? 0;
      index < (chosen === undefined ? count : Math.min(count, chosen + 1));
      index++
    ) {
      const partition = partitions.getById(topicId, index);
      if (partition !== undefined) found.push(partition);
    }
    return found;
  }
}

/** The topic that streams of changes have to look at anew. */
function changedTopic(change: ClusterChange): string | null {
  if (change.kind === 'topic-deleted' || change.kind === 'partitions-added') return change.topic.name;
  return change.kind === 'configs' && change.type === configResourceTypes.topic ? change.name : null;
}
