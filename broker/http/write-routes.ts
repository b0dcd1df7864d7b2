/** A key's new value, or its tombstone, under the conditions that the request makes. */
import type { FastifyRequest } from 'fastify';
import { bytesOfNotation } from '../lookup/key-notation.ts';
import { etagOf, type RecordHeader, type WriteOptions } from '../lookup/lookup.ts';
import { readBody } from './body.ts';
import { recordIdOf } from './etags.ts';
import { ProblemError } from './problems.ts';
import { tagsOf } from './read-routes.ts';
import { type AskedRoute, headerOf, type Route, sendJson, timeMs } from './route.ts';
import type { HttpService } from './service.ts';

const writtenHeaders = {
  ETag: '"topicId-partition-offset" of the new record.',
  'Kompakt-Partition': 'Where it is.',
  'Kompakt-Offset': 'Where it is.',
  'Kompakt-Timestamp': 'Of it; milliseconds since 1970.',
};

const requestHeaders = {
  'If-Match':
    'Writes only if one of these is the newest record of the key, pending transactional ones included; with * only if the key lives.',
  'If-None-Match': 'With * writes only if the key does not live.',
  'Kompakt-Headers':
    'Headers of the record, as JSON: [[name, value], …], values in the notation of keys or null.',
  'Kompakt-Timestamp': 'Of the record: milliseconds since 1970 or ISO 8601. Left out: now.',
};

const problemsOfWrites = [
  'unknown-topic',
  'unknown-partition',
  'not-a-table',
  'key-in-several-partitions',
  'precondition',
  'too-large',
  'unsupported-content',
  'foreign-origin',
  'loading',
  'too-many',
  'memory-limit',
  'stopping',
  'storage-unwritable',
] as const;

export const putKey: Route = {
  method: 'PUT',
  path: '/topics/{topic}/keys/{key}',
  id: 'putKey',
  summary: 'A new value: where the key lives, else where murmur2 puts it, as the Java client and kafkajs do.',
  query: ['partition', 'wait-ms'],
  headers: requestHeaders,
  body: { kind: 'value' },
  answer: {
    description: 'It is written.',
    content: { component: 'Written' },
    headers: writtenHeaders,
  },
  problems: problemsOfWrites,
  run: async (service, asked) => write(service, asked, await bodyOf(service, asked)),
};

export const deleteKey: Route = {
  method: 'DELETE',
  path: '/topics/{topic}/keys/{key}',
  id: 'deleteKey',
  summary: 'A tombstone, on the partition where PUT would write.',
  query: ['partition', 'wait-ms'],
  headers: requestHeaders,
  body: { kind: 'value' },
  answer: {
    description: 'The tombstone is written.',
    content: { component: 'Written' },
    headers: writtenHeaders,
  },
  problems: problemsOfWrites,
  async run(service, asked) {
    if ((await bodyOf(service, asked)).length > 0)
      throw new ProblemError('bad-request', 'a DELETE has no body; PUT writes a value');
    return write(service, asked, null);
  },
};

async function write({ lookups }: HttpService, asked: AskedRoute, value: Buffer | null) {
  const { request, reply, topic, key, query, signal } = asked;
  const { partition: chosen, 'wait-ms': waitMs } = query;
  const options = { partition: chosen, waitMs, ...writeOptions(request), signal };
  const written = await lookups.put(topic, key, value, options);
  const { partition, offset, timestampMs } = written;
  const etag = etagOf(written);
  reply.headers({
    etag,
    'kompakt-partition': `${partition}`,
    'kompakt-offset': `${offset}`,
    'kompakt-timestamp': `${timestampMs}`,
  });
  return sendJson(reply, JSON.stringify({ partition, offset, timestampMs, etag }));
}

async function bodyOf({ messageBytesMax }: HttpService, { request, topic }: AskedRoute): Promise<Buffer> {
  const encoding = headerOf(request, 'content-encoding');
  if (encoding !== undefined && encoding !== 'identity')
    throw new ProblemError('unsupported-content', `content-encoding ${encoding} is not taken`);
  const bytesMax = messageBytesMax(topic);
  if (bytesMax === null) throw new ProblemError('unknown-topic', `there is no topic ${topic}`);
  if (request.body === undefined || request.body === null) return Buffer.alloc(0);
  return readBody(request.raw, headerOf(request, 'content-length'), bytesMax);
}

function writeOptions(request: FastifyRequest): WriteOptions {
  const ifMatch = headerOf(request, 'if-match');
  const ifNoneMatch = headerOf(request, 'if-none-match');
  const headers = headerOf(request, 'kompakt-headers');
  const timestamp = headerOf(request, 'kompakt-timestamp');
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*')
    throw new ProblemError('bad-request', 'of a write If-None-Match can only be *');
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: tagsOf(ifMatch, 'If-Match', recordIdsOf) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: '*' }),
    ...(headers === undefined ? {} : { headers: recordHeadersOf(headers) }),
    ...(timestamp === undefined ? {} : { timestampMs: timeMs(timestamp, 'Kompakt-Timestamp') }),
  };
}

/** Tags that no record of ours can have are left out: they match nothing. */
function recordIdsOf(tags: '*' | string[]): NonNullable<WriteOptions['ifMatch']> {
  return tags === '*' ? tags : tags.flatMap((tag) => recordIdOf(tag) ?? []);
}

function recordHeadersOf(text: string): RecordHeader[] {
  const headers = parsedPairs(text)?.map(([name, value]) => ({
    name,
    value: value === null ? null : bytesOfNotation(value),
  }));
  const wrong = headers?.find(({ value }) => typeof value === 'string');
  if (headers === undefined || wrong !== undefined) {
    const why = wrong === undefined ? '' : `; ${wrong.name}: ${wrong.value}`;
    throw new ProblemError('bad-request', `Kompakt-Headers has to be JSON: [["name", "value"], …]${why}`);
  }
  return headers as RecordHeader[];
}

function parsedPairs(text: string): [string, string | null][] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'latin1').toString('utf8'));
    return Array.isArray(value) && value.every(isPair) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPair(value: unknown): value is [string, string | null] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [name, content] = value;
  return typeof name === 'string' && (content === null || typeof content === 'string');
}
