/** What tests in any language decide and ask over HTTP, and that nobody may where it is not allowed. */
import { beforeEach, describe, expect, it } from 'vitest';
import { CompactionRefused } from '../../../broker/cleaning/compaction-refused.ts';
import { TestControl } from '../../../broker/faults/test-control.ts';
import type { HookedRequest } from '../../../broker/network/request-hook.ts';
import { Gaps } from '../../../broker/observe/gaps.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { callerOf } from '../caller.ts';
import { type AskOptions, type TestApp, testApp } from './app.ts';

let app: TestApp;
let control: TestControl;
let gaps: Gaps;

beforeEach(async () => {
  app = await testApp();
  control = new TestControl(null);
  gaps = new Gaps(new VirtualClock(), { ignoredKeys: () => [] });
  const compact = async (topic: string, options: object = {}) => {
    if (topic !== 'prices') throw new CompactionRefused(`there is no topic ${topic}`);
    const { signal: _signal, ...rest } = options as { signal?: AbortSignal };
    return [{ topic, partition: 0, outcome: 'cleaned', asked: rest }] as never;
  };
  const broker = Promise.resolve({ compact } as never);
  app.test = { control, gaps, broker };
});

const post = (url: string, body: unknown, more: AskOptions = {}) =>
  app.ask('POST', url, {
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...more.headers },
  });

describe('a fault', () => {
  const options = { api: 'Produce', topic: 'orders', error: 'NOT_LEADER_OR_FOLLOWER', times: 2 };

  it('is made, looked at, listed, and taken back', async () => {
    const made = await post('/test/faults', options);
    expect([made.status, made.json]).toEqual([200, { id: 1, hits: 0, isOver: false, options }]);
    expect(control.faults.size).toBe(1);
    await post('/test/faults', { api: 'Fetch', dropConnection: true });
    const { faults } = (await app.ask('GET', '/test/faults')).json;
    expect(faults.map((fault: { id: number }) => fault.id)).toEqual([1, 2]);
    const gone = await app.ask('DELETE', '/test/faults/1');
    expect(gone.json).toMatchObject({ id: 1, isOver: true });
    expect((await app.ask('GET', '/test/faults/1')).json).toMatchObject({ hits: 0, isOver: true });
    expect((await app.ask('DELETE', '/test/faults')).json).toEqual({ faults: [] });
    expect(control.faults.size).toBe(0);
    expect((await app.ask('GET', '/test/faults/1')).json).toMatchObject({
      status: 404,
      type: 'urn:kompakt:unknown-fault',
    });
  });

  it.each([
    [{ error: 'NOT_COORDINATOR' }, /api/],
    [{ api: 'Produce' }, /error: a fault needs an effect/],
    [{ api: 'Prodce', error: 'NOT_COORDINATOR' }, /did you mean Produce/],
    [{ api: 'Produce', error: 'NOT_COORDINATOR', tmies: 3 }, /tmies .*did you mean times/],
    [{ api: 'Produce', error: 'NOT_COORDINATOR', times: 0 }, /times must be a whole number from 1/],
    [{ api: 'Produce', error: 'NOT_COORDINATOR', times: 'x' }, /times must be integer/],
    [{ api: 'Produce', delayMs: -5 }, /delayMs/],
    [[], /must be object/],
    ['Produce', /must be object/],
    [null, /must be object/],
  ])('that makes no sense is a problem that names the option: %j', async (body, detail) => {
    const { status, json } = await post('/test/faults', body);
    expect([status, json.type]).toEqual([400, 'urn:kompakt:bad-request']);
    expect(json.detail).toMatch(detail);
    expect(control.faults.size).toBe(0);
  });

  it.each(['0', '99', 'x', '-1', '1e3', '9'.repeat(400)])(
    'that is not there cannot be looked at or taken back: %s',
    async (id) => {
      for (const method of ['GET', 'DELETE'])
        expect((await app.ask(method, `/test/faults/${id}`)).status).toBe(404);
    },
  );
});

it('requests are told, by API and client', async () => {
  const note = (clientId: string) =>
    control.requests.note(
      { api: heartbeat, caller: callerOf({ clientId }), body: { groupId: 'g', big: 5n } } as HookedRequest,
      7,
    );
  note('a');
  note('b');
  const all = (await app.ask('GET', '/test/requests')).json;
  expect(all).toMatchObject({
    dropped: 0,
    requests: [{ api: 'Heartbeat', clientId: 'a', timeMs: 7, body: { big: '5' } }, { clientId: 'b' }],
  });
  const count = async (query: string) =>
    (await app.ask('GET', `/test/requests?${query}`)).json.requests.length;
  expect(await count('client-id=b')).toBe(1);
  expect(await count('api=Fetch,Heartbeat')).toBe(2);
  expect(await count('api=Fetch')).toBe(0);
  expect((await app.ask('GET', '/test/requests?topic=x')).status).toBe(400);
});

it('gaps are told', async () => {
  gaps.note(
    { kind: 'api', name: 'ShareFetch', outcome: 'refused', why: 'So.', subject: 'share-groups' },
    'a',
  );
  expect((await app.ask('GET', '/test/gaps')).json).toMatchObject({
    gaps: [{ name: 'ShareFetch', clients: ['a'] }],
    others: 0,
  });
});

it('a topic is compacted, or a problem says why not', async () => {
  const done = await post('/test/topics/prices/compact', { includeActive: true });
  expect(done.json).toEqual({
    receipts: [{ topic: 'prices', partition: 0, outcome: 'cleaned', asked: { includeActive: true } }],
  });
  expect((await post('/test/topics/none/compact', {})).json).toMatchObject({
    status: 409,
    detail: 'there is no topic none',
  });
  expect((await post('/test/topics/prices/compact', { includeActve: true })).status).toBe(400);
});

describe('nobody may', () => {
  const asked = [
    ['GET', '/test/faults'],
    ['GET', '/test/faults/1'],
    ['DELETE', '/test/faults'],
    ['DELETE', '/test/faults/1'],
    ['GET', '/test/requests'],
    ['GET', '/test/gaps'],
  ] as const;

  it('where test control is off; the problem names the option', async () => {
    app.test = null;
    for (const [method, url] of asked) {
      const { status, json } = await app.ask(method, url);
      expect([status, json.type]).toEqual([403, 'urn:kompakt:no-test-control']);
      expect(json.detail).toContain('--test-control');
    }
    expect((await post('/test/faults', { api: 'Produce', delayMs: 1 })).status).toBe(403);
    expect((await post('/test/topics/prices/compact', {})).status).toBe(403);
  });

  it('who is a page of another site, or has not the token', async () => {
    const origin = { origin: 'https://evil.example' };
    expect((await post('/test/faults', { api: 'Produce', delayMs: 1 }, { headers: origin })).status).toBe(
      403,
    );
    expect((await app.ask('DELETE', '/test/faults', { headers: origin })).status).toBe(403);
    const form = { headers: { 'content-type': 'text/plain' }, body: '{"api":"Produce","delayMs":1}' };
    expect((await app.ask('POST', '/test/faults', form)).status).toBe(415);
    const kept = await testApp({ 'kompakt.http.token': 'a token that is long enough to be one' });
    kept.test = app.test;
    for (const [method, url] of asked) expect((await kept.ask(method, url)).status).toBe(401);
    expect(control.faults.size).toBe(0);
  });
});
