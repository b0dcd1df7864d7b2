/** The routes over a store in memory, asked without a network. */

import { type BrokerSettings, defaultBrokerSettings } from '../../../broker/config/settings.ts';
import { ChangeStreams } from '../../../broker/http/change-streams.ts';
import { guardOf } from '../../../broker/http/guard.ts';
import { createHttpApp, type HttpApp } from '../../../broker/http/http-app.ts';
import type { TestActions } from '../../../broker/http/service.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { FakeLookups } from './fake-lookups.ts';

export interface TestApp {
  readonly lookups: FakeLookups;
  readonly state: { messageBytesMax: number; isOffline: boolean };
  readonly errors: string[];
  test: TestActions | null;
  ask(method: string, url: string, more?: AskOptions): Promise<Answer>;
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly bytes: Buffer;
  /** The body, read as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the test expects
  readonly json: any;
}

/** Making one takes longer than asking it a hundred times: those of the same settings share one, with a store of their own each. */
const made = new Map<string, { app: HttpApp; current: { test: TestApp } }>();

export async function testApp(settings: Partial<BrokerSettings> = {}): Promise<TestApp> {
  const name = JSON.stringify(settings);
  const { app, current } = made.get(name) ?? (await makeApp(settings));
  made.set(name, { app, current });
  current.test = {
    lookups: new FakeLookups(),
    state: { messageBytesMax: 1_000, isOffline: false },
    errors: [],
    test: null,
    ask: (method, url, more) => ask(app, method, url, more),
  };
  return current.test;
}

async function makeApp(settings: Partial<BrokerSettings>) {
  const current = {} as { test: TestApp };
  const clock = new VirtualClock();
  const all = { ...defaultBrokerSettings(), ...settings };
  const logger = { ...silentLogger, error: (message: string) => void current.test.errors.push(message) };
  const service = {
    get lookups() {
      return current.test.lookups;
    },
    clock,
    logger,
    version: '1.2.3',
    streams: new ChangeStreams(clock, logger, all['kompakt.http.change.streams.max']),
    messageBytesMax: (topic: string) => (topic === 'articles' ? current.test.state.messageBytesMax : null),
    isOffline: () => current.test.state.isOffline,
    get test() {
      return current.test.test;
    },
  };
  return { app: await createHttpApp(service, guardOf(all)), current };
}

async function ask(app: HttpApp, method: string, url: string, options: AskOptions = {}): Promise<Answer> {
  const { headers = {}, body } = options;
  const answer = await app.inject({
    method: method as 'GET',
    url,
    headers: { host: 'localhost:9080', ...headers },
    ...(body === undefined ? {} : { payload: body }),
  });
  return {
    status: answer.statusCode,
    headers: answer.headers as Record<string, string | undefined>,
    body: answer.body,
    bytes: answer.rawPayload,
    get json() {
      return JSON.parse(answer.body);
    },
  };
}
