/**
 * Puts and deletes: batches of one record, appended as those of any client. Where the partition is not given, the key goes where it
 * lives, else where murmur2 puts it. Both that and what If-Match asks are decided in the append's own turn in its log (AppendOptions):
 * everything that any client has appended before counts, open transactions too, and nothing comes between. Of other partitions of the
 * topic the state at that moment counts.
 */
import { errorName, errors } from '../../protocol/errors.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { AppendOutcome } from '../../storage/log/log-types.ts';
import { allOf, answerOf, isLive } from './answers.ts';
import { hashSeedBytes, type KeyHash, KeyHasher } from './key-map-hash.ts';
import { type KeyRecord, LookupRefused, type RecordId, type WriteOptions, type Written } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import { PendingKeys } from './pending-keys.ts';
import type { Chosen, Readiness } from './readiness.ts';
import { refuse, refuseRequest, topicDeleted } from './refuse.ts';
import type { Slices } from './slices.ts';
import type { Waiting } from './waiting.ts';

/** So many offsets may be missing in a table: what is behind it is read for a write anyway. */
const behindMax = 100;
/** A key that moves to another partition so often while it is being written is written by somebody else all the time. */
const movesMax = 10;

export class Writes {
  readonly #clock: Clock;
  readonly #readiness: Readiness;
  readonly #waiting: Waiting;
  readonly #slices: Slices;
  readonly #hasher: KeyHasher;
  readonly #pending = new WeakMap<PartitionTable, PendingKeys>();

  constructor({ clock, random }: Environment, readiness: Readiness, waiting: Waiting, slices: Slices) {
    this.#clock = clock;
    this.#readiness = readiness;
    this.#waiting = waiting;
    this.#slices = slices;
    this.#hasher = new KeyHasher(random.bytes(hashSeedBytes));
  }

  async put(topic: string, key: Buffer, value: Buffer | null, options: WriteOptions): Promise<Written> {
    checkConditions(options);
    this.#waiting.check(options.signal);
    let chosen = this.#readiness.choose(topic, options.partition);
    const record = batchOf(key, value, options, this.#clock.nowMs());
    const isUnconditional = options.ifMatch === undefined && options.ifNoneMatch === undefined;
    const [only] = chosen.partitions;
    if (isUnconditional && (options.partition !== undefined || this.#readiness.countOf(topic) === 1))
      return this.#written(only!, record, await append(only!, record.batch));
    let target: PartitionTable | null = null;
    for (let moves = 0; moves < movesMax; moves++) {
      if (this.#isOutdated(chosen, options)) chosen = this.#readiness.choose(topic, options.partition);
      const loading = this.#readiness.upToDate(chosen, options, behindMax);
      if (loading) await loading;
      for (const each of chosen.partitions) await this.#pendingOf(each).prepare();
      this.#readiness.checkLive(chosen.table);
      if (this.#isOutdated(chosen, options)) continue;
      const hash = chosen.table.hash(key);
      target ??= this.#likelyTarget(chosen, hash);
      const outcome = await this.#attempt(chosen, target, hash, record, options);
      if ('offset' in outcome) return outcome;
      target = outcome;
    }
    return refuse(
      { reason: 'too-many' },
      `the key moves from partition to partition of ${topic} all the time`,
    );
  }

  /** Most keys have records in one partition only. */
  #likelyTarget(chosen: Chosen, hash: KeyHash): PartitionTable {
    const { partitions, table } = chosen;
    if (partitions.length === 1) return partitions[0]!;
    const known = partitions.filter((each) => each.find(hash) >= 0);
    return known.length === 1
      ? known[0]!
      : this.#readiness.tableOf(chosen, this.#readiness.homeOf(table.topic, hash.key));
  }

  /** Writes to `target`, if the conditions hold and it is the one; else gives the one that is. */
  async #attempt(
    chosen: Chosen,
    target: PartitionTable,
    hash: KeyHash,
    record: NewRecord,
    options: WriteOptions,
  ): Promise<Written | PartitionTable> {
    const found: { target: PartitionTable; verdict: Verdict } = { target, verdict: 'holds' };
    const judge = (newest: Newest): boolean => {
      this.#waiting.check(options.signal);
      // The key may live in a partition that was added since, or has to go there.
      if (this.#isOutdated(chosen, options)) return false;
      found.verdict = verdictOf(newest, options);
      found.target = this.#targetOf(chosen, hash.key, newest, options);
      return found.verdict === 'holds' && found.target === target;
    };
    const outcome = await append(target, record.batch, () => {
      const newest = allOf(chosen.partitions.map((each) => this.#pendingOf(each).newest(hash)));
      return newest instanceof Promise ? newest.then(judge) : judge(newest);
    });
    if (outcome.ok || outcome.errorCode !== errors.operationNotAttempted.code)
      return this.#written(target, record, outcome);
    return found.verdict === 'holds' ? found.target : refuseUnmet(found.verdict.current);
  }

  /** The topic has more partitions by now. */
  #isOutdated({ table, partitions }: Chosen, { partition }: WriteOptions): boolean {
    return partition === undefined && this.#readiness.countOf(table.topic) !== partitions.length;
  }

  /** Where a key goes of which these are the newest records. */
  #targetOf(chosen: Chosen, key: Buffer, newest: Newest, options: WriteOptions): PartitionTable {
    if (options.partition !== undefined) return chosen.partitions[0]!;
    const live = newest.filter((record) => record !== null).filter(isLive);
    if (live.length > 1)
      return refuse(
        { reason: 'several', records: live },
        `the key lives in partitions ${live.map(({ partition }) => partition).join(', ')}: choose one`,
      );
    const index = live[0]?.partition ?? this.#readiness.homeOf(chosen.table.topic, key);
    return this.#readiness.tableOf(chosen, index);
  }

  #pendingOf(table: PartitionTable): PendingKeys {
    const known = this.#pending.get(table);
    if (known) return known;
    const made = new PendingKeys(table, this.#hasher, this.#slices);
    this.#pending.set(table, made);
    return made;
  }

  #written({ log }: PartitionTable, record: NewRecord, outcome: AppendOutcome): Written {
    const { topic, topicId, partition } = log;
    if (!outcome.ok) throw refusalOf(topic, outcome.errorCode, outcome.message);
    const { baseOffset: offset, logAppendTimeMs } = outcome;
    const timestampMs = logAppendTimeMs >= 0 ? logAppendTimeMs : record.timestampMs;
    return { topicId, partition, offset, timestampMs };
  }
}

interface NewRecord {
  readonly batch: Buffer;
  readonly timestampMs: number;
}

/** In each partition, open transactions included; null where it has none. */
type Newest = readonly (KeyRecord | null)[];

type Verdict = 'holds' | { readonly current: RecordId | null };

function verdictOf(newest: Newest, { ifMatch, ifNoneMatch }: WriteOptions): Verdict {
  const answer = answerOf(newest);
  const record = answer.kind === 'found' || answer.kind === 'deleted' ? answer.record : null;
  const lives = answer.kind === 'found';
  const isMatch =
    ifMatch === undefined ||
    (ifMatch === '*' ? lives : record !== null && ifMatch.some((each) => isSameRecord(each, record)));
  if (isMatch && !(ifNoneMatch === '*' && lives)) return 'holds';
  if (record === null) return { current: null };
  const { topicId, partition, offset } = record;
  return { current: { topicId, partition, offset } };
}

function isSameRecord(one: RecordId, other: RecordId): boolean {
  return one.topicId === other.topicId && one.partition === other.partition && one.offset === other.offset;
}

function append(
  { partition }: PartitionTable,
  records: Buffer,
  precondition?: () => boolean | Promise<boolean>,
): AppendOutcome | Promise<AppendOutcome> {
  const options = { origin: 'client', ownsBuffer: true } as const;
  return partition.append(records, precondition ? { ...options, precondition } : options);
}

function refuseUnmet(current: RecordId | null): never {
  const now =
    current === null ? 'it has none' : `it is offset ${current.offset} of partition ${current.partition}`;
  return refuse(
    { reason: 'precondition', current },
    `the newest record of the key is not as expected: ${now}`,
  );
}

/** Kafka's error codes, as far as one record of ours can get them. */
function refusalOf(topic: string, errorCode: number, message: string | null): LookupRefused {
  const text = message ?? errorName(errorCode);
  switch (errorCode) {
    case errors.unknownTopicOrPartition.code:
      return topicDeleted(topic);
    case errors.messageTooLarge.code:
    case errors.recordListTooLarge.code:
      return new LookupRefused({ reason: 'too-large' }, text);
    case errors.kafkaStorageError.code:
      return new LookupRefused({ reason: 'storage' }, text);
    default:
      return new LookupRefused({ reason: 'bad-request' }, text);
  }
}

function batchOf(key: Buffer, value: Buffer | null, options: WriteOptions, nowMs: number): NewRecord {
  const { timestampMs = nowMs, headers = [] } = options;
  if (!Number.isSafeInteger(timestampMs) || timestampMs < 0)
    refuseRequest(`a timestamp is a whole number of milliseconds from 0 on, not ${timestampMs}`);
  const record = {
    timestampMs,
    key,
    value,
    headers: headers.map((header) => ({ key: header.name, value: header.value })),
  };
  return { batch: buildBatch({ records: [record] }), timestampMs };
}

function checkConditions({ ifMatch, ifNoneMatch }: WriteOptions): void {
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*')
    refuseRequest('a write can be for a key that does not live (*), not for all records but some');
  if (ifMatch !== undefined && ifMatch !== '*' && !Array.isArray(ifMatch))
    refuseRequest('a list of records is wanted, or *');
}
