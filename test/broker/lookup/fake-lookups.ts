/** The key/value store as a list of records in memory, for what stands on `Lookups`; it counts what runs, and may be told to wait or refuse. */
import {
  type Change,
  type ChangesOptions,
  type GetOptions,
  type History,
  type HistoryOptions,
  type KeyAnswer,
  type KeyRecord,
  type LiveRecord,
  LookupRefused,
  type Page,
  type PageOptions,
  type ServedLookups,
  type TableStatus,
  type WriteOptions,
  type Written,
} from '../../../broker/lookup/lookup.ts';

export const fakeTopicId = 'AAAAAAAAAAAAAAAAAAAAAQ';

export class FakeLookups implements ServedLookups {
  readonly records: KeyRecord[] = [];
  /** What the next calls reject with. */
  failure: Error | null = null;
  /** Gets wait for this. */
  gate: Promise<void> | null = null;
  /** Of one `getMany`. */
  foundMax = Number.POSITIVE_INFINITY;
  readonly seen: { call: string; options: object }[] = [];
  running = 0;
  mostRunning = 0;
  /** Iterators of changes that nobody has ended. */
  openStreams = 0;
  changesGiven = 0;
  readonly #listeners = new Set<() => void>();

  add(key: string | Buffer, value: Buffer | null, fields: Partial<KeyRecord> = {}): KeyRecord {
    const partition = fields.partition ?? 0;
    const record = {
      topic: 'articles',
      topicId: fakeTopicId,
      partition,
      offset: this.records.filter((other) => other.partition === partition).length,
      leaderEpoch: 3,
      timestampMs: 1_790_000_000_000 + this.records.length,
      key: Buffer.from(key),
      value,
      headers: [],
      ...fields,
    };
    this.records.push(record);
    for (const listener of [...this.#listeners]) listener();
    return record;
  }

  get(topic: string, key: Buffer, options: GetOptions = {}): Promise<KeyAnswer> {
    return this.#run('get', topic, options, async () => {
      if (this.gate !== null) await orAborted(this.gate, options.signal);
      return this.#answer(key, options.partition);
    });
  }

  getNow(): null {
    return null;
  }

  getMany(topic: string, keys: readonly Buffer[], options: GetOptions = {}): Promise<KeyAnswer[]> {
    return this.#run('getMany', topic, options, async () => {
      const answers = keys.map((key) => this.#answer(key, options.partition));
      const found = answers.filter(({ kind }) => kind === 'found').length;
      if (found > this.foundMax) throw new LookupRefused({ reason: 'too-large' }, `${found} values`);
      return answers;
    });
  }

  page(topic: string, options: PageOptions = {}): Promise<Page> {
    const { prefix = Buffer.alloc(0), after = '0', limit = 100 } = options;
    return this.#run('page', topic, options, async () => {
      const live = this.#live().filter(({ key }) => key.subarray(0, prefix.length).equals(prefix));
      const end = Number(after) + limit;
      return { records: live.slice(Number(after), end), next: end < live.length ? String(end) : null };
    });
  }

  history(topic: string, key: Buffer, options: HistoryOptions = {}): Promise<History> {
    return this.#run('history', topic, options, async () => ({
      records: this.records.filter((record) => record.key.equals(key)),
      isCut: true,
      completeFrom: [{ partition: 0, offset: 7 }],
    }));
  }

  put(topic: string, key: Buffer, value: Buffer | null, options: WriteOptions = {}): Promise<Written> {
    return this.#run('put', topic, options, async () => {
      const { signal: _, ifMatch: __, ifNoneMatch: ___, ...fields } = options;
      const { topicId, partition, offset, timestampMs } = this.add(Buffer.from(key), value, fields);
      return { topicId, partition, offset, timestampMs };
    });
  }

  async *changes(topic: string, options: ChangesOptions = {}): AsyncGenerator<Change> {
    this.openStreams += 1;
    try {
      await this.#run('changes', topic, options, async () => {});
      for (const record of options.after === undefined ? this.#live() : []) yield this.#change(record, true);
      let at = this.records.length;
      yield { kind: 'live', position: `${at}` };
      for (; ; at++) {
        while (at === this.records.length) await this.#added(options.signal);
        yield this.#change(this.records[at]!, false);
      }
    } finally {
      this.openStreams -= 1;
    }
  }

  status(): readonly TableStatus[] {
    const fields = { keys: 5e9, memoryBytes: 6e10, indexedOffset: 7e12, lastStableOffset: 7e12 + 1 };
    return [{ topic: 'articles', partition: 0, isLoading: true, ...fields }];
  }

  async #run<Result>(
    call: string,
    topic: string,
    options: object,
    work: () => Promise<Result>,
  ): Promise<Result> {
    this.seen.push({ call, options });
    if (this.failure !== null) throw this.failure;
    if (topic !== 'articles')
      throw new LookupRefused({ reason: 'unknown-topic' }, `there is no topic ${topic}`);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      return await work();
    } finally {
      this.running -= 1;
    }
  }

  #answer(key: Buffer, partition: number | undefined): KeyAnswer {
    const newest = new Map<number, KeyRecord>();
    for (const record of this.records)
      if (record.key.equals(key) && (partition === undefined || record.partition === partition))
        newest.set(record.partition, record);
    const live = [...newest.values()].filter((record) => record.value !== null) as LiveRecord[];
    if (live.length > 1) return { kind: 'several', records: live };
    if (live.length === 1) return { kind: 'found', record: live[0]! };
    const [deleted] = newest.values();
    return deleted === undefined ? { kind: 'absent' } : { kind: 'deleted', record: deleted };
  }

  #live(): LiveRecord[] {
    const newest = new Map<string, KeyRecord>();
    for (const record of this.records)
      newest.set(`${record.partition} ${record.key.toString('hex')}`, record);
    return this.records.filter(
      (record) => record.value !== null && [...newest.values()].includes(record),
    ) as LiveRecord[];
  }

  #change(record: KeyRecord, isSnapshot: boolean): Change {
    this.changesGiven += 1;
    return { kind: 'record', position: `${record.offset}`, isSnapshot, record };
  }

  async #added(signal: AbortSignal | undefined): Promise<void> {
    let listener = (): void => {};
    const added = new Promise<void>((resolve) => {
      listener = resolve;
    });
    this.#listeners.add(listener);
    try {
      await orAborted(added, signal);
    } finally {
      this.#listeners.delete(listener);
    }
  }
}

async function orAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await Promise.race([
    promise,
    new Promise((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
    ),
  ]);
}
