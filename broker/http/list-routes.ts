/** Many records at once: a topic's keys page by page, a key's history, and what changes. */
import type { PageOptions } from '../lookup/lookup.ts';
import { jsonInTurns, recordText } from './record-json.ts';
import { headerOf, keyBytes, type Query, type Route, sendJson } from './route.ts';

const problemsOfReads = [
  'unknown-topic',
  'unknown-partition',
  'not-a-table',
  'loading',
  'too-many',
  'memory-limit',
  'stopping',
  'storage-unreadable',
] as const;

export const listKeys: Route = {
  method: 'GET',
  path: '/topics/{topic}/keys',
  id: 'listKeys',
  summary: 'The newest values of all keys, page by page, by partition and offset.',
  query: ['partition', 'prefix', 'after', 'limit', 'wait-ms'],
  answer: {
    description:
      'A page. A key that is written meanwhile comes again, with its newer value; none is left out.',
    content: { component: 'Page' },
  },
  problems: problemsOfReads,
  async run({ lookups, clock }, { reply, topic, query, signal }) {
    const { records, next } = await lookups.page(topic, { ...pageOptions(query), signal });
    const rest = `],"next":${JSON.stringify(next)}}`;
    return sendJson(reply, await jsonInTurns(clock, '{"records":[', records, recordText, rest));
  },
};

function pageOptions(query: Query): PageOptions {
  return {
    partition: query.partition,
    prefix: prefixOf(query),
    after: query.after,
    limit: query.limit,
    waitMs: query['wait-ms'],
  };
}

export const getHistory: Route = {
  method: 'GET',
  path: '/topics/{topic}/keys/{key}/history',
  id: 'getHistory',
  summary: 'Every record of a key that is still in the log; oldest first, by partition.',
  query: ['partition', 'limit', 'wait-ms'],
  answer: { description: 'The newest `limit` of them.', content: { component: 'History' } },
  problems: problemsOfReads,
  async run({ lookups, clock }, { reply, topic, key, query, signal }) {
    const { partition, limit } = query;
    const options = { partition, limit, waitMs: query['wait-ms'], signal };
    const { records, isCut, completeFrom } = await lookups.history(topic, key, options);
    const rest = `],${JSON.stringify({ isCut, completeFrom }).slice(1)}`;
    return sendJson(reply, await jsonInTurns(clock, '{"records":[', records, recordText, rest));
  },
};

export const watchChanges: Route = {
  method: 'GET',
  path: '/topics/{topic}/changes',
  id: 'watchChanges',
  summary: 'Server-sent events: first every newest record, then every change.',
  query: ['partition', 'key', 'prefix', 'wait-ms', 'last-event-id'],
  headers: { 'Last-Event-ID': 'Goes on behind this event, without a snapshot.' },
  answer: {
    description:
      'Events snapshot and change have a Record as their data; live says that the snapshot is complete; end has a Problem, and nothing comes after it.',
    content: 'events',
  },
  problems: [...problemsOfReads, 'gone', 'reader-too-slow'],
  isStream: true,
  async run({ lookups, streams }, { request, reply, topic, query }) {
    const options = {
      partition: query.partition,
      key: query.key === undefined ? undefined : keyBytes(query.key, 'key'),
      prefix: prefixOf(query),
      after: headerOf(request, 'last-event-id') || query['last-event-id'],
      waitMs: query['wait-ms'],
    };
    const headers = {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // A proxy that collects answers would hold the events back.
      'x-accel-buffering': 'no',
    };
    await streams.run(reply.raw, { headers, waitMs: query['wait-ms'] ?? 0 }, (signal) =>
      lookups.changes(topic, { ...options, signal }),
    );
    // What was written has gone past fastify.
    return reply.hijack();
  },
};

function prefixOf({ prefix }: Query): Buffer | undefined {
  return prefix === undefined ? undefined : keyBytes(prefix, 'prefix');
}
