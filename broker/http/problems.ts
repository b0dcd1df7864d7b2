/** Everything that is not a success, as application/problem+json (RFC 9457): what a refusal becomes, and how it is written. */
import { etagOf, type LookupRefusal, type LookupRefused } from '../lookup/lookup.ts';
import { recordsText } from './record-json.ts';

export const problemType = 'application/problem+json';

/** Ends of `type`, each with its status and title. */
export const problemKinds = {
  'bad-request': [400, 'Bad request'],
  'no-token': [401, 'A token is needed'],
  'foreign-origin': [403, 'Refused for pages of other sites'],
  'no-test-control': [403, 'Test control is off'],
  'no-such-path': [404, 'Nothing is here'],
  'unknown-topic': [404, 'Unknown topic'],
  'unknown-partition': [404, 'Unknown partition'],
  'unknown-fault': [404, 'Unknown fault'],
  'key-absent': [404, 'No record of this key'],
  'key-deleted': [404, 'This key is deleted'],
  'nothing-at-pointer': [404, 'The value has nothing there'],
  'method-not-allowed': [405, 'Method not allowed'],
  'not-acceptable': [406, 'Not to be had in this form'],
  'too-slow': [408, 'The request took too long'],
  'reader-too-slow': [408, 'The reader was too slow'],
  'not-a-table': [409, 'Not a table of keys'],
  'key-in-several-partitions': [409, 'This key lives in several partitions'],
  'cannot-compact': [409, 'Cannot be compacted'],
  'wait-failed': [409, 'It did not come to that'],
  'broker-gone': [409, 'The broker was reset or stopped meanwhile'],
  gone: [410, 'Compaction has taken that away'],
  precondition: [412, 'The precondition does not hold'],
  'too-large': [413, 'Too large'],
  'unsupported-content': [415, 'Unsupported content'],
  'wrong-host': [421, 'Not a name of this server'],
  'too-many': [429, 'Too many at a time'],
  'header-too-large': [431, 'Header too large'],
  'reset-failed': [500, 'The reset failed, and the broker has stopped'],
  unforeseen: [500, 'Unforeseen error'],
  loading: [503, 'The table is being read'],
  'not-yet': [503, 'Not there yet'],
  'memory-limit': [503, 'The key tables are full'],
  stopping: [503, 'The broker stops'],
  'storage-unreadable': [503, 'The storage has failed'],
  'storage-unwritable': [507, 'The storage takes no writes'],
  'no-snapshot': [507, 'The snapshot failed'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemKind = keyof typeof problemKinds;

export interface Problem {
  readonly kind: ProblemKind;
  readonly detail: string;
  /** Members besides the standard ones. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** JSON text of members that exist as text already. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A problem as what a handler throws. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(kind: ProblemKind, detail: string, rest: Omit<Problem, 'kind' | 'detail'> = {}) {
    super(detail);
    this.name = 'ProblemError';
    this.problem = { ...rest, kind, detail };
  }
}

export function statusOf({ kind }: Problem): number {
  return problemKinds[kind][0];
}

/** The body of the answer. */
export function problemText({ kind, detail, fields, texts = {} }: Problem): string {
  const [status, title] = problemKinds[kind];
  const head = JSON.stringify({ type: `urn:kompakt:${kind}`, title, status, detail, ...fields });
  const more = Object.entries(texts).map(([name, text]) => `,${JSON.stringify(name)}:${text}`);
  return `${head.slice(0, -1)}${more.join('')}}`;
}

/** What the store's refusal is here. `isWrite`: what was asked for would have written. */
export function problemOf({ refusal, message: detail }: LookupRefused, isWrite: boolean): Problem {
  const again = { headers: { 'retry-after': '1' } };
  switch (refusal.reason) {
    case 'unknown-topic':
    case 'unknown-partition':
    case 'not-a-table':
    case 'bad-request':
    case 'too-large':
      return { kind: refusal.reason, detail };
    case 'loading':
      return { kind: 'loading', detail, fields: { progress: refusal.progress }, ...again };
    case 'not-yet': {
      const { indexedOffset, blockedBy } = refusal;
      return { kind: 'not-yet', detail, fields: { indexedOffset, blockedBy }, ...again };
    }
    case 'gone': {
      const { earliestOffset, earliestMs } = refusal;
      return { kind: 'gone', detail, fields: { earliestOffset, earliestMs } };
    }
    case 'several':
      return several(refusal, detail);
    case 'precondition':
      return preconditionProblem(refusal.current, detail);
    case 'too-many':
      return { kind: 'too-many', detail, ...again };
    case 'too-slow':
      return { kind: 'reader-too-slow', detail };
    case 'stopping':
      return { kind: 'stopping', detail, ...again };
    case 'memory':
      return { kind: 'memory-limit', detail, fields: { limitBytes: refusal.limitBytes } };
    case 'storage':
      return { kind: isWrite ? 'storage-unwritable' : 'storage-unreadable', detail };
  }
}

export function several(
  { records }: Pick<Extract<LookupRefusal, { reason: 'several' }>, 'records'>,
  detail: string,
): Problem {
  const partitions = records.map(({ partition }) => partition);
  return {
    kind: 'key-in-several-partitions',
    detail,
    fields: { partitions },
    texts: { records: recordsText(records) },
  };
}

export function preconditionProblem(
  current: Extract<LookupRefusal, { reason: 'precondition' }>['current'],
  detail: string,
): Problem {
  if (current === null) return { kind: 'precondition', detail, fields: { currentEtag: null } };
  const etag = etagOf(current);
  const { partition, offset } = current;
  return {
    kind: 'precondition',
    detail,
    fields: { currentEtag: etag, partition, offset },
    headers: { etag, 'kompakt-partition': `${partition}`, 'kompakt-offset': `${offset}` },
  };
}
