/**
 * What `Lookups` takes and gives as messages of the Lookup service (protocol/lookup/messages.ts), and back. A record goes as it is, without
 * its topic, which the caller knows. A field that is absent is null where protobufjs has decoded it, and undefined in `Lookups`.
 */
import {
  type Change,
  type ChangesOptions,
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
  type RecordId,
  type TableStatus,
  type WriteOptions,
  type Written,
} from './lookup.ts';

/** Message Call, as it is decoded. */
export interface CallMessage {
  readonly id: number;
  readonly get: GetMessage | null;
  readonly getMany: GetManyMessage | null;
  readonly page: PageMessage | null;
  readonly history: HistoryMessage | null;
  readonly put: PutMessage | null;
  readonly changes: ChangesMessage | null;
  readonly tables: object | null;
  readonly cancel: object | null;
  readonly taken: { readonly bytes: number } | null;
  readonly isCancellable: boolean;
}

export interface GetMessage {
  readonly topic: string;
  readonly key: Buffer;
  readonly options: GetOptionsMessage | null;
}
type Nullable<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> | null };
type GetOptionsMessage = Nullable<Omit<GetOptions, 'signal'>>;
export interface GetManyMessage {
  readonly topic: string;
  readonly keys: readonly Buffer[];
  readonly options: GetOptionsMessage | null;
}
export type PageMessage = { readonly topic: string } & Nullable<Omit<PageOptions, 'signal'>>;
export type HistoryMessage = { readonly topic: string; readonly key: Buffer } & Nullable<
  Omit<HistoryOptions, 'signal'>
>;
export type ChangesMessage = { readonly topic: string } & Nullable<Omit<ChangesOptions, 'signal'>>;
export interface PutMessage {
  readonly topic: string;
  readonly key: Buffer;
  readonly value: Buffer | null;
  readonly partition: number | null;
  readonly headers: readonly RecordHeader[];
  readonly timestampMs: number | null;
  readonly ifMatch: readonly RecordId[];
  readonly hasIfMatch: boolean;
  readonly ifMatchAny: boolean;
  readonly ifNoneMatch: boolean;
  readonly waitMs: number | null;
}

type RecordMessage = Omit<KeyRecord, 'topic'>;
interface AnswerMessage {
  readonly kind: number;
  readonly records: readonly RecordMessage[];
}
interface RefusedMessage {
  readonly reason: LookupRefusal['reason'];
  readonly message: string;
  readonly offsetsDone: number | null;
  readonly offsetsTotal: number | null;
  readonly indexedOffset: number | null;
  readonly blockedBy: string | null;
  readonly earliestOffset: number | null;
  readonly earliestMs: number | null;
  readonly records: readonly RecordMessage[];
  readonly current: RecordId | null;
  readonly topic: string;
  readonly limitBytes: number | null;
}

/** Message Reply, as it is decoded. */
export interface ReplyMessage {
  readonly id: number;
  readonly outcome: string | undefined;
  readonly answer: AnswerMessage | null;
  readonly answers: { readonly answers: readonly AnswerMessage[] } | null;
  readonly page: { readonly records: readonly RecordMessage[]; readonly next: string | null } | null;
  readonly history: {
    readonly records: readonly RecordMessage[];
    readonly isCut: boolean;
    readonly completeFrom: History['completeFrom'];
  } | null;
  readonly written: Written | null;
  readonly change: ChangeMessage | null;
  readonly tables: { readonly tables: readonly TableStatus[] } | null;
  readonly refused: RefusedMessage | null;
  readonly failed: string;
  readonly isPart: boolean;
}
interface ChangeMessage {
  readonly position: string;
  readonly isSnapshot: boolean;
  readonly record: RecordMessage | null;
}

/** Without the fields that are null or undefined, which is what the other side calls left out. */
export function givenOf<Fields extends object>(fields: Fields): never {
  const given: Record<string, unknown> = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== null && value !== undefined) given[name] = value;
  }
  return given as never;
}

export function writeToMessage(options: WriteOptions): object {
  const { ifMatch, ifNoneMatch, signal: _, ...rest } = options;
  const isList = ifMatch !== undefined && ifMatch !== '*';
  return {
    ...(rest as object),
    ...(isList ? { ifMatch, hasIfMatch: true } : {}),
    ifMatchAny: ifMatch === '*',
    ifNoneMatch: ifNoneMatch === '*',
  };
}

export function writeOptionsOf(message: PutMessage): WriteOptions {
  const { partition, headers, timestampMs, ifMatch, hasIfMatch, ifMatchAny, ifNoneMatch, waitMs } = message;
  return {
    headers: headersOf(headers),
    ...(givenOf({ partition, timestampMs, waitMs }) as WriteOptions),
    ...(ifMatchAny ? { ifMatch: '*' } : hasIfMatch ? { ifMatch: ifMatch.map(recordIdOf) } : {}),
    ...(ifNoneMatch ? { ifNoneMatch: '*' } : {}),
  };
}

const kinds = { absent: 0, found: 1, deleted: 2, several: 3 } as const;

export function answerToMessage(answer: KeyAnswer): object {
  const kind = kinds[answer.kind];
  switch (answer.kind) {
    case 'found':
    case 'deleted':
      return { kind, records: [answer.record] };
    case 'several':
      return { kind, records: answer.records };
    default:
      return { kind };
  }
}

export function answerOf(topic: string, { kind, records }: AnswerMessage): KeyAnswer {
  switch (kind) {
    case kinds.found:
      return { kind: 'found', record: recordOf(topic, records[0]!) as LiveRecord };
    case kinds.deleted:
      return { kind: 'deleted', record: recordOf(topic, records[0]!) };
    case kinds.several:
      return { kind: 'several', records: recordsOf(topic, records) };
    default:
      return { kind: 'absent' };
  }
}

/** As an object of its own, with its fields in the order of the library's. */
export function recordOf(topic: string, message: RecordMessage): KeyRecord {
  const { topicId, partition, offset, leaderEpoch, timestampMs, key, value, headers } = message;
  return {
    topic,
    topicId,
    partition,
    offset,
    leaderEpoch,
    timestampMs,
    key,
    value,
    headers: headersOf(headers),
  };
}

export function recordsOf(topic: string, messages: readonly RecordMessage[]): LiveRecord[] {
  return messages.map((message) => recordOf(topic, message) as LiveRecord);
}

const none: readonly RecordHeader[] = [];

function headersOf(messages: readonly RecordHeader[]): readonly RecordHeader[] {
  return messages.length === 0 ? none : messages.map(({ name, value }) => ({ name, value }));
}

function recordIdOf({ topicId, partition, offset }: RecordId): RecordId {
  return { topicId, partition, offset };
}

export function writtenOf({ topicId, partition, offset, timestampMs }: Written): Written {
  return { topicId, partition, offset, timestampMs };
}

export function pageOf(topic: string, message: NonNullable<ReplyMessage['page']>): Page {
  return { records: recordsOf(topic, message.records), next: message.next };
}

export function historyOf(topic: string, message: NonNullable<ReplyMessage['history']>): History {
  const completeFrom = message.completeFrom.map(({ partition, offset }) => ({ partition, offset }));
  return {
    records: message.records.map((record) => recordOf(topic, record)),
    isCut: message.isCut,
    completeFrom,
  };
}

export function changeToMessage(change: Change): object {
  if (change.kind === 'live') return { position: change.position };
  const { position, isSnapshot, record } = change;
  return { position, isSnapshot, record };
}

export function changeOf(topic: string, { position, isSnapshot, record }: ChangeMessage): Change {
  if (record === null) return { kind: 'live', position };
  return { kind: 'record', position, isSnapshot, record: recordOf(topic, record) };
}

export function refusalToMessage({ refusal, message }: LookupRefused): object {
  const fields: Record<string, unknown> = { ...refusal, message };
  if (refusal.reason === 'loading') Object.assign(fields, refusal.progress);
  if (refusal.reason === 'several') fields['topic'] = refusal.records[0]?.topic;
  return fields;
}

export function refusedOf(message: RefusedMessage): LookupRefused {
  return new LookupRefused(refusalOf(message), message.message);
}

function refusalOf(message: RefusedMessage): LookupRefusal {
  const { reason } = message;
  switch (reason) {
    case 'loading':
      return {
        reason,
        progress: { offsetsDone: message.offsetsDone ?? 0, offsetsTotal: message.offsetsTotal ?? 0 },
      };
    case 'not-yet':
      return { reason, indexedOffset: message.indexedOffset ?? -1, blockedBy: message.blockedBy };
    case 'gone':
      return { reason, earliestOffset: message.earliestOffset ?? -1, earliestMs: message.earliestMs };
    case 'several':
      return { reason, records: recordsOf(message.topic, message.records) };
    case 'memory':
      return { reason, limitBytes: message.limitBytes ?? -1 };
    case 'precondition':
      return { reason, current: message.current === null ? null : recordIdOf(message.current) };
    default:
      return { reason };
  }
}

export function tableStatusOf(message: TableStatus): TableStatus {
  const { topic, partition, isLoading, keys, memoryBytes, indexedOffset, lastStableOffset } = message;
  return { topic, partition, isLoading, keys, memoryBytes, indexedOffset, lastStableOffset };
}
