/** The OpenAPI document is one, and what is answered is what it says. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { TestControl } from '../../../broker/faults/test-control.ts';
import { batchSchema, type ParameterName, parameters, querySchema } from '../../../broker/http/schemas.ts';
import * as testSchemas from '../../../broker/http/test-schemas.ts';
import type { HookedRequest } from '../../../broker/network/request-hook.ts';
import { Gaps } from '../../../broker/observe/gaps.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { callerOf } from '../caller.ts';
import { type Answer, type AskOptions, type TestApp, testApp } from './app.ts';
import { fakeBroker } from './fake-broker.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema?: object }>> }>
  >;
}

let app: TestApp;
let document: { paths: Record<string, Record<string, Operation>> };
let ajv: Ajv2020;

beforeAll(async () => {
  app = await testApp();
  document = (await app.ask('GET', '/openapi.json')).json;
  ajv = new Ajv2020({ strict: false });
  ajv.addSchema(document, 'openapi');
  const control = new TestControl(null);
  const body = { groupId: 'g', bytes: Buffer.alloc(3) };
  control.requests.note({ api: heartbeat, caller: callerOf(), body } as HookedRequest, 7);
  const gaps = new Gaps(new VirtualClock(), {
    ignoredKeys: () => [{ reason: 'ignored because of that', keys: ['k'] }],
  });
  app.test = { control, gaps, broker: Promise.resolve(fakeBroker()) };
  app.lookups.add('a', '{"price": 1.0}', { headers: [{ name: 'h', value: null }] });
  app.lookups.add('b', null);
  app.lookups.add('c', 'text');
  app.lookups.add('c', Buffer.from([0xff]), { partition: 1 });
});

test('the document is valid OpenAPI', async () => {
  const { valid, errors } = await new Validator().validate(document);
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
});

test('the schemas by which requests are checked are valid, which nobody looks at when they are used', () => {
  const ajv = new Ajv();
  for (const schema of [
    querySchema(Object.keys(parameters) as ParameterName[]),
    batchSchema,
    ...Object.entries(testSchemas).flatMap(([name, schema]) => (name.endsWith('Schema') ? [schema] : [])),
  ]) {
    expect(ajv.validateSchema(schema)).toBe(true);
    ajv.compile(schema);
  }
});

test('has every operation under a name of its own', () => {
  const names = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(new Set(names).size).toBe(names.length);
  for (const name of [
    'getKey',
    'putKey',
    'deleteKey',
    'getManyKeys',
    'listKeys',
    'getHistory',
    'watchChanges',
  ])
    expect(names).toContain(name);
});

describe('what is answered is in it', () => {
  const key = '/topics/{topic}/keys/{key}';
  const batch = JSON.stringify({ keys: ['a', 'b', 'c', 'd'] });
  const stable = '/test/groups/{groupId}/stable';
  const asJson = { 'content-type': 'application/json' };
  const cases: [string, string, string, number, AskOptions?][] = [
    [key, 'GET', '/topics/articles/keys/a', 200],
    [key, 'GET', '/topics/articles/keys/a?at=/price', 200],
    [key, 'GET', '/topics/articles/keys/a?at=/none', 404],
    [key, 'GET', '/topics/articles/keys/a', 304, { headers: { 'if-none-match': '*' } }],
    [key, 'GET', '/topics/articles/keys/b', 404],
    [key, 'GET', '/topics/articles/keys/c', 409],
    [key, 'GET', '/topics/articles/keys/a?partition=x', 400],
    [
      key,
      'GET',
      '/topics/articles/keys/a',
      406,
      { headers: { accept: 'text/plain;q=0, application/json;q=0' } },
    ],
    [key, 'GET', '/topics/articles/keys/a', 412, { headers: { 'if-match': '"x"' } }],
    [key, 'GET', '/topics/articles/keys/a', 421, { headers: { host: 'evil.example' } }],
    [key, 'HEAD', '/topics/articles/keys/a', 200],
    [key, 'HEAD', '/topics/articles/keys/d', 404],
    [key, 'PUT', '/topics/articles/keys/e', 200, { body: 'v' }],
    [key, 'PUT', '/topics/articles/keys/e', 412, { body: 'v', headers: { 'if-none-match': '*' } }],
    [key, 'PUT', '/topics/articles/keys/e', 413, { body: 'v'.repeat(2_000) }],
    [
      key,
      'PUT',
      '/topics/articles/keys/e',
      415,
      { body: 'v', headers: { 'content-type': 'multipart/form-data' } },
    ],
    [key, 'PUT', '/topics/articles/keys/e', 403, { body: 'v', headers: { origin: 'https://evil.example' } }],
    [key, 'DELETE', '/topics/articles/keys/e', 200],
    ['/topics/{topic}/keys', 'GET', '/topics/articles/keys?limit=2', 200],
    ['/topics/{topic}/keys', 'GET', '/topics/nowhere/keys', 404],
    [
      '/topics/{topic}/keys:batch',
      'POST',
      '/topics/articles/keys:batch',
      200,
      { body: batch, headers: asJson },
    ],
    [
      '/topics/{topic}/keys:batch',
      'POST',
      '/topics/articles/keys:batch',
      400,
      { body: '{}', headers: asJson },
    ],
    [`${key}/history`, 'GET', '/topics/articles/keys/b/history', 200],
    ['/topics/{topic}/changes', 'GET', '/topics/nowhere/changes', 404],
    ['/test/faults', 'GET', '/test/faults', 200],
    ['/test/faults', 'POST', '/test/faults', 200, { body: '{"api":"Produce","delayMs":5}', headers: asJson }],
    ['/test/faults', 'POST', '/test/faults', 400, { body: '{"api":"Produce"}', headers: asJson }],
    ['/test/faults/{id}', 'GET', '/test/faults/1', 200],
    ['/test/faults/{id}', 'GET', '/test/faults/9', 404],
    ['/test/faults/{id}', 'DELETE', '/test/faults/1', 200],
    ['/test/faults', 'DELETE', '/test/faults', 200],
    ['/test/requests', 'GET', '/test/requests?api=Heartbeat', 200],
    ['/test/gaps', 'GET', '/test/gaps', 200],
    [
      '/test/topics/{topic}/compact',
      'POST',
      '/test/topics/prices/compact',
      409,
      { body: '{}', headers: asJson },
    ],
    ['/test/reset', 'POST', '/test/reset', 200],
    ['/test/reset', 'POST', '/test/reset', 200, { body: '', headers: asJson }],
    ['/test/reset', 'POST', '/test/reset', 400, { body: '{"to":"x"}', headers: asJson }],
    ['/test/snapshots', 'POST', '/test/snapshots', 200, { body: '{"directory":"x"}', headers: asJson }],
    ['/test/snapshots', 'POST', '/test/snapshots', 507, { body: '{"directory":"full"}', headers: asJson }],
    ['/test/snapshots', 'POST', '/test/snapshots', 400],
    ['/test/clock', 'GET', '/test/clock', 200],
    ['/test/clock/advance', 'POST', '/test/clock/advance', 200, { body: '{"by":"8d"}', headers: asJson }],
    ['/test/clock/advance', 'POST', '/test/clock/advance', 400, { body: '{"by":"-8d"}', headers: asJson }],
    [stable, 'POST', '/test/groups/shop/stable', 200],
    [stable, 'POST', '/test/groups/none/stable', 409],
    [stable, 'POST', '/test/groups/late/stable', 409],
    ['/test/groups/{groupId}/committed', 'POST', '/test/groups/shop/committed', 200],
    ['/test/topics/{topic}/records', 'POST', '/test/topics/orders/records', 200],
    ['/test/topics/{topic}/compacted', 'POST', '/test/topics/orders/compacted', 200],
    ['/', 'GET', '/', 200],
    ['/health', 'GET', '/health', 200],
    ['/openapi.json', 'GET', '/openapi.json', 200],
  ];

  test.each(cases)('%s: %s %s is %i', async (path, method, url, status, options) => {
    const answer = await app.ask(method, url, options);
    expect(answer.status).toBe(status);
    expectDescribed(document.paths[path]![method.toLowerCase()]!, answer);
  });

  test.each([
    [{ reason: 'loading', progress: { offsetsDone: 1, offsetsTotal: 2 } }, 503],
    [{ reason: 'gone', earliestOffset: 1, earliestMs: 2 }, 410],
    [{ reason: 'too-many' }, 429],
  ] as const)('and so are refusals: %j is %i', async (refusal, status) => {
    app.lookups.refuse(refusal);
    const answer = await app.ask('GET', '/topics/articles/keys/a');
    app.lookups.refusal = null;
    expect(answer.status).toBe(status);
    expectDescribed(document.paths[key]!['get']!, answer);
  });
});

function expectDescribed(operation: Operation, answer: Answer): void {
  const response = operation.responses[answer.status];
  expect(response, `${operation.operationId} has no ${answer.status}`).toBeDefined();
  if (response!.content === undefined) {
    expect(answer.body).toBe('');
    return;
  }
  const media = response!.content[answer.headers['content-type'] ?? ''] ?? response!.content['*/*'];
  expect(media, `${operation.operationId} has no ${answer.headers['content-type']}`).toBeDefined();
  if (media!.schema === undefined) return;
  const schema = JSON.parse(JSON.stringify(media!.schema).replaceAll('"#/', '"openapi#/'));
  const isValid = ajv.validate(schema, answer.json);
  expect({ isValid, errors: ajv.errors }).toEqual({ isValid: true, errors: null });
}

test('every query parameter it names is taken', async () => {
  const samples: Record<string, string> = {
    at: '',
    after: '0',
    'as-of': '1',
    key: 'k',
    prefix: 'p',
    api: 'Fetch',
  };
  for (const [path, operations] of Object.entries(document.paths)) {
    const { parameters = [] } = operations['get'] ?? {};
    if (path.endsWith('/changes')) continue;
    for (const { name } of parameters.filter((one) => one.in === 'query')) {
      const url = path.replace('{topic}', 'articles').replace('{key}', 'a');
      const { status } = await app.ask('GET', `${url}?${name}=${samples[name] ?? '1'}`);
      expect([200, 404], `${url}?${name}`).toContain(status);
    }
  }
});
