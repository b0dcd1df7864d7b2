/** What a test in any language does to the broker as a whole, with kompakt.test.control: reset, snapshot, time, compaction. */
import { resolve } from 'node:path';
import type { CompactOptions } from '../cleaning/compactions.ts';
import { BrokerGone } from '../embedded/broker-gone.ts';
import type { Duration } from '../options/durations.ts';
import { ProblemError } from './problems.ts';
import { type Route, sendJson } from './route.ts';
import type { TestedBroker } from './service.ts';
import { allowed } from './test-access.ts';
import { advanceSchema, compactSchema, nothingSchema, snapshotSchema } from './test-schemas.ts';

const resetBroker: Route = {
  method: 'POST',
  path: '/test/reset',
  id: 'resetBroker',
  summary:
    'Back to the beginning: empty, or what --from gave. Clients lose their connections, and may connect again at once.',
  body: { kind: 'json', schema: nothingSchema, isOptional: true },
  answer: { description: 'It is done.', content: { component: 'Clock' } },
  problems: ['no-test-control', 'broker-gone', 'reset-failed', 'unsupported-content', 'too-large'],
  async run(service, asked) {
    const broker = await allowed(service).broker;
    try {
      await broker.reset();
    } catch (error) {
      if (error instanceof BrokerGone) throw error;
      service.logger.error('a reset failed, and the broker has stopped', { error });
      throw new ProblemError('reset-failed', error instanceof Error ? error.message : String(error));
    }
    return sendJson(asked.reply, clockText(broker));
  },
};

const takeSnapshot: Route = {
  method: 'POST',
  path: '/test/snapshots',
  id: 'takeSnapshot',
  summary:
    'Puts the state of now into a directory, for --from, for `from` of startBroker, and for Apache Kafka.',
  body: { kind: 'json', schema: snapshotSchema },
  answer: { description: 'It is there, whole.', content: { component: 'Snapshot' } },
  problems: ['no-test-control', 'broker-gone', 'no-snapshot', 'unsupported-content', 'too-large'],
  async run(service, asked) {
    const { directory } = asked.request.body as { directory: string };
    await (await allowed(service).broker).snapshot(directory);
    return sendJson(asked.reply, JSON.stringify({ directory: resolve(directory) }));
  },
};

const getClock: Route = {
  method: 'GET',
  path: '/test/clock',
  id: 'getClock',
  summary: 'What time it is for the broker, and whether that moves of itself.',
  answer: { description: 'As it is now.', content: { component: 'Clock' } },
  problems: ['no-test-control'],
  async run(service, asked) {
    return sendJson(asked.reply, clockText(await allowed(service).broker));
  },
};

const advanceClock: Route = {
  method: 'POST',
  path: '/test/clock/advance',
  id: 'advanceClock',
  summary: 'Moves the time of a broker with --clock virtual; what becomes due on the way is done then.',
  body: { kind: 'json', schema: advanceSchema },
  answer: { description: 'As it is then.', content: { component: 'Clock' } },
  problems: ['no-test-control', 'broker-gone', 'unsupported-content', 'too-large'],
  async run(service, asked) {
    const broker = await allowed(service).broker;
    await broker.clock.advance((asked.request.body as { by: Duration }).by);
    return sendJson(asked.reply, clockText(broker));
  },
};

const compactTopic: Route = {
  method: 'POST',
  path: '/test/topics/{topic}/compact',
  id: 'compactTopic',
  summary: 'Compacts a topic now, whether it is due or not.',
  body: { kind: 'json', schema: compactSchema, isOptional: true },
  answer: { description: 'It is compacted.', content: { component: 'Receipts' } },
  problems: ['no-test-control', 'cannot-compact', 'broker-gone', 'unsupported-content', 'too-large'],
  async run(service, asked) {
    const broker = await allowed(service).broker;
    const options = asked.request.body as CompactOptions;
    const receipts = await broker.compact(asked.topic, { ...options, signal: asked.signal });
    return sendJson(asked.reply, JSON.stringify({ receipts }));
  },
};

function clockText({ clock }: TestedBroker): string {
  return JSON.stringify({ kind: clock.kind, nowMs: clock.nowMs() });
}

export const worldRoutes: readonly Route[] = [
  resetBroker,
  takeSnapshot,
  getClock,
  advanceClock,
  compactTopic,
];
