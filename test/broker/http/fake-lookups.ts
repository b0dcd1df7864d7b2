/**
 * A store in memory, of one topic with a few partitions: as simple as a store can be that answers everything that HTTP asks, so that
 * what is tested is HTTP. It refuses what it is told to, and keeps what it was asked.
 */
import {
  type Change,
  type ChangesOptions,
  etagOf,
  type GetOptions,
  type History,
  type HistoryOptions,
  type KeyAnswer,
  type KeyRecord,
  type LiveRecord,
  type LookupRefusal,
  LookupRefused,
  type Page,
  type PageOptions,
  type RecordHeader,
  type ServedLookups,
  type TableStatus,
  type WriteOptions,
  type Written,
} from '../../../broker/lookup/lookup.ts';

export const topicId = 'iXD0C1SVTc6nKEYEW8Wn0w';

export class FakeLookups implements ServedLookups {
  readonly log: KeyRecord[] = [];
  readonly asked: object[] = [];
  refusal: LookupRefused | null = null;
  /** Its table has caught up. */
  answersNow = false;
  answeredNow = 0;
  /** Instead of this store's own. */
  changesOf: ((options: ChangesOptions) => AsyncIterable<Change>) | null = null;

  add(
    key: string | Buffer,
    value: string | Buffer | null,
    { partition = 0, headers = [] as readonly RecordHeader[], timestampMs = 1_700_000_000_000 } = {},
  ): KeyRecord {
    const offset = this.log.filter((record) => record.partition === partition).length;
    const record = {
      topic: 'articles',
      topicId,
      partition,
      offset,
      leaderEpoch: 0,
      timestampMs,
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers,
    };
    this.log.push(record);
    return record;
  }

  refuse(refusal: LookupRefusal, message = 'refused'): void {
    this.refusal = new LookupRefused(refusal, message);
  }

  async get(topic: string, key: Buffer, options: GetOptions = {}): Promise<KeyAnswer> {
    return this.#answer(topic, key, options);
  }

  getNow(topic: string, key: Buffer, options: GetOptions = {}): KeyAnswer | null {
    if (!this.answersNow) return null;
    const answer = this.#answer(topic, key, options);
    this.answeredNow++;
    return answer;
  }

  #answer(topic: string, key: Buffer, options: GetOptions): KeyAnswer {
    this.#ask(topic, { key, ...options });
    const { partition, asOfOffset = Number.MAX_SAFE_INTEGER } = options;
    const newest = this.#newest(
      (record) =>
        record.key.equals(key) &&
        record.offset <= asOfOffset &&
        (partition === undefined || record.partition === partition),
    );
    const live = newest.filter(isLive);
    if (live.length > 1) return { kind: 'several', records: live };
    if (live.length === 1) return { kind: 'found', record: live[0]! };
    return newest.length > 0 ? { kind: 'deleted', record: newest[0]! } : { kind: 'absent' };
  }

  getMany(topic: string, keys: readonly Buffer[], options: GetOptions = {}): Promise<KeyAnswer[]> {
    return Promise.all(keys.map((key) => this.get(topic, key, options)));
  }

  async page(topic: string, options: PageOptions = {}): Promise<Page> {
    this.#ask(topic, options);
    const { prefix = Buffer.alloc(0), after, limit = 100 } = options;
    const start = after === undefined ? 0 : Number(after);
    const live = this.#newest(({ key }) => key.subarray(0, prefix.length).equals(prefix)).filter(isLive);
    const end = start + limit;
    return { records: live.slice(start, end), next: end < live.length ? `${end}` : null };
  }

  async history(topic: string, key: Buffer, options: HistoryOptions = {}): Promise<History> {
    this.#ask(topic, { key, ...options });
    const { limit = 100 } = options;
    const all = this.log.filter((record) => record.key.equals(key));
    const completeFrom = [{ partition: 0, offset: 0 }];
    return { records: all.slice(-limit), isCut: all.length > limit, completeFrom };
  }

  async put(topic: string, key: Buffer, value: Buffer | null, options: WriteOptions = {}): Promise<Written> {
    this.#ask(topic, { key, value, ...options });
    const { partition = 0, ifMatch, ifNoneMatch, headers = [], timestampMs } = options;
    const newest = this.#newest((record) => record.key.equals(key) && record.partition === partition)[0];
    const isAlive = newest !== undefined && newest.value !== null;
    const isWanted =
      ifMatch === undefined ||
      (ifMatch === '*'
        ? isAlive
        : ifMatch.some((id) => newest !== undefined && etagOf(id) === etagOf(newest)));
    if (!isWanted || (ifNoneMatch === '*' && isAlive)) {
      const refusal = { reason: 'precondition', current: newest ?? null } as const;
      throw new LookupRefused(refusal, 'another record is the newest');
    }
    return this.add(key, value, {
      partition,
      headers,
      ...(timestampMs === undefined ? {} : { timestampMs }),
    });
  }

  async *changes(topic: string, options: ChangesOptions = {}): AsyncGenerator<Change> {
    this.#ask(topic, options);
    if (this.changesOf !== null) {
      yield* this.changesOf(options);
      return;
    }
    for (const record of this.#newest(() => true))
      yield { kind: 'record', position: `${record.offset}`, isSnapshot: true, record };
    yield { kind: 'live', position: 'live' };
    await new Promise((resolve) => options.signal?.addEventListener('abort', resolve));
  }

  status(): readonly TableStatus[] {
    const sizes = { keys: this.log.length, memoryBytes: 1000, indexedOffset: 5, lastStableOffset: 5 };
    return [{ topic: 'articles', partition: 0, isLoading: false, ...sizes }];
  }

  #ask(topic: string, what: object): void {
    this.asked.push(what);
    if (this.refusal !== null) throw this.refusal;
    if (topic !== 'articles')
      throw new LookupRefused({ reason: 'unknown-topic' }, `there is no topic ${topic}`);
  }

  /** By partition and key. */
  #newest(matches: (record: KeyRecord) => boolean): KeyRecord[] {
    const newest = new Map<string, KeyRecord>();
    for (const record of this.log)
      if (matches(record)) newest.set(`${record.partition} ${record.key.toString('hex')}`, record);
    return [...newest.values()];
  }
}

function isLive(record: KeyRecord): record is LiveRecord {
  return record.value !== null;
}
