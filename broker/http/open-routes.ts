/** What is here: for people who look, for probes, and for programs that make clients. */
import { ProblemError } from './problems.ts';
import { type Route, sendJson } from './route.ts';

export const home: Route = {
  method: 'GET',
  path: '/',
  id: 'home',
  summary: 'What is here.',
  answer: { description: 'Where to go on.', content: { component: 'Home' } },
  problems: [],
  async run({ lookups, version }, { reply }) {
    const tables = lookups.status().map(({ topic, partition, keys, isLoading }) => ({
      topic,
      partition,
      keys,
      isLoading,
      keysUrl: `/topics/${topic}/keys?partition=${partition}`,
    }));
    const body = { name: 'kompakt', version, openapi: '/openapi.json', health: '/health', tables };
    return sendJson(reply, `${JSON.stringify(body, null, 2)}\n`);
  },
};

export const health: Route = {
  method: 'GET',
  path: '/health',
  id: 'health',
  summary: 'Whether the broker works; needs no token.',
  answer: { description: 'It does.', content: { component: 'Health' } },
  problems: ['storage-unreadable'],
  async run({ isOffline }, { reply }) {
    if (isOffline()) throw new ProblemError('storage-unreadable', 'the disk has failed: writes are refused');
    return sendJson(reply, '{"status":"ok"}');
  },
};
