/** Apache Kafka's MirrorMaker 2 between us and a Kafka, with the properties that the documentation gives: there, and both ways at once. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { repository } from '../../tools/program.ts';
import { hasCommand } from '../commands.ts';
import { eventually } from '../eventually.ts';
import { jarsOf } from '../jars.ts';
import { hasJava, kafkaVersion, startKafka } from '../java/apache-kafka.ts';
import { type BrokerContent, contentOf, type PartitionContent } from './broker-content.ts';
import { KafkaFolder } from './kafka-folder.ts';
import { read, send, write } from './sample-content.ts';

const page = readFileSync(join(repository, 'docs', 'when-you-outgrow-it.md'), 'utf8');
const documented = /```properties\n([^`]*)```/.exec(page)![1]!;

/** Without what is other on the other side: offsets, producer ids, markers, and what was taken back. */
function recordsOf({ topics }: BrokerContent, topic: string): string[][] | undefined {
  const found = Object.entries(topics).find(([key]) => key.startsWith(`${topic} `))?.[1];
  return (found as readonly PartitionContent[] | undefined)?.map(({ records }) =>
    records
      .filter((line) => !line.includes(' marker ') && !isTakenBack(line))
      .map((line) => line.split(' ').slice(1, -1).join(' ')),
  );
}

function isTakenBack(line: string): boolean {
  return Buffer.from(line.split(' ')[3]!, 'base64').toString().endsWith(' false');
}

const values = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name} ${n}`);

test('topics, their configurations and the offsets of groups go to a Kafka, and both ways at once', async (context) => {
  skipUnless(context, hasJava() && hasCommand('mvn'), 'there is no java, or no Maven');
  const home = mkdtempSync(join(tmpdir(), 'kompakt-mirror-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const ours = await startBroker();
  onTestFinished(() => ours.stop());
  await ours.createTopics([{ topic: 'orders' }, { topic: 'returns' }]);
  await write(ours.port, 'ours');
  await send(ours.port, 'orders', values('order', 20));
  await read(ours.port, 'orders', 'shop', 20);

  const port = await quietPort();
  const kafka = await startKafka(join(home, 'kafka'), port, {}, { heap: '256m' });
  onTestFinished(() => kafka.kill());
  const pom = fileURLToPath(new URL('mirror.pom.xml', import.meta.url));
  const libs = jarsOf(`mirror-${kafkaVersion}`, pom, { 'kafka.version': kafkaVersion });
  const folder = new KafkaFolder(join(home, 'folder'), kafkaVersion, libs);
  const mirror = (text: string) => {
    const file = join(home, 'folder', 'mirror.properties');
    writeFileSync(
      file,
      text
        .replace('localhost:9092', ours.bootstrapServers)
        .replace('localhost:19092', kafka.bootstrapServers),
    );
    const running = folder.start('bin/connect-mirror-maker.sh mirror.properties');
    onTestFinished(() => void running.child.kill('SIGKILL'));
    return running;
  };

  const there = mirror(documented);
  const before = await contentOf(ours.port);
  await eventually(async () => {
    const content = await contentOf(port);
    for (const topic of ['plain', 'keys', 'payments', 'orders', 'empty'])
      expect(recordsOf(content, topic), there.output()).toEqual(recordsOf(before, topic));
    expect(content.configs['keys']).toContain('cleanup.policy=compact');
    expect(content.groups['shop'], there.output()).toEqual(before.groups['shop']);
  });
  await send(ours.port, 'orders', ['the last one here']);
  expect(await read(port, 'orders', 'shop', 1)).toEqual(['the last one here']);
  await there.stop();

  // As the comment in the file says.
  const both = mirror(
    documented
      .replace(/^replication\.policy\.class.*\n/m, '')
      .replace('kafka->kompakt.enabled = false', 'kafka->kompakt.enabled = true')
      .replaceAll('kompakt', 'here'),
  );
  await send(ours.port, 'returns', values('return', 5));
  await send(port, 'orders', values('back', 5));
  await read(port, 'orders', 'shop', 5);
  await eventually(async () => {
    const [here, other] = [await contentOf(ours.port), await contentOf(port)];
    expect(recordsOf(here, 'kafka.orders'), both.output()).toEqual(recordsOf(other, 'orders'));
    expect(recordsOf(other, 'here.returns'), both.output()).toEqual(recordsOf(here, 'returns'));
    expect(here.groups['shop'], both.output()).toContain('kafka.orders-0 26 ');
  });
  await both.stop();
  expect(ours.gaps()).toEqual([]);
});
