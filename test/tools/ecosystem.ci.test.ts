/** The pages about other packages (NestJS, schema registries, @platformatic/kafka, Testcontainers): what they show runs, from the packed package. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installPackage, layProject, type PackedPackage, type ProjectRun } from './packed-package.ts';
import { filesOf, pageBlocks } from './page-blocks.ts';
import { repository } from './program.ts';

const common = ['kafkajs@2.2.4', 'typescript@5.9.3', '@types/node@20.19.43'];
const nestOf = (core: string, microservices: string) => [
  ...[`@nestjs/common@${core}`, `@nestjs/core@${core}`, `@nestjs/testing@${microservices}`],
  ...[`@nestjs/microservices@${microservices}`, 'reflect-metadata@0.2.2', 'rxjs@7.8.2'],
];
/** Newest of all, and what their templates and pages take beside them. */
const newest = [
  ...['vitest@4.1.12', '@testcontainers/kafka@12.2.0', '@platformatic/kafka@1.35.0', 'avsc@5.7.9'],
  ...['@kafkajs/confluent-schema-registry@3.9.0', 'registry-4@npm:@kafkajs/confluent-schema-registry@4.1.0'],
];
const jest = ['jest@30.2.0', '@types/jest@30.0.0', 'ts-jest@29.4.5'];

/** As the templates of NestJS have it. */
const nestCompiler = (types: string) => ({
  ...{ strict: true, module: 'nodenext', moduleResolution: 'nodenext', isolatedModules: true },
  ...{ target: 'es2023', experimentalDecorators: true, emitDecoratorMetadata: true, noEmit: true },
  ...{ esModuleInterop: true, skipLibCheck: true, types: ['node', types] },
});
const vitestConfig =
  "export default { test: { globals: true, include: ['**/*.{test,e2e-spec}.{mjs,ts}'] } };\n";

/** Neither a test that failed nor a line that a user would wonder about. */
function expectPassed({ code, out, err }: ProjectRun, passed: RegExp): void {
  expect({ code, out, err }).toMatchObject({ code: 0 });
  expect(out + err).toMatch(passed);
  expect(out + err).not.toMatch(/warn|"level":|open handle|did not exit|leak/i);
}

describe('with vitest', () => {
  let dependant: PackedPackage;
  beforeAll(() => {
    // Testcontainers would have its ssh compiled.
    dependant = installPackage(['--ignore-scripts'], [...common, ...nestOf('12.5.1', '12.1.1'), ...newest]);
  });
  afterAll(() => dependant.remove());
  const bin = (path: string): string => join(dependant.path, 'node_modules', path);
  const project = (name: string, files: Readonly<Record<string, string>>) =>
    layProject(dependant, name, {
      'package.json': JSON.stringify({ name, type: 'module' }),
      'vitest.config.mjs': vitestConfig,
      ...files,
    });
  const vitest = () => [bin('vitest/vitest.mjs'), 'run', '--root', '.'];
  const tsc = () => bin('typescript/bin/tsc');

  test('NestJS 12: events, requests, refusals, an application for each test', () => {
    const node = project('nest', {
      'tsconfig.json': JSON.stringify({ compilerOptions: nestCompiler('vitest/globals') }),
      ...filesOf(pageBlocks('docs/nestjs.md')),
    });
    expect(node(tsc(), '-p', '.')).toEqual({ code: 0, out: '', err: '' });
    expectPassed(node(...vitest()), /Tests +2 passed \(2\)/);
  });

  test.each([
    ['3.9', '@kafkajs/confluent-schema-registry'],
    ['4.1', 'registry-4'],
  ])('the kafkajs registry client, %s', (_, client) => {
    const node = project(`registry of ${client.replace('/', ' ')}`, {
      'schema-registry.mjs': readFileSync(join(repository, 'examples/schema-registry.mjs'), 'utf8'),
      'orders.test.mjs': filesOf(pageBlocks('docs/schema-registry.md'))['orders.test.mjs']!.replace(
        '@kafkajs/confluent-schema-registry',
        client,
      ),
      'formats.test.mjs': registryFormats(client, './schema-registry.mjs'),
    });
    expectPassed(node(...vitest()), /Tests +7 passed \(7\)/);
  });

  test('@platformatic/kafka', () => {
    const node = project('platformatic', filesOf(pageBlocks('docs/platformatic-kafka.md')));
    expectPassed(node(...vitest()), /Tests +2 passed \(2\)/);
  });

  test('a suite before and after it left @testcontainers/kafka', () => {
    const diff = filesOf(pageBlocks('docs/moving-from-testcontainers.md'))['orders.test.ts']!.split('\n');
    const without = (mark: string) =>
      diff
        .filter((line) => !line.startsWith(mark))
        .map((line) => line.slice(1))
        .join('\n');
    const unmoved = project('testcontainers', {
      'tsconfig.json': JSON.stringify({ compilerOptions: nestCompiler('vitest/globals') }),
      'orders.test.ts': without('+'),
    });
    // Docker is not everywhere: that it compiles says that it is no suite that we made up.
    expect(unmoved(tsc(), '-p', '.')).toEqual({ code: 0, out: '', err: '' });
    const moved = project('moved', {
      'tsconfig.json': JSON.stringify({ compilerOptions: nestCompiler('vitest/globals') }),
      'orders.test.ts': without('-'),
    });
    expect(moved(tsc(), '-p', '.')).toEqual({ code: 0, out: '', err: '' });
    expectPassed(moved(...vitest()), /Tests +1 passed \(1\)/);
  });
});

describe('with jest', () => {
  let dependant: PackedPackage;
  beforeAll(() => {
    dependant = installPackage([], [...common, ...nestOf('11.1.6', '11.1.6'), ...jest]);
  });
  afterAll(() => dependant.remove());

  test('NestJS 11, in CommonJS', () => {
    const files = Object.entries(filesOf(pageBlocks('docs/nestjs.md')));
    const node = layProject(dependant, 'nest', {
      'package.json': JSON.stringify({
        name: 'nest',
        jest: { preset: 'ts-jest', testEnvironment: 'node', testRegex: String.raw`\.e2e-spec\.ts$` },
      }),
      'tsconfig.json': JSON.stringify({ compilerOptions: nestCompiler('jest') }),
      ...Object.fromEntries(files.map(([name, code]) => [name, code.replaceAll(".js';", "';")])),
    });
    const jestProgram = join(dependant.path, 'node_modules/jest/bin/jest.js');
    expectPassed(node(jestProgram, '--ci', '--detectOpenHandles'), /Tests: +2 passed, 2 total/);
  });
});

test('the pages show nothing that is not run here', () => {
  const pages = ['nestjs', 'schema-registry', 'platformatic-kafka', 'moving-from-testcontainers'];
  const blocks = pages.flatMap((page) => pageBlocks(`docs/${page}.md`));
  const files = ['stock.ts', 'shop.ts', 'shop.e2e-spec.ts', 'orders.test.mjs', 'orders.test.mjs'];
  expect(blocks.filter(({ name }) => name !== '').map(({ name }) => name)).toEqual([
    ...files,
    'orders.test.ts',
  ]);
  const others = blocks.filter(({ name }) => name === '').map(({ code }) => code);
  for (const code of others) expect(code).toMatch(/^(npm (uninstall|install --save-dev) [\w @/-]+\n)+$/);
});

/** What else the client asks of a registry: other formats, references, lookups, levels. */
const registryFormats = (client: string, example: string) => `
const { COMPATIBILITY, SchemaRegistry, SchemaType } = await import(${JSON.stringify(client)});
const { startSchemaRegistry } = await import(${JSON.stringify(example)});

let server;
let registry;
beforeAll(async () => { server = await startSchemaRegistry(); });
beforeEach(() => { server.reset(); registry = new SchemaRegistry({ host: server.url }); });
afterAll(() => server.stop());

test('JSON Schema and Protobuf, with references', async () => {
  const json = { type: SchemaType.JSON, schema: JSON.stringify({ type: 'object', properties: { size: { type: 'integer' } } }) };
  const { id } = await registry.register(json, { subject: 'sizes/of all-value' });
  await registry.register(
    { type: SchemaType.PROTOBUF, schema: 'syntax = "proto3"; package shop; message Price { double euros = 1; }' },
    { subject: 'price' },
  );
  const order = await registry.register(
    {
      type: SchemaType.PROTOBUF,
      schema: 'syntax = "proto3"; package shop; import "price.proto"; message Order { string article = 1; Price price = 2; }',
      references: [{ name: 'price.proto', subject: 'price', version: 1 }],
    },
    { subject: 'orders' },
  );
  const elsewhere = new SchemaRegistry({ host: server.url });
  expect(await elsewhere.decode(await registry.encode(id, { size: 42 }))).toEqual({ size: 42 });
  const tent = { article: 'tent', price: { euros: 99.9 } };
  expect(await elsewhere.decode(await registry.encode(order.id, tent))).toMatchObject(tent);
});

test('lookups', async () => {
  const schema = (name) => ({ type: 'record', name, fields: [{ name: 'a', type: 'string' }] });
  const first = await registry.register(schema('First'), { subject: 'orders' });
  const second = await registry.register(schema('Second'), { subject: 'orders' });
  expect(await registry.register(schema('First'), { subject: 'others' })).toEqual(first);
  expect(await registry.getLatestSchemaId('orders')).toBe(second.id);
  expect(await registry.getRegistryId('orders', 1)).toBe(first.id);
  expect(await registry.getRegistryIdBySchema('orders', schema('First'))).toBe(first.id);
  await expect(registry.getRegistryIdBySchema('orders', schema('Third'))).rejects.toThrow('Schema not found');
  await expect(registry.getLatestSchemaId('nothing')).rejects.toMatchObject({ status: 404 });
  await expect(registry.decode(Buffer.from([0, 0, 0, 0, 9, 1]))).rejects.toMatchObject({ status: 404 });
});

test('a level other than the one that was set', async () => {
  const schema = { type: 'record', name: 'Order', namespace: 'shop', fields: [{ name: 'a', type: 'string' }] };
  await registry.register(schema, { compatibility: COMPATIBILITY.FULL });
  await expect(registry.register(schema)).rejects.toThrow('BACKWARD != FULL');
});

test('requests that make no sense', async () => {
  const ask = async (path, body) => {
    const answer = await fetch(server.url + path, body === undefined ? {} : { method: 'POST', body });
    return [answer.status, (await answer.json()).error_code];
  };
  expect(await ask('/subjects/orders/versions', '{')).toEqual([400, 400]);
  expect(await ask('/subjects/orders/versions', '{"schema":"{"}')).toEqual([422, 42201]);
  expect(await ask('/subjects/orders/versions', 'null')).toEqual([422, 42201]);
  expect(await ask('/subjects/orders/versions', ' '.repeat(10_000_001))).toEqual([413, 413]);
  expect(await ask('/subjects/%zz/versions/1')).toEqual([400, 400]);
  expect(await ask('/schemas/ids/x')).toEqual([404, 40403]);
  expect(await ask('/nowhere')).toEqual([404, 404]);
});
`;
