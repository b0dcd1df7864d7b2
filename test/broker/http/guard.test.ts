/** What nobody gets in with: other names, other sites, forms, no token; and what every answer carries. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from './app.ts';
import { expectProblem } from './expect-problem.ts';

const path = '/topics/articles/keys/k';
let app: TestApp;
beforeEach(async () => {
  app = await testApp();
  app.lookups.add('k', 'v');
});

const get = (headers: Record<string, string>) => app.ask('GET', path, { headers });
const put = (headers: Record<string, string>) => app.ask('PUT', path, { headers, body: 'v' });

describe('the Host', () => {
  test.each(['localhost', 'localhost:9080', 'LOCALHOST:80', '127.0.0.1:9080', '127.9.9.9', '[::1]:9080'])(
    '%s is ours',
    async (host) => expect((await get({ host })).status).toBe(200),
  );

  test.each([
    'evil.example',
    'evil.example:9080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.evil.example',
    '192.168.1.7:9080',
    'localhost:9080@evil.example',
    'localhost evil',
    '[::1',
  ])('%j is not', async (host) => {
    expectProblem(await get({ host }), 421, 'wrong-host');
    expectProblem(await put({ host }), 421, 'wrong-host');
    expectProblem(await app.ask('GET', '/health', { headers: { host } }), 421, 'wrong-host');
    expectProblem(await app.ask('OPTIONS', path, { headers: { host } }), 421, 'wrong-host');
    expect(app.lookups.asked).toEqual([]);
  });

  test('may be the bound one, or one that is allowed', async () => {
    app = await testApp({
      'kompakt.http.host': 'Broker.example',
      'kompakt.http.allowed.hosts': ['shop.example'],
      'kompakt.http.token': 'secret',
    });
    app.lookups.add('k', 'v');
    const authorization = 'Bearer secret';
    for (const host of ['broker.example:9080', 'shop.example', 'SHOP.example:1', 'localhost'])
      expect((await get({ host, authorization })).status).toBe(200);
    expectProblem(await get({ host: 'other.example', authorization }), 421, 'wrong-host');
  });
});

describe('a page of another site', () => {
  const foreign = [
    { origin: 'https://evil.example' },
    { origin: 'http://localhost:3000' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ];

  test.each(foreign)('%j writes nothing', async (headers) => {
    expectProblem(await put(headers as never), 403, 'foreign-origin');
    const others = { headers: headers as never };
    expectProblem(await app.ask('DELETE', path, others), 403, 'foreign-origin');
    expectProblem(await app.ask('POST', '/topics/articles/keys:batch', others), 403, 'foreign-origin');
    expect(app.lookups.log).toHaveLength(1);
  });

  test('is told by no header that it might read', async () => {
    for (const headers of foreign) {
      const answer = await get(headers as never);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect(answer.headers['cross-origin-resource-policy']).toBe('same-origin');
    }
    const asked = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' };
    const preflight = await app.ask('OPTIONS', path, { headers: asked });
    expect(preflight.status).toBe(204);
    expect(Object.keys(preflight.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('is another matter than a page of our own, or no page', async () => {
    expect((await put({ origin: 'http://localhost:9080' })).status).toBe(200);
    expect((await put({ 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect((await put({ 'sec-fetch-site': 'none' })).status).toBe(200);
    expect((await put({})).status).toBe(200);
  });

  test('may do both where kompakt.http.cors.origins has it', async () => {
    app = await testApp({ 'kompakt.http.cors.origins': ['https://shop.example'] });
    app.lookups.add('k', 'v');
    const origin = 'https://shop.example';
    const read = await get({ origin, 'sec-fetch-site': 'cross-site' });
    expect(read.headers).toMatchObject({
      'access-control-allow-origin': origin,
      vary: expect.stringContaining('origin'),
    });
    expect(read.headers['access-control-expose-headers']).toContain('etag');
    expect((await put({ origin, 'sec-fetch-site': 'cross-site' })).status).toBe(200);
    const headers = {
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-private-network': 'true',
    };
    const preflight = await app.ask('OPTIONS', path, { headers });
    expect(preflight).toMatchObject({ status: 204, body: '' });
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, PUT, DELETE, OPTIONS',
      'access-control-allow-private-network': 'true',
    });
    expect(preflight.headers['access-control-allow-headers']).toContain('if-match');
    const problem = await app.ask('GET', '/topics/articles/keys/none', { headers: { origin } });
    expect(problem.headers['access-control-allow-origin']).toBe(origin);
    expectProblem(await put({ origin: 'https://evil.example' }), 403, 'foreign-origin');
  });
});

describe('a token', () => {
  beforeEach(async () => {
    app = await testApp({
      'kompakt.http.token': 'correct-horse',
      'kompakt.http.cors.origins': ['https://shop.example'],
    });
    app.lookups.add('k', 'v');
  });

  test('opens everything, and nothing else does', async () => {
    for (const authorization of ['Bearer correct-horse', 'bearer  correct-horse'])
      expect((await get({ authorization })).status).toBe(200);
    const wrong = [
      '',
      'correct-horse',
      'Basic correct-horse',
      'Bearer',
      'Bearer correct-hors',
      'Bearer correct-horse2',
      'Bearer correct-horse x',
    ];
    for (const authorization of wrong) {
      const refused = await get({ authorization });
      expectProblem(refused, 401, 'no-token');
      expect(refused.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(refused.body).not.toContain('correct-horse');
      expectProblem(await put({ authorization }), 401, 'no-token');
    }
    for (const url of ['/', '/openapi.json', '/topics/articles/changes', '/nothing', '/health/', '/health?x'])
      expectProblem(await app.ask('GET', url), 401, 'no-token');
    expect(app.lookups.asked).toHaveLength(2);
  });

  test('is not asked for by a probe, nor of a preflight', async () => {
    expect((await app.ask('GET', '/health')).json).toEqual({ status: 'ok' });
    const headers = { origin: 'https://shop.example', 'access-control-request-method': 'PUT' };
    expect((await app.ask('OPTIONS', path, { headers })).status).toBe(204);
  });
});

describe('other methods and paths', () => {
  test.each(['PROPFIND', 'PATCH', 'POST', 'TRACE', 'MKCOL', 'QUERY'])('%s is not allowed', async (method) => {
    const answer = await app.ask(method, path);
    expectProblem(answer, 405, 'method-not-allowed');
    expect(answer.headers['allow']).toBe('GET, HEAD, PUT, DELETE, OPTIONS');
  });

  test('each path has its own', async () => {
    const allowed = async (url: string) => (await app.ask('OPTIONS', url)).headers['allow'];
    expect(await allowed('/topics/articles/changes')).toBe('GET, OPTIONS');
    expect(await allowed('/topics/articles/keys:batch')).toBe('POST, OPTIONS');
    expect(await allowed('/topics/articles/keys')).toBe('GET, HEAD, OPTIONS');
    expect((await app.ask('HEAD', '/topics/articles/changes')).status).toBe(405);
  });

  test.each([
    '/nothing',
    '/topics',
    '/topics/articles',
    '/topics/articles/keys/k/',
    '/topics//articles/keys/k',
    '/TOPICS/articles/keys/k',
    '/topics/articles/keys/a/b/c',
  ])('%s is nowhere', async (url) => expectProblem(await app.ask('GET', url), 404, 'no-such-path'));
});

test('a health that is none says so', async () => {
  app.state.isOffline = true;
  expectProblem(await app.ask('GET', '/health'), 503, 'storage-unreadable');
});
