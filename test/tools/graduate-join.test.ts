/** `kompakt graduate --join`: where the brokers are that come later, and what it writes for them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startBroker } from '../../broker/index.ts';
import { graduate } from '../../tools/graduate-command.ts';

async function stoppedDirectory(): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'kompakt-joining-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const dataDir = join(home, 'data');
  const broker = await startBroker({ dataDir });
  await broker.createTopics([{ topic: 'orders', partitions: 2 }]);
  await broker.stop();
  return dataDir;
}

/** What it says on either stream, and its exit code. */
async function told(command: Parameters<typeof graduate>[0]) {
  const said = { out: '', err: '' };
  const into = (name: 'out' | 'err') => (text: string | Uint8Array) => {
    said[name] += String(text);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(into('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(into('err')),
  ];
  const code = await graduate(command).finally(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return { code, ...said };
}

test('the files for three brokers lie beside the data, and the commands name them; twice is as good as once', async () => {
  const dataDir = await stoppedDirectory();
  await told({ dataDir });
  const { code, out } = await told({ dataDir, host: 'a', join: ['b:9092', '[::1]:19092'] });
  expect(code).toBe(0);
  const file = (name: string) => readFileSync(join(dataDir, name), 'utf8');
  expect(file('server-2.properties')).toContain('listeners=PLAINTEXT://b:9092,CONTROLLER://b:9093\n');
  expect(file('server-3.properties')).toContain('PLAINTEXT://[::1]:19092');
  expect(JSON.parse(file('replicas-2-3.json')).partitions).toEqual([
    { topic: 'orders', partition: 0, replicas: [2, 3] },
    { topic: 'orders', partition: 1, replicas: [3, 2] },
  ]);
  const config = `--config '${join(dataDir, 'server-2.properties')}'`;
  expect(out).toMatch(
    new RegExp(`^ {2}bin/kafka-storage\\.sh format .* --no-initial-controllers ${config}$`, 'm'),
  );
  expect(out).toContain(`--reassignment-json-file '${join(dataDir, 'replicas-1-2-3.json')}' --execute\n`);
});

test('another number of them, or what is no address, is refused, and nothing is written', async () => {
  const dataDir = await stoppedDirectory();
  const before = readdirSync(dataDir);
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['b:9092'], /--join is given twice or not at all, for three brokers; it was given once/],
    [['b:1', 'c:1', 'd:1'], /it was given 3 times/],
    [['b', 'c:9092'], /--join b is no HOST:PORT/],
    [['b:70000', 'c:9092'], /--join b:70000 is no HOST:PORT/],
    [['b:65535', 'c:9092'], /9093 would become 65536/],
  ];
  for (const [join, message] of cases) {
    const { code, err } = await told({ dataDir, join });
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(message) });
  }
  expect(readdirSync(dataDir)).toEqual(before);
});

test("somebody else's file under one of the names is left alone", async () => {
  const dataDir = await stoppedDirectory();
  writeFileSync(join(dataDir, 'replicas-1-2-3.json'), '{"version":1}');
  const { code, err } = await told({ dataDir });
  expect({ code, err }).toEqual({
    code: 1,
    err: expect.stringMatching(/replicas-1-2-3\.json is there already/),
  });
  expect(readFileSync(join(dataDir, 'replicas-1-2-3.json'), 'utf8')).toBe('{"version":1}');
});
