/**
 * The latest requests that clients have sent, for assertions. Bounded by their number and by the values in them, whichever is
 * reached first; bytes are never kept, only how many there were, and of records what their headers say.
 */
import { errorName, errors } from '../../protocol/errors.ts';
import {
  baseSequence,
  batchHeaderBytes,
  batchSizeInBytes,
  isTransactional,
  magic,
  magicV2,
  producerEpoch,
  producerId,
  recordCount,
} from '../../protocol/records/batch.ts';
import type { HookedRequest } from '../network/request-hook.ts';
import { checkNames, checkText } from '../options/check-options.ts';
import { apisNamed, type FaultyApi } from './fault-options.ts';

/** Requests that are kept. */
export const requestsKept = 2000;
/** Values (numbers, texts, flags) that all of them together may have; what is older goes. */
export const valuesKept = 200_000;
/** Values that are kept of one; the arrays of a longer one are cut, and it says so. */
export const valuesKeptOfOne = 20_000;
/** A text of this many characters counts as one more value. */
const textUnit = 16;

/** A request as a client has sent it. */
export interface SeenRequest {
  readonly api: FaultyApi;
  readonly version: number;
  readonly clientId: string | null;
  /** Which of the broker's connections it came on. */
  readonly connection: number;
  /** When it came, on the broker's clock: milliseconds since 1970. */
  readonly timeMs: number;
  /** Its fields as Kafka names them. Bytes are `{ byteLength }`, records `SeenRecords`. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Not all of the body is here. */
  readonly isCut: boolean;
  /** A fault had a part in its answer. */
  readonly isFaulted: boolean;
  /** The answer's first error, 'NONE' where it had none; null: not answered yet, or never. */
  readonly error: string | null;
}

/** What is told of records: the header of their first batch, and the size of all. */
export interface SeenRecords {
  readonly byteLength: number;
  readonly records?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
}

export interface RequestFilter {
  readonly api?: FaultyApi | readonly FaultyApi[];
  readonly clientId?: string;
}

const filterNames: { readonly [Name in keyof Required<RequestFilter>]: true } = { api: true, clientId: true };

/** The same while its answer is not known. */
export interface OpenRequest {
  isFaulted: boolean;
  error: string | null;
}

interface Entry extends SeenRequest, OpenRequest {
  isFaulted: boolean;
  error: string | null;
  /** Its place in the count of bounds; not shown. */
  readonly values: number;
}

export class RequestLog {
  #entries: Entry[] = [];
  /** Of the first that counts: those before it are let go of when they are as many as the rest. */
  #first = 0;
  #values = 0;
  #dropped = 0;

  /** How many requests went because newer ones came. */
  get dropped(): number {
    return this.#dropped;
  }

  note({ api, caller, body }: HookedRequest, timeMs: number): OpenRequest {
    const copy = new Copy();
    const kept = copy.of(body) as Entry['body'];
    const entry: Entry = {
      api: api.name as FaultyApi,
      version: caller.apiVersion,
      clientId: caller.clientId,
      connection: caller.connection.id,
      timeMs,
      body: kept,
      isCut: copy.isCut,
      isFaulted: false,
      error: null,
      values: copy.values,
    };
    this.#entries.push(entry);
    this.#values += entry.values;
    while (this.#entries.length - this.#first > requestsKept || this.#values > valuesKept) this.#drop();
    return entry;
  }

  /** In the order in which they came. Throws an OptionError. */
  list(filter: RequestFilter = {}): SeenRequest[] {
    checkNames('requests', filter, filterNames);
    const { api, clientId } = filter;
    if (clientId !== undefined) checkText('clientId', clientId, { canBeEmpty: true });
    const apis = api === undefined ? null : new Set(apisNamed(api).map(({ name }) => name as string));
    return this.#entries
      .slice(this.#first)
      .filter(
        (entry) => (apis?.has(entry.api) ?? true) && (clientId === undefined || entry.clientId === clientId),
      )
      .map(({ values: _values, ...seen }) => seen);
  }

  clear(): void {
    this.#entries = [];
    this.#first = 0;
    this.#values = 0;
    this.#dropped = 0;
  }

  #drop(): void {
    this.#values -= this.#entries[this.#first]!.values;
    this.#dropped += 1;
    this.#first += 1;
    if (this.#first < requestsKept) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}

/** Copies a decoded body without its bytes. */
class Copy {
  values = 0;
  isCut = false;

  of(value: unknown): unknown {
    this.values += 1;
    if (typeof value === 'string') this.values += Math.floor(value.length / textUnit);
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Uint8Array) return seenBytes(value as Buffer);
    return Array.isArray(value) ? this.#array(value) : this.#struct(value as Record<string, unknown>);
  }

  #array(all: readonly unknown[]): unknown[] {
    const kept: unknown[] = [];
    for (const one of all) {
      if (this.values >= valuesKeptOfOne) {
        this.isCut = true;
        break;
      }
      kept.push(this.of(one));
    }
    return kept;
  }

  #struct(all: Record<string, unknown>): Record<string, unknown> {
    const kept: Record<string, unknown> = {};
    for (const name in all) kept[name] = this.of(all[name]);
    return kept;
  }
}

function seenBytes(bytes: Buffer): SeenRecords {
  const { byteLength } = bytes;
  const isBatch =
    byteLength >= batchHeaderBytes && magic(bytes, 0) === magicV2 && batchSizeInBytes(bytes, 0) <= byteLength;
  if (!isBatch) return { byteLength };
  return {
    byteLength,
    records: recordCount(bytes, 0),
    producerId: producerId(bytes, 0),
    producerEpoch: producerEpoch(bytes, 0),
    baseSequence: baseSequence(bytes, 0),
    isTransactional: isTransactional(bytes, 0),
  };
}

/** The first error that an answer says, on top or at one of its parts. */
export function errorIn(answer: unknown): string {
  return errorName(firstCode(answer));
}

function firstCode(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return errors.none.code;
  if (Array.isArray(value)) {
    for (const one of value) {
      if (typeof one !== 'object') return errors.none.code;
      const code = firstCode(one);
      if (code !== errors.none.code) return code;
    }
    return errors.none.code;
  }
  const { errorCode, partitionErrorCode } = value as { errorCode?: number; partitionErrorCode?: number };
  const own = errorCode || partitionErrorCode;
  if (own !== undefined && own !== errors.none.code) return own;
  for (const name in value) {
    const inner = (value as Record<string, unknown>)[name];
    // Regions of files have no errors in them, and numbers neither.
    if (!Array.isArray(inner)) continue;
    const code = firstCode(inner);
    if (code !== errors.none.code) return code;
  }
  return errors.none.code;
}
