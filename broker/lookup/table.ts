/** A compacted topic as a program sees it: keys as text, values decoded, the same on this process's broker and on another's. */
import {
  type ChangesOptions,
  type GetOptions,
  type HistoryOptions,
  type KeyAnswer,
  type KeyRecord,
  LookupRefused,
  type Lookups,
  type PageOptions,
  type WriteOptions,
  type Written,
} from './lookup.ts';
import { codecOf, type ValueCodec, type ValueFormat } from './value-codecs.ts';

/** Text counts as UTF-8. */
export type TableKey = string | Uint8Array;

/** A record with its value decoded; `null`: a tombstone. */
export interface TableRecord<Value> extends Omit<KeyRecord, 'key' | 'value'> {
  /** As text; `keyBytes` where it is none. */
  readonly key: string;
  readonly keyBytes: Buffer;
  readonly value: Value;
}

export type TableAnswer<Value> =
  | { readonly kind: 'found'; readonly record: TableRecord<Value> }
  | { readonly kind: 'deleted'; readonly record: TableRecord<null> }
  | { readonly kind: 'absent' }
  | { readonly kind: 'several'; readonly records: readonly TableRecord<Value>[] };

export interface TableHistory<Value> {
  readonly records: readonly TableRecord<Value | null>[];
  readonly isCut: boolean;
  readonly completeFrom: readonly { readonly partition: number; readonly offset: number }[];
}

export type TableChange<Value> =
  | {
      readonly kind: 'record';
      readonly position: string;
      readonly isSnapshot: boolean;
      readonly record: TableRecord<Value | null>;
    }
  | { readonly kind: 'live'; readonly position: string };

/** `limit`: of records in all, not of a page. */
export type ScanOptions = Omit<PageOptions, 'prefix' | 'after'> & { readonly prefix?: TableKey };
export type TableChangesOptions = Omit<ChangesOptions, 'key' | 'prefix'> & {
  readonly key?: TableKey;
  readonly prefix?: TableKey;
};

/** The bytes of a value are not what the table's codec reads. */
export class UnreadableValue extends Error {
  override readonly name = 'UnreadableValue';
  readonly record: KeyRecord;

  constructor(record: KeyRecord, cause: unknown) {
    const { topic, partition, offset } = record;
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`the value at offset ${offset} of ${topic}-${partition} cannot be read: ${why}`, { cause });
    this.record = record;
  }
}

/** What stands behind a table: this process's broker, or another's. */
export type TableSource = Omit<Lookups, 'status'>;

/** As many keys as `Lookups.getMany` takes. */
const keysAtOnce = 1_000;
const pageRecords = 1_000;

export class Table<Value> {
  readonly topic: string;
  readonly #source: TableSource;
  readonly #codec: ValueCodec<Value>;

  constructor(source: TableSource, topic: string, format: ValueFormat<Value> = 'json') {
    this.topic = topic;
    this.#source = source;
    this.#codec = codecOf(format);
  }

  /** The value; undefined where there is none. Rejects where the key lives in several partitions and none is chosen. */
  async get(key: TableKey, options?: GetOptions): Promise<Value | undefined> {
    return this.#valueOf(await this.#source.get(this.topic, bytesOf(key), options), key);
  }

  /** The same with its record. */
  async getRecord(key: TableKey, options?: GetOptions): Promise<TableRecord<Value> | undefined> {
    const answer = await this.#source.get(this.topic, bytesOf(key), options);
    if (answer.kind === 'several') throw this.#several(answer.records, key);
    return answer.kind === 'found' ? this.#recordOf(answer.record, answer.record.value) : undefined;
  }

  /** All that is known: "deleted at offset n" and "never there" are two answers. */
  async lookup(key: TableKey, options?: GetOptions): Promise<TableAnswer<Value>> {
    const answer = await this.#source.get(this.topic, bytesOf(key), options);
    switch (answer.kind) {
      case 'found':
        return { kind: 'found', record: this.#recordOf(answer.record, answer.record.value) };
      case 'deleted':
        return { kind: 'deleted', record: this.#recordOf(answer.record, null) };
      case 'several':
        return {
          kind: 'several',
          records: answer.records.map((record) => this.#recordOf(record, record.value)),
        };
      default:
        return answer;
    }
  }

  /** Any number of them; in their order. */
  async getMany(keys: Iterable<TableKey>, options?: GetOptions): Promise<(Value | undefined)[]> {
    const all = [...keys];
    const values: (Value | undefined)[] = [];
    for (let from = 0; from < all.length; from += keysAtOnce) {
      const some = all.slice(from, from + keysAtOnce);
      const answers = await this.#answersTo(some.map(bytesOf), options);
      for (const [i, answer] of answers.entries()) values.push(this.#valueOf(answer, some[i]!));
    }
    return values;
  }

  /** In as many questions as it takes, where the answers to all are too much for one. */
  async #answersTo(keys: readonly Buffer[], options: GetOptions | undefined): Promise<KeyAnswer[]> {
    try {
      return await this.#source.getMany(this.topic, keys, options);
    } catch (error) {
      const isTooLarge = error instanceof LookupRefused && error.refusal.reason === 'too-large';
      if (!isTooLarge || keys.length < 2) throw error;
      const half = keys.length >> 1;
      const first = await this.#answersTo(keys.slice(0, half), options);
      return [...first, ...(await this.#answersTo(keys.slice(half), options))];
    }
  }

  put(key: TableKey, value: Value, options?: WriteOptions): Promise<Written> {
    // What cannot be encoded rejects as well.
    return new Promise((resolve) => {
      const bytes = viewOf(this.#codec.encode(value));
      resolve(this.#source.put(this.topic, bytesOf(key), bytes, options));
    });
  }

  /** Writes a tombstone, whether the key lives or not. */
  delete(key: TableKey, options?: WriteOptions): Promise<Written> {
    return this.#source.put(this.topic, bytesOf(key), null, options);
  }

  /** The latest values, by partition and offset; see `Page` about what is written meanwhile. */
  async *scan(options: ScanOptions = {}): AsyncGenerator<TableRecord<Value>> {
    const { prefix, limit = Number.POSITIVE_INFINITY, ...rest } = options;
    const given = { ...rest, ...(prefix === undefined ? {} : { prefix: bytesOf(prefix) }) };
    let left = limit;
    for (let after: string | null | undefined; after !== null && left > 0; ) {
      const page = await this.#source.page(this.topic, {
        ...given,
        limit: Math.min(left, pageRecords),
        ...(after === undefined ? {} : { after }),
      });
      for (const record of page.records) yield this.#recordOf(record, record.value);
      left -= page.records.length;
      after = page.next;
    }
  }

  /** What the log still has of the key, oldest first. */
  async history(key: TableKey, options?: HistoryOptions): Promise<TableHistory<Value>> {
    const { records, ...rest } = await this.#source.history(this.topic, bytesOf(key), options);
    return { records: records.map((record) => this.#recordOrTombstone(record)), ...rest };
  }

  /** A snapshot first, then every change, until the reader stops; or what came `after` a position. */
  async *changes(options: TableChangesOptions = {}): AsyncGenerator<TableChange<Value>> {
    const { key, prefix, ...rest } = options;
    const given = {
      ...rest,
      ...(key === undefined ? {} : { key: bytesOf(key) }),
      ...(prefix === undefined ? {} : { prefix: bytesOf(prefix) }),
    };
    for await (const change of this.#source.changes(this.topic, given)) {
      if (change.kind === 'live') yield change;
      else yield { ...change, record: this.#recordOrTombstone(change.record) };
    }
  }

  #valueOf(answer: KeyAnswer, key: TableKey): Value | undefined {
    if (answer.kind === 'found') return this.#decode(answer.record, answer.record.value);
    if (answer.kind === 'several') throw this.#several(answer.records, key);
    return undefined;
  }

  #several(records: Extract<KeyAnswer, { kind: 'several' }>['records'], key: TableKey): LookupRefused {
    const where = records.map(({ partition }) => partition).join(', ');
    const name = Buffer.from(key).toString();
    return new LookupRefused(
      { reason: 'several', records },
      `the key ${name} lives in partitions ${where} of ${this.topic}: choose one`,
    );
  }

  #recordOrTombstone(record: KeyRecord): TableRecord<Value | null> {
    return record.value === null ? this.#recordOf(record, null) : this.#recordOf(record, record.value);
  }

  #recordOf(record: KeyRecord, value: null): TableRecord<null>;
  #recordOf(record: KeyRecord, value: Buffer): TableRecord<Value>;
  #recordOf(record: KeyRecord, value: Buffer | null): TableRecord<Value | null> {
    const decoded = value === null ? null : this.#decode(record, value);
    return { ...record, key: record.key.toString(), keyBytes: record.key, value: decoded };
  }

  #decode(record: KeyRecord, value: Buffer): Value {
    try {
      return this.#codec.decode(value);
    } catch (error) {
      throw new UnreadableValue(record, error);
    }
  }
}

export function bytesOf(key: TableKey): Buffer {
  return typeof key === 'string' ? Buffer.from(key) : viewOf(key);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
