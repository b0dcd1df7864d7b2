/** What no client library would send, and what some do: bytes on a socket. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HttpPort } from '../../../broker/http/http-port.ts';
import { isFree, quietPort } from '../../quiet-port.ts';
import { ask, openPort, rawConnection, type TestPort, type TestPortOptions } from './port.ts';

const opened: HttpPort[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((port) => port.close()));
});

async function open(options: TestPortOptions = {}): Promise<TestPort> {
  const made = await openPort(options);
  if (made.port !== null) opened.push(made.port);
  return made;
}

let here: TestPort;
beforeEach(async () => {
  here = await open();
});

const host = 'Host: localhost';
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
const get = (target: string, more = host) => ask(here.number, `GET ${target} HTTP/1.1\n${more}`);
const keyAsked = () => (here.lookups.asked.at(-1) as { key: Buffer }).key.toString();

describe('a path', () => {
  test.each([
    ['..', '..'],
    ['.', '.'],
    ['%2e%2e', '..'],
    ['..%2F..%2Fetc', '../../etc'],
    ['%252e%252e', '%2e%2e'],
    ['a;b', 'a;b'],
    ['', ''],
    ['a%00b', 'a\0b'],
  ])('keys/%s asks for the key %j, whatever it looks like', async (segment, key) => {
    expect(statusOf(await get(`/topics/articles/keys/${segment}`))).toBe(404);
    expect(keyAsked()).toBe(key);
  });

  test.each([
    ['/topics/articles/keys/a#b', 400],
    ['http://evil.example/topics/articles/keys/a', 400],
    ['//evil.example/topics/articles/keys/a', 404],
    ['/topics/articles/keys/%', 400],
    ['/topics/articles/keys/%zz', 400],
    ['/topics/articles/keys/%FF', 400],
    ['/topics/articles/keys?prefix=%FF', 400],
    ['/topics/articles/keys/../../../etc/passwd', 404],
    ['/topics\\articles/keys/a', 404],
    ['*', 400],
  ])('%s is answered %i, and asks for nothing', async (target, status) => {
    expect(statusOf(await get(target))).toBe(status);
    expect(here.lookups.asked).toEqual([]);
  });

  test('holds a key of 4,000 bytes in every notation, and one that is too long is told of batches', async () => {
    const key = 'ö'.repeat(2_000);
    for (const text of [encodeURIComponent(key), `hex:${Buffer.from(key).toString('hex')}`]) {
      expect(statusOf(await get(`/topics/articles/keys/${text}`))).toBe(404);
      expect(keyAsked()).toBe(key);
    }
    const answer = await get(`/topics/articles/keys/${'x'.repeat(40_000)}`);
    expect(statusOf(answer)).toBe(431);
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain('keys:batch');
  });
});

describe('a head', () => {
  test.each([
    ['no Host', '', 400],
    ['an empty Host', 'Host:', 421],
    ['another Host', 'Host: evil.example', 421],
    ['two Hosts', 'Host: localhost\nHost: evil.example', 421],
    ['the address that it came in on', 'Host: 127.0.0.1:9080', 200],
  ])('with %s', async (_, more, status) => {
    here.lookups.add('k', 'v');
    expect(statusOf(await get('/topics/articles/keys/k', more))).toBe(status);
  });

  test('without a Host, of HTTP/1.0, names nobody', async () => {
    expect(statusOf(await ask(here.number, 'GET / HTTP/1.0'))).toBe(421);
  });

  test.each([
    ['no HTTP', 'GET\r\n\r\n'],
    ['TLS', Buffer.from('16030100f4010000f003034b', 'hex')],
    ['Kafka', Buffer.from('00000012001200030000000100046b63617400', 'hex')],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a line that goes on', 'GET / HTTP/1.1\r\nHost: localhost\r\n evil: x\r\n\r\n'],
  ])('of %s is closed with a 400 at most', async (_, bytes) => {
    const { socket, closed } = rawConnection(here.number, bytes);
    socket.end();
    expect(await closed).toMatch(/^(HTTP\/1\.1 400 [\s\S]*urn:kompakt:bad-request.*)?$/);
    expect(here.lookups.asked).toEqual([]);
  });

  test('of many lines, of an expectation that nobody has, of an upgrade', async () => {
    const many = Array.from({ length: 150 }, (_, n) => `X-${n}: ${n}`).join('\n');
    expect(statusOf(await get('/', `${host}\n${many}`))).toBe(200);
    expect(statusOf(await get('/', `${host}\nExpect: miracles`))).toBe(417);
    expect(statusOf(await get('/', `${host}\nConnection: upgrade\nUpgrade: websocket`))).toBe(200);
  });

  test('of CONNECT ends the connection', async () => {
    expect(await ask(here.number, `CONNECT evil.example:443 HTTP/1.1\n${host}`)).not.toContain('200');
  });
});

describe('a body', () => {
  const put = (body: string, more: string) =>
    ask(here.number, `PUT /topics/articles/keys/k HTTP/1.1\n${host}\n${more}`, body);
  const chunked = 'Transfer-Encoding: chunked';

  test('comes with a length, in chunks, or not at all', async () => {
    expect(statusOf(await put('value', 'Content-Length: 5'))).toBe(200);
    expect(statusOf(await put('3\r\nval\r\n2\r\nue\r\n0\r\n\r\n', chunked))).toBe(200);
    expect(statusOf(await put('', ''))).toBe(200);
    expect(here.lookups.log.map(({ value }) => value!.toString())).toEqual(['value', 'value', '']);
  });

  test('that is too large is refused from its length, or when it becomes so; the connection goes on', async () => {
    const large = 'x'.repeat(200_000);
    const next = `GET /health HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`;
    const head = `PUT /topics/articles/keys/k HTTP/1.1\r\n${host}\r\n`;
    for (const request of [
      `${head}Content-Length: ${large.length}\r\n\r\n${large}`,
      `${head}${chunked}\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
    ]) {
      const answers = await rawConnection(here.number, request, next).closed;
      expect(answers.match(/^HTTP\/1\.1 \d+|HTTP\/1\.1 200/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
    }
    expect(here.lookups.log).toEqual([]);
  });

  test('that is asked for first is refused before it is sent', async () => {
    const head = `PUT /topics/articles/keys/k HTTP/1.1\r\n${host}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n`;
    const { until, socket } = rawConnection(here.number, `${head}\r\n`);
    await until(/100 Continue/);
    socket.write('value');
    await until(/HTTP\/1\.1 200/);
    socket.destroy();
  });

  test('that breaks off writes nothing', async () => {
    const { socket, closed } = rawConnection(
      here.number,
      `PUT /topics/articles/keys/k HTTP/1.1\r\n${host}\r\nContent-Length: 5\r\n\r\nval`,
    );
    socket.end();
    await closed;
    expect(statusOf(await get('/health'))).toBe(200);
    expect(here.lookups.log).toEqual([]);
  });
});

describe('time', () => {
  const times = { headerMsMax: 40, requestMsMax: 80, idleMsMax: 40, checkMs: 10 };

  test('is not given for ever to a head, to a body, or to nobody', async () => {
    here = await open({ times });
    const slowHead = rawConnection(here.number, `GET / HTTP/1.1\r\n${host}\r\nX: `);
    expect(await slowHead.closed).toMatch(/^HTTP\/1\.1 408 [\s\S]*urn:kompakt:too-slow/);
    const head = `PUT /topics/articles/keys/k HTTP/1.1\r\n${host}\r\nContent-Length: 5\r\n\r\nv`;
    await rawConnection(here.number, head).closed;
    expect(here.lookups.log).toEqual([]);
    const idle = rawConnection(here.number, `GET /health HTTP/1.1\r\n${host}\r\n\r\n`);
    expect(statusOf(await idle.closed)).toBe(200);
  });
});

describe('the port', () => {
  test('has room for so many connections, and says once that there were more', async () => {
    here = await open({ settings: { 'kompakt.http.connections.max': 2 } });
    const held = [rawConnection(here.number), rawConnection(here.number)];
    for (const { socket, until } of held) {
      socket.write(`GET /health HTTP/1.1\r\n${host}\r\n\r\n`);
      await until(/200/);
    }
    for (let i = 0; i < 3; i++) expect(await rawConnection(here.number).closed).toBe('');
    expect(here.lines.map(({ message }) => message)).toEqual([
      'more than 2 connections: new ones are closed',
    ]);
    held[0]!.socket.destroy();
  });

  test('is free after close, which ends what is open at once', async () => {
    const { socket, until, closed } = rawConnection(here.number, `GET /health HTTP/1.1\r\n${host}\r\n\r\n`);
    await until(/200/);
    socket.write(`PUT /topics/articles/keys/k HTTP/1.1\r\n${host}\r\nContent-Length: 5\r\n\r\nv`);
    await here.port!.close();
    await closed;
    expect(await isFree(here.number)).toBe(true);
  });

  test('that is taken is a warning where nobody chose it, and an error where somebody did', async () => {
    const number = await quietPort();
    const settings = { 'kompakt.http.port': number };
    await open({ settings });
    await expect(openPort({ settings })).rejects.toThrow(
      `127.0.0.1:${number}, for HTTP, is in use by another program`,
    );
    const unchosen = await openPort({ settings, isChosen: false });
    expect(unchosen.port).toBeNull();
    expect(unchosen.lines).toMatchObject([
      { level: 'warn', message: expect.stringContaining(`:${number} is in use`) },
    ]);
  });

  test('that cannot be had is an error too', async () => {
    const settings = { 'kompakt.http.host': '203.0.113.1', 'kompakt.http.port': 9080 };
    await expect(openPort({ settings })).rejects.toThrow(
      '203.0.113.1:9080, for HTTP, cannot be had: EADDRNOTAVAIL',
    );
  });

  test('serves many who come before fastify is loaded', async () => {
    here.lookups.add('k', 'v');
    const answers = await Promise.all(Array.from({ length: 20 }, () => get('/topics/articles/keys/k')));
    expect(answers.map(statusOf)).toEqual(Array(20).fill(200));
  });

  test('answers what is pipelined in order', async () => {
    for (const n of [1, 2, 3]) here.lookups.add(`k${n}`, `value ${n}`);
    const requests = [1, 2, 3].map((n) => `GET /topics/articles/keys/k${n} HTTP/1.1\r\n${host}\r\n\r\n`);
    const { until, received, socket } = rawConnection(here.number, requests.join(''));
    await until(/value 3/);
    expect(received().match(/value \d/g)).toEqual(['value 1', 'value 2', 'value 3']);
    socket.destroy();
  });
});
