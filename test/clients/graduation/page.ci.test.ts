/**
 * docs/when-you-outgrow-it.md as its reader meets it: every command of its shell blocks is given as it stands there, but for the ports and
 * the folder /var/kafka. One Apache Kafka is enough for all of it: it has our directory, is the new cluster of who switches, and is adopted.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { isFree, quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { pageBlocks } from '../../tools/page-blocks.ts';
import { buildProgram } from '../../tools/program.ts';
import { eventually } from '../eventually.ts';
import { hasJava } from '../java/apache-kafka.ts';
import { KafkaFolder, type RunningCommand } from './kafka-folder.ts';
import { read, send, settledContent, write } from './sample-content.ts';

const blocks = pageBlocks('docs/when-you-outgrow-it.md')
  .filter(({ language }) => language === 'sh')
  .map(({ code }) => code.trim().split('\n'));
const [look, graduation, mirror, switched, adoption] = blocks;

let program: Awaited<ReturnType<typeof buildProgram>>;
beforeAll(async () => {
  program = await buildProgram('outgrow-page-test');
});
afterAll(() => program.remove());

test('the way there by the directory, by switched clients, and the way back', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  expect(blocks).toHaveLength(5);
  // mirror.ci.test.ts runs it.
  expect(mirror).toEqual(['bin/connect-mirror-maker.sh mirror.properties']);
  const home = mkdtempSync(join(tmpdir(), 'kompakt-page-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  mkdirSync(join(home, 'var'));
  const folder = new KafkaFolder(home);
  folder.add('kompakt', `'${process.execPath}' '${program.path}'`);
  const [ours, kafka, adopted] = [await quietPort(), await quietPort(), await quietPort()];
  const start = async (line: string, port: number): Promise<RunningCommand> => {
    const command = folder.start(line);
    onTestFinished(() => void command.child.kill('SIGKILL'));
    await eventually(async () => expect(await isFree(port), command.output()).toBe(false));
    return command;
  };
  const here = (line: string) => line.replaceAll('/var/kafka', `${home}/var/kafka`);
  const serve = () => start(`kompakt serve --data-dir ./kompakt-data --port ${ours} --no-http`, ours);

  const first = await serve();
  await write(ours, 'ours');
  const before = await settledContent(ours);
  for (const line of look!) expect(await folder.run(line)).not.toMatch(/PROBLEM|note/);
  expect(await first.ended).toBe(0);
  expect(readdirSync(join(home, 'kompakt-data'))).not.toContain('server.properties');

  const second = await serve();
  // Nobody is stopped for what is refused.
  await expect(folder.run('kompakt graduate --data-dir ./kompakt-data --stop --to .')).rejects.toThrow(
    'is there already and is not an empty directory',
  );
  const [graduate, startKafka] = graduation!;
  const said = await folder.run(here(graduate!).replace('./kompakt-data', `./kompakt-data --port ${kafka}`));
  expect(await second.ended).toBe(0);
  const printed = /^ {2}(bin\/kafka-server-start\.sh .*)$/m.exec(said)![1]!;
  expect(printed.replaceAll("'", '')).toBe(here(startKafka!).replace(/ +#.*/, ''));
  const graduated = await start(printed, kafka);
  expect(await settledContent(kafka)).toEqual(before);

  for (const command of ['graduate --data-dir', 'adopt'])
    await expect(folder.run(here(`kompakt ${command} /var/kafka --port ${adopted}`))).rejects.toThrow(
      /Apache Kafka|another process|in use/,
    );

  const third = await serve();
  const at = (line: string) =>
    line.replace('localhost:9092', `localhost:${ours}`).replace('localhost:19092', `localhost:${kafka}`);
  const [describe, create, lag] = switched!.map(at);
  const orders = ['1', '2', '3', '4'];
  await send(ours, 'orders', orders.slice(0, 2));
  expect(await folder.run(describe!)).toMatch(/Topic: orders\s/);
  await folder.run(create!);
  await send(kafka, 'orders', orders.slice(2));
  const seen = await read(ours, 'orders', 'shop', 2);
  expect(await folder.run(lag!)).toMatch(/^shop +orders +\d+ +2 +2 +0 /m);
  seen.push(...(await read(kafka, 'orders', 'shop', 2)));
  expect(seen.sort()).toEqual(orders);
  third.child.kill('SIGTERM');
  expect(await third.ended).toBe(0);

  const after = await settledContent(kafka);
  await graduated.stop();
  const [check, adopt] = adoption!.map(here);
  expect(await folder.run(check!)).toContain('everything in it is carried over\n');
  const copy = await start(adopt!.replace('--to', `--port ${adopted} --no-http --to`), adopted);
  expect(await settledContent(adopted)).toEqual(after);
  copy.child.kill('SIGTERM');
  expect(await copy.ended).toBe(0);
  const later = /later: (kompakt serve .*)$/.exec(adopt!)![1]!;
  await start(`${later} --port ${adopted} --no-http`, adopted);
  expect(await settledContent(adopted)).toEqual(after);
});
