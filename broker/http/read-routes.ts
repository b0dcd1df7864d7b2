/** The value of a key, and what becomes of the many answers that a lookup can have. */
import type { FastifyReply } from 'fastify';
import { notationOf } from '../lookup/key-notation.ts';
import {
  etagOf,
  type GetOptions,
  type KeyAnswer,
  type KeyRecord,
  type LiveRecord,
} from '../lookup/lookup.ts';
import { isAmong, parseEtags } from './etags.ts';
import { parsePointer } from './json-pointer.ts';
import { partOf, recordHeadersOf } from './key-value.ts';
import { ProblemError, preconditionProblem, several } from './problems.ts';
import { jsonInTurns, recordsText, recordText } from './record-json.ts';
import { headerOf, keyBytes, type Query, type Route, sendJson, timeMs } from './route.ts';
import { batchSchema } from './schemas.ts';
import { negotiate } from './value-content.ts';

/** What an answer about one record says of it. */
export const recordHeaders = {
  ETag: '"topicId-partition-offset" of the record.',
  'Kompakt-Partition': 'Where the record is.',
  'Kompakt-Offset': 'Where the record is.',
  'Kompakt-Timestamp': 'Of the record; milliseconds since 1970.',
  'Kompakt-Leader-Epoch': 'Of the record.',
  'Kompakt-Headers':
    "The record's headers as JSON in ASCII: [[name, value], …], values in the notation of keys or null. Left out where there are none.",
  'Kompakt-Headers-Omitted': 'So many headers are too long for an answer; history has them.',
};

export const getKey: Route = {
  method: 'GET',
  path: '/topics/{topic}/keys/{key}',
  id: 'getKey',
  summary: 'The newest value of a key, as it is.',
  query: ['partition', 'min-offset', 'wait-ms', 'as-of-offset', 'as-of', 'at'],
  headers: {
    'If-None-Match': '304 when one of these is the newest record.',
    'If-Match': '412 when none of these is.',
    Accept:
      'The content type is guessed (JSON object or array, other text, bytes) and sent to whoever accepts it; others may ask for any type.',
  },
  answer: { description: 'The value.', content: 'value', headers: recordHeaders },
  problems: [
    'unknown-topic',
    'unknown-partition',
    'key-absent',
    'key-deleted',
    'nothing-at-pointer',
    'not-acceptable',
    'not-a-table',
    'key-in-several-partitions',
    'gone',
    'precondition',
    'loading',
    'not-yet',
    'too-many',
    'memory-limit',
    'stopping',
    'storage-unreadable',
  ],
  async run({ lookups }, { request, reply, topic, key, query, signal }) {
    const pointer = query.at === undefined ? null : parsePointer(query.at);
    if (query.at !== undefined && pointer === null)
      throw new ProblemError('bad-request', 'at has to be a JSON Pointer such as /skus/0/prices/14');
    const found = foundIn(await lookups.get(topic, key, { ...getOptions(query), signal }), key);
    tell(reply, found);
    const etag = etagOf(found);
    const wanted = headerOf(request, 'if-match');
    if (wanted !== undefined && !tagsOf(wanted, 'If-Match', (tags) => tags === '*' || tags.includes(etag)))
      throw new ProblemError('precondition', 'another record is the newest', preconditionProblem(found, ''));
    const known = headerOf(request, 'if-none-match');
    if (known !== undefined && tagsOf(known, 'If-None-Match', (tags) => isAmong(etag, tags)))
      return reply.code(304).send();
    if (pointer !== null) return sendJson(reply, partOf(found, pointer));
    const accept = headerOf(request, 'accept');
    const type = negotiate(found.value, accept);
    if (type === null)
      throw new ProblemError('not-acceptable', `the value is no ${accept}; Accept: */* gets it as it is`);
    return reply.type(type).send(found.value);
  },
};

export const getMany: Route = {
  method: 'POST',
  path: '/topics/{topic}/keys:batch',
  id: 'getManyKeys',
  summary: 'The newest records of up to 1,000 keys, of any length, in the order in which they are asked.',
  query: ['partition', 'min-offset', 'wait-ms', 'as-of-offset', 'as-of'],
  body: { kind: 'json', schema: batchSchema },
  answer: { description: 'One answer for each key.', content: { component: 'Answers' } },
  problems: [
    'unknown-topic',
    'unknown-partition',
    'not-a-table',
    'gone',
    'too-large',
    'unsupported-content',
    'loading',
    'not-yet',
    'too-many',
    'memory-limit',
    'stopping',
    'storage-unreadable',
  ],
  async run({ lookups, clock }, { request, reply, topic, query, signal }) {
    const { keys: texts } = request.body as { keys: string[] };
    const keys = texts.map((text, i) => keyBytes(text, `keys[${i}]`));
    const answers = await lookups.getMany(topic, keys, { ...getOptions(query), signal });
    const textOf = (answer: KeyAnswer, n: number): string => answerText(answer, keys[n]!);
    return sendJson(reply, await jsonInTurns(clock, '{"answers":[', answers, textOf, ']}'));
  },
};

export function getOptions(query: Query): GetOptions {
  const asOfMs = query['as-of'] === undefined ? undefined : timeMs(query['as-of'], 'as-of');
  if (asOfMs !== undefined && query['as-of-offset'] !== undefined)
    throw new ProblemError('bad-request', 'as-of and as-of-offset contradict each other; give one of them');
  return {
    partition: query.partition,
    waitMs: query['wait-ms'],
    minOffset: query['min-offset'],
    asOfOffset: query['as-of-offset'],
    asOfMs,
  };
}

/** The record of an answer; throws what the other answers are. */
function foundIn(answer: KeyAnswer, key: Buffer): LiveRecord {
  switch (answer.kind) {
    case 'found':
      return answer.record;
    case 'deleted':
      throw deletedError(answer.record);
    case 'absent':
      throw new ProblemError('key-absent', 'no record of this key is in the log', {
        fields: { key: notationOf(key) },
      });
    case 'several': {
      const where = answer.records.map(({ partition }) => partition).join(', ');
      const detail = `this key lives in the partitions ${where}; ?partition= chooses`;
      throw new ProblemError('key-in-several-partitions', detail, several(answer, detail));
    }
  }
}

function deletedError(record: KeyRecord): ProblemError {
  const { partition, offset, timestampMs } = record;
  return new ProblemError('key-deleted', `a tombstone at offset ${offset} has deleted this key`, {
    fields: { key: notationOf(record.key), partition, offset, timestampMs, etag: etagOf(record) },
    headers: recordHeadersOf(record),
  });
}

export function tell(reply: FastifyReply, record: KeyRecord): void {
  reply.headers(recordHeadersOf(record));
}

export function tagsOf<Result>(header: string, name: string, use: (tags: '*' | string[]) => Result): Result {
  const tags = parseEtags(header);
  if (tags === null) throw new ProblemError('bad-request', `${name} has to be "tag", "tag" … or *`);
  return use(tags);
}

function answerText(answer: KeyAnswer, key: Buffer): string {
  const head = JSON.stringify({ key: notationOf(key), kind: answer.kind }).slice(0, -1);
  if (answer.kind === 'absent') return `${head}}`;
  if (answer.kind === 'several') return `${head},"records":${recordsText(answer.records)}}`;
  return `${head},"record":${recordText(answer.record)}}`;
}
