/** What is answered as soon as it is read is what the routes answer, byte for byte; and nobody gets past the guard by being plain. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeLookups } from './fake-lookups.ts';
import { ask, openPort, rawConnection, type TestPort } from './port.ts';

const token = 'a-token-that-is-long-enough';
let lookups: FakeLookups;
let open: TestPort;
let guarded: TestPort;
const current = new Proxy({} as FakeLookups, {
  get: (_, name: keyof FakeLookups) => {
    const member = lookups[name];
    return typeof member === 'function' ? (member as () => unknown).bind(lookups) : member;
  },
});

beforeAll(async () => {
  open = await openPort({ lookups: current });
  guarded = await openPort({ lookups: current, settings: { 'kompakt.http.token': token } });
});
afterAll(() => Promise.all([open.port?.close(), guarded.port?.close()]));
beforeEach(() => {
  lookups = new FakeLookups();
  lookups.add('4711', '{"name":"shoe","skus":[{"price": 119.90}],"größe":1}', {
    headers: [{ name: 'from', value: Buffer.from('ä') }],
  });
  lookups.add('many', '1', { headers: [{ name: 'x'.repeat(9_000), value: null }] });
  lookups.add('text', 'größer');
  lookups.add('binary', Buffer.from([0xff, 0x00, 0x80]));
  lookups.add('empty', '');
  for (const odd of ['text:user:1', '/', '%2F', 'a größe+?x#y;', '..']) lookups.add(odd, odd);
  lookups.add('large', `[${'"0123456789äöü",'.repeat(3_000)}0]`);
  lookups.add('gone', '1');
  lookups.add('gone', null);
  lookups.add('both', '1');
  lookups.add('both', '2', { partition: 1 });
  lookups.add(Buffer.from([0xff]), 'of a key that is no text');
});

/** Both ways; without what says when. */
async function bothWays(
  port: TestPort,
  head: string,
): Promise<{ plain: string; routed: string; wasPlain: boolean }> {
  const answers: string[] = [];
  for (const answersNow of [false, true]) {
    lookups.answersNow = answersNow;
    const answer = await ask(port.number, head);
    answers.push(sortedHead(answer.replace(/^Date: .*\r\n/im, '')));
  }
  return { routed: answers[0]!, plain: answers[1]!, wasPlain: lookups.answeredNow > 0 };
}

/** Header lines have no order, and their names no case. */
function sortedHead(answer: string): string {
  const end = answer.indexOf('\r\n\r\n');
  const [status, ...lines] = answer.slice(0, end).split('\r\n');
  const named = lines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
  return [status, ...named.sort(), answer.slice(end)].join('\n');
}

const key = (rest: string, ...lines: string[]) =>
  [`GET /topics/articles/keys/${rest} HTTP/1.1`, 'Host: localhost', ...lines].join('\n');

describe('a plain GET', () => {
  test.each([
    key('4711'),
    key('many'),
    key('text'),
    key('binary'),
    key('empty'),
    key('large'),
    key('hex:ff'),
    key('text:4711'),
    key('text%3A4711'),
    key('%347%311'),
    key('text%3Atext%3Auser%3A1'),
    key('%2F'),
    key('%252F'),
    key('a%20gr%C3%B6%C3%9Fe+%3Fx%23y%3B'),
    key('%2e%2e'),
    key('4711', 'Accept: application/json, text/plain;q=0.5'),
    key('4711', 'ACCEPT: text/plain'),
    key('4711', 'Sec-Fetch-Site: cross-site', 'Referer: http://evil.example/'),
    key('4711?at=/skus/0/price'),
    key('4711?at=%2Fskus%2F0%2Fprice'),
    key('4711?at=/gr%C3%B6%C3%9Fe'),
    key('4711?at='),
    'GET /topics/articles/keys/4711 HTTP/1.0\nHost: localhost',
  ])('is answered at once as the routes answer it: %j', async (head) => {
    const { plain, routed, wasPlain } = await bothWays(open, head);
    expect(plain).toBe(routed);
    expect(plain).toMatch(/^HTTP\/1\.1 200 /);
    expect(wasPlain).toBe(true);
  });
});

describe('what is not found, or cannot be told so, comes from the routes', () => {
  test.each([
    key('0815'),
    key('gone'),
    key('both'),
    key('hex:f'),
    key('hex%3Af'),
    key('%ff'),
    key('%'),
    key('4711%'),
    key('%C3%28'),
    key('4711', 'Accept: image/png;q=0, text/html;q=0'),
    key('binary', 'Accept: application/json'),
    key('4711?at=skus'),
    key('4711?at=/none'),
    key('text?at=/none'),
  ])('%j', async (head) => {
    const { plain, routed } = await bothWays(open, head);
    expect(plain).toBe(routed);
    expect(plain).not.toMatch(/^HTTP\/1\.1 200 /);
  });

  test('a refusal of the store', async () => {
    lookups.refuse({ reason: 'unknown-topic' }, 'there is no topic articles');
    const { plain, routed } = await bothWays(open, key('4711'));
    expect(plain).toBe(routed);
    expect(plain).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe('what is not plain is not even asked for at once', () => {
  test.each([
    key('4711').replace('GET', 'HEAD'),
    key('4711').replace('GET', 'OPTIONS'),
    key('4711?partition=0'),
    key('4711?at=/name&partition=0'),
    key('4711?at=/a+b'),
    key('4711?'),
    key('4711/history'),
    key('47;11'),
    key('4711', 'If-None-Match: "x"'),
    key('4711', 'If-Match: "x"'),
    key('4711', 'Origin: http://evil.example'),
    key('4711', 'Content-Length: 0'),
    key('4711').replace('/topics', '//topics'),
    key('4711').replace('/keys', '/KEYS'),
    key('4711').replace('articles', 'art%69cles'),
  ])('%j', async (head) => {
    const { plain, routed, wasPlain } = await bothWays(open, head);
    expect(plain).toBe(routed);
    expect(wasPlain).toBe(false);
  });
});

describe('nobody gets past the guard by being plain', () => {
  const rebound = 'GET /topics/articles/keys/4711 HTTP/1.1\nHost: evil.example';
  const two = 'GET /topics/articles/keys/4711 HTTP/1.1\nHost: localhost\nhOST: evil.example';
  test.each([
    [421, 'open', rebound],
    [421, 'open', two],
    [400, 'open', 'GET http://evil.example/topics/articles/keys/4711 HTTP/1.1\nHost: localhost'],
    [400, 'open', key('4711?at=%FF')],
    [401, 'guarded', key('4711')],
    [401, 'guarded', key('4711', 'Authorization: Bearer wrong')],
    [421, 'guarded', `${rebound}\nAuthorization: Bearer ${token}`],
  ])('%i on the %s port: %j', async (status, port, head) => {
    const { plain, routed, wasPlain } = await bothWays(port === 'open' ? open : guarded, head);
    expect(plain).toBe(routed);
    expect(plain).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(wasPlain).toBe(false);
    expect(plain).not.toContain('shoe');
  });

  test('whoever has the token is answered', async () => {
    const { plain, wasPlain } = await bothWays(guarded, key('4711', `Authorization: Bearer ${token}`));
    expect(plain).toMatch(/^HTTP\/1\.1 200 /);
    expect(wasPlain).toBe(true);
  });
});

describe('on one connection', () => {
  const sockets: { destroy(): void }[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  test('answers come in the order of the requests, whichever way each is answered', async () => {
    lookups.answersNow = true;
    const requests = [
      'empty',
      '0815',
      'text',
      'text?partition=0',
      'binary',
      '4711?at=/name',
      'gone',
      'empty',
    ];
    const connection = rawConnection(
      open.number,
      requests.map((rest) => `${key(rest).replaceAll('\n', '\r\n')}\r\n\r\n`).join(''),
    );
    sockets.push(connection.socket);
    await connection.until(/(?:HTTP\/1\.1 [\s\S]*){8}\r\n\r\n/);
    const statuses = [...connection.received().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    expect(statuses).toEqual(['200', '404', '200', '200', '200', '200', '404', '200']);
    expect(connection.received()).toContain('"shoe"');
  });
});
