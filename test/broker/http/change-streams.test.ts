/** Server-sent events on real sockets, on a clock that stands still until it is moved. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Change, LookupRefused } from '../../../broker/lookup/lookup.ts';
import { FakeLookups } from './fake-lookups.ts';
import {
  ask,
  openPort,
  type RawConnection,
  rawConnection,
  type TestPort,
  type TestPortOptions,
} from './port.ts';

/** What the store tells, as the test says. */
class Told {
  readonly #changes: (Change | Error)[] = [];
  #wake: () => void = () => {};
  taken = 0;
  isAborted = false;

  push(...changes: (Change | Error)[]): void {
    this.#changes.push(...changes);
    this.#wake();
  }

  async *until(signal: AbortSignal | undefined): AsyncGenerator<Change> {
    signal?.addEventListener('abort', () => {
      this.isAborted = true;
      this.#wake();
    });
    for (;;) {
      const next = this.#changes.shift();
      if (this.isAborted) throw signal!.reason;
      if (next instanceof Error) throw next;
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.taken += 1;
      yield next;
    }
  }
}

let lookups: FakeLookups;
let told: Told;
let here: TestPort;
let connections: RawConnection[];

beforeEach(async () => {
  lookups = new FakeLookups();
  told = new Told();
  lookups.changesOf = ({ signal }) => told.until(signal);
  here = await openPort({ lookups, settings: { 'kompakt.http.change.streams.max': 2 } });
  connections = [];
});
afterEach(async () => {
  for (const { socket } of connections) socket.destroy();
  await here.port!.close();
});

function watch(query = '', more = ''): RawConnection {
  const head = `GET /topics/articles/changes${query} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
  const connection = rawConnection(here.number, head);
  connections.push(connection);
  return connection;
}

const record = (key: string, value: string | null, isSnapshot = false): Change => ({
  kind: 'record',
  position: `p-${key}`,
  isSnapshot,
  record: lookups.add(key, value),
});
const live: Change = { kind: 'live', position: 'p-live' };

/** The events in an answer that came in chunks, as a reader takes them apart. */
function eventsOf(answer: string): { id?: string; event?: string; data: string }[] {
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4).replace(/\r\n[0-9a-f]+\r\n|^[0-9a-f]+\r\n/g, '');
  return body
    .split('\n\n')
    .filter((block) => /^data:/m.test(block))
    .map((block) => {
      const lines = block.trim().split('\n');
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
      return { id: field('id')!, event: field('event')!, data: data.join('\n') };
    });
}

test('a stream is the snapshot, then that it is complete, then changes', async () => {
  told.push(record('a', '{"n":\r\n1,\r"m":\n2}', true), record('b', 'text', true), live);
  const { until, received } = watch();
  await until(/event: live/);
  told.push(record('a', null));
  await until(/event: change/);
  expect(received()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(received()).toContain('content-type: text/event-stream\r\n');
  expect(received()).toContain('cache-control: no-store\r\n');
  expect(received()).toContain('x-content-type-options: nosniff\r\n');
  const events = eventsOf(received());
  expect(events.map(({ id, event }) => [id, event])).toEqual([
    ['p-a', 'snapshot'],
    ['p-b', 'snapshot'],
    ['p-live', 'live'],
    ['p-a', 'change'],
  ]);
  expect(JSON.parse(events[0]!.data)).toMatchObject({ key: 'a', offset: 0, json: { n: 1, m: 2 } });
  expect(JSON.parse(events[1]!.data)).toMatchObject({ key: 'b', text: 'text' });
  expect(JSON.parse(events[3]!.data)).toMatchObject({ key: 'a', offset: 2, deleted: true });
});

test('what is asked for reaches the store', async () => {
  told.push(live);
  await watch('?key=hex:ff&partition=2&wait-ms=5', 'Last-Event-ID: abc\r\n').until(/event: live/);
  expect(lookups.asked[0]).toMatchObject({ key: Buffer.from([0xff]), partition: 2, waitMs: 5, after: 'abc' });
  told = new Told();
  told.push(live);
  await watch('?prefix=a&last-event-id=abc').until(/event: live/);
  expect(lookups.asked[1]).toMatchObject({ prefix: Buffer.from('a'), after: 'abc' });
});

test('a refusal before the first event is an answer of its own', async () => {
  told.push(new LookupRefused({ reason: 'gone', earliestOffset: 7, earliestMs: 8 }, 'too long ago'));
  const answer = await ask(here.number, 'GET /topics/articles/changes HTTP/1.1\nHost: localhost');
  expect(answer).toMatch(/^HTTP\/1\.1 410 [\s\S]*application\/problem\+json[\s\S]*"earliestOffset":7/);
});

test('a reader that comes back while nothing happens is let in without an event', async () => {
  const { until, received } = watch('', 'Last-Event-ID: abc\r\n');
  await untilTrue(() => lookups.asked.length === 1);
  await here.clock.advance(200);
  await until(/retry: 2000/);
  expect(received()).toMatch(/^HTTP\/1\.1 200 OK/);
  told.push(new LookupRefused({ reason: 'unknown-topic' }, 'the topic is gone'));
  await until(/event: end\ndata: .*urn:kompakt:unknown-topic.*the topic is gone/);
});

test('a quiet stream has a comment now and then, a busy one needs none', async () => {
  told.push(live);
  const { until, received } = watch();
  await until(/event: live/);
  await here.clock.advance(15_000);
  expect(received()).not.toMatch(/^:$/m);
  await here.clock.advance(15_000);
  await until(/^:$/m);
});

describe('the end of a stream', () => {
  test('comes with its reason, and ends the connection', async () => {
    told.push(live);
    const { until, closed } = watch('', 'Connection: close\r\n');
    await until(/event: live/);
    told.push(new LookupRefused({ reason: 'storage' }, 'the disk has failed'));
    const events = eventsOf(await closed);
    expect(events.at(-1)!.event).toBe('end');
    expect(JSON.parse(events.at(-1)!.data)).toMatchObject({
      type: 'urn:kompakt:storage-unreadable',
      status: 503,
    });
  });

  test('that nobody has foreseen is logged, and told without its words', async () => {
    told.push(live);
    const { until, received } = watch();
    await until(/event: live/);
    told.push(new Error('secret'));
    await until(/event: end\ndata: .*urn:kompakt:unforeseen/);
    expect(received()).not.toContain('secret');
    expect(here.lines.map(({ message }) => message)).toEqual(['a change stream failed']);
  });

  test('is the stop of the broker too', async () => {
    told.push(live);
    const { until, closed } = watch();
    await until(/event: live/);
    await here.port!.close();
    expect(await closed).toMatch(/event: end\ndata: .*urn:kompakt:stopping/);
    expect(told.isAborted).toBe(true);
  });

  test('is noticed when the reader goes away', async () => {
    told.push(live);
    const { until, socket } = watch();
    await until(/event: live/);
    socket.destroy();
    await untilTrue(() => told.isAborted);
    expect(here.port!.changeStreamCount).toBe(0);
    expect(here.lines).toEqual([]);
  });
});

test('a reader that has left before it was let in is not waited for', async () => {
  let isServed = false;
  // As when the first request of all waits until fastify is loaded.
  const around: TestPortOptions['around'] = (serve) => (request, response) => {
    if (request.url === '/health') return serve(request, response);
    response.once('close', () => {
      serve(request, response);
      isServed = true;
    });
  };
  const late = await openPort({ lookups, around });
  await ask(late.number, 'GET /health HTTP/1.1\nHost: localhost');
  const { socket } = rawConnection(
    late.number,
    'GET /topics/articles/changes HTTP/1.1\r\nHost: localhost\r\n\r\n',
  );
  socket.once('connect', () => socket.end());
  await untilTrue(() => isServed);
  await untilStill(() => late.port!.changeStreamCount);
  expect(late.port!.changeStreamCount).toBe(0);
  await late.port!.close();
});

test('so many streams at a time, and no more', async () => {
  told.push(live);
  await watch().until(/event: live/);
  const second = watch();
  await untilTrue(() => here.port!.changeStreamCount === 2);
  const third = await ask(here.number, 'GET /topics/articles/changes HTTP/1.1\nHost: localhost');
  expect(third).toMatch(/^HTTP\/1\.1 429 [\s\S]*retry-after: 5[\s\S]*kompakt\.http\.change\.streams\.max/);
  second.socket.destroy();
  await untilTrue(() => here.port!.changeStreamCount === 1);
});

test('a reader that takes nothing costs no memory, and is told why it is dropped', async () => {
  const large = 'x'.repeat(1_000_000);
  const count = 100;
  for (let n = 0; n < count; n++) told.push(record(`k${n}`, large, true));
  const { socket, until, closed } = watch('', 'Connection: close\r\n');
  await until(/event: snapshot/);
  socket.pause();
  await untilStill(() => told.taken);
  // What the sockets of both sides hold; the rest waits where it is.
  expect(told.taken).toBeLessThan(count / 2);
  const taken = told.taken;
  await here.clock.advance(59_000);
  expect(told.taken).toBe(taken);
  await here.clock.advance(1_000);
  expect(told.isAborted).toBe(true);
  socket.resume();
  expect(eventsOf(await closed).at(-1)).toMatchObject({ event: 'end' });
});

test('readers that take nothing together hold so much, and no more for long', async () => {
  await here.port!.close();
  here = await openPort({ lookups, settings: { 'kompakt.http.change.streams.max': 100 } });
  lookups.changesOf = async function* ({ signal }) {
    // More than the sockets of both sides hold.
    for (let n = 0; !signal!.aborted; n++) yield record(`k${n}`, large);
  };
  const large = 'x'.repeat(8_000_000);
  for (let n = 0; n < 12; n++) {
    const { socket, until } = watch();
    await until(/event: change/);
    socket.pause();
  }
  const count = () => here.port!.changeStreamCount;
  await untilStill(() => lookups.log.length);
  expect(count()).toBe(12);
  await here.clock.advance(5_000);
  await untilTrue(() => count() < 12);
  // A socket holds an event of 8 MB, or what is left of it.
  expect(count()).toBeLessThanOrEqual(11);
  expect(count()).toBeGreaterThanOrEqual(8);
});

/** Waits, in turns of the event loop, until it is so. */
async function untilTrue(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Until a thousand turns of the event loop have not changed it. */
async function untilStill(value: () => number): Promise<void> {
  for (let still = 0, last = value(); still < 1_000; still++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (value() !== last) [still, last] = [0, value()];
  }
}
