/** librdkafka by way of kcat: metadata, every codec, headers, groups, an idempotent producer. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { skipUnless } from '../../skip.ts';
import { freshDirectory } from '../../tools/program.ts';
import { hasCommand, runCommand } from '../commands.ts';

const isThere = hasCommand('kcat', ['-V']);
let broker: Broker;
let directory: ReturnType<typeof freshDirectory>;

beforeAll(async () => {
  directory = freshDirectory();
  broker = await startBroker({ dataDir: directory.path });
});

afterAll(async () => {
  await broker.stop();
  directory.remove();
});

beforeEach((context) => skipUnless(context, isThere, 'kcat is not installed'));

async function kcat(args: readonly string[], input = ''): Promise<string> {
  const { status, stdout, stderr } = await runCommand(
    'kcat',
    ['-b', broker.bootstrapServers, ...args],
    input,
  );
  expect(status, stderr).toBe(0);
  return stdout;
}

const lines = (count: number, prefix: string): string =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}\n`).join('');

test('metadata names the broker', async () => {
  expect(await kcat(['-L'])).toContain(`at ${broker.bootstrapServers} (controller)`);
});

test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
  'records compressed with %s come back',
  async (codec) => {
    const input = lines(500, `${codec} value `);
    await kcat(['-P', '-t', `codec-${codec}`, '-z', codec], input);
    expect(await kcat(['-C', '-t', `codec-${codec}`, '-o', 'beginning', '-e', '-q'])).toBe(input);
  },
);

test('keys, headers, empty and null values', async () => {
  await kcat(['-P', '-t', 'rich', '-K:', '-Z', '-H', 'a=1', '-H', 'b='], 'k1:v1\nk2:\n');
  const format = ['-f', '%k|%s|%h|%S\n'];
  expect(await kcat(['-C', '-t', 'rich', '-o', 'beginning', '-e', '-q', ...format])).toBe(
    'k1|v1|a=1,b=|2\nk2||a=1,b=|-1\n',
  );
});

test('an idempotent producer writes in order', async () => {
  const input = lines(2_000, 'n');
  await kcat(
    ['-P', '-t', 'idempotent', '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=50'],
    input,
  );
  expect(await kcat(['-C', '-t', 'idempotent', '-o', 'beginning', '-e', '-q'])).toBe(input);
});

test('a group reads, commits and goes on', async () => {
  await kcat(['-P', '-t', 'grouped'], lines(10, 'first'));
  const read = ['-G', 'kcat-readers', '-e', '-q', '-X', 'auto.offset.reset=earliest', 'grouped'];
  expect((await kcat(read)).split('\n').filter(Boolean)).toHaveLength(10);
  await kcat(['-P', '-t', 'grouped'], lines(5, 'second'));
  expect(await kcat(read)).toBe(lines(5, 'second'));
});

test('an offset by time', async () => {
  await kcat(['-P', '-t', 'timed'], lines(3, 't'));
  expect(await kcat(['-Q', '-t', 'timed:0:1'])).toContain('timed [0] offset 0');
  expect(await kcat(['-Q', '-t', 'timed:0:-1'])).toContain('timed [0] offset 3');
});
