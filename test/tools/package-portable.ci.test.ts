/**
 * The packed package on machines that its bindings know nothing of: every binary deleted, after an install without optional
 * packages and after one for another processor and C library. It starts, locks its directory, and every codec works.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installPackage, type PackedPackage } from './packed-package.ts';
import { repository, runNode } from './program.ts';

const kafkajs = JSON.stringify(join(repository, 'node_modules/kafkajs/index.js'));

describe.each([
  ['without optional packages', ['--omit=optional']],
  ['for arm64 and musl', ['--os=linux', '--cpu=arm64', '--libc=musl']],
])('installed %s, no binary left', (_, flags) => {
  let dependant: PackedPackage;
  beforeAll(() => {
    dependant = installPackage(flags);
    const modules = join(dependant.path, 'node_modules');
    for (const name of readdirSync(modules, { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.node')) rmSync(join(modules, name));
  });
  afterAll(() => dependant.remove());

  test('the library keeps a directory for itself, and each codec gives back what it was given', async () => {
    const script = dependant.write(
      'codecs.mjs',
      `import kafkajs from ${kafkajs};
       import { startBroker } from 'kompakt';
       const broker = await startBroker({ dataDir: 'data', config: { 'log.cleanup.policy': 'compact' } });
       const refused = await startBroker({ dataDir: 'data' }).catch((error) => error.message);
       const kafka = new kafkajs.Kafka({ brokers: broker.brokers, logLevel: 0 });
       const [admin, producer] = [kafka.admin(), kafka.producer()];
       await admin.connect();
       await producer.connect();
       const codecs = ['gzip', 'snappy', 'lz4', 'zstd'];
       const topics = codecs.map((topic) => ({ topic, configEntries: [{ name: 'compression.type', value: topic }] }));
       await admin.createTopics({ topics });
       const value = 'so much of the same, '.repeat(1000);
       const outcomes = {};
       for (const topic of codecs) {
         await producer.send({ topic, messages: [{ key: 'a', value: 'old' }, { key: 'a', value }] });
         const read = await broker.table(topic, { values: 'text' }).get('a');
         if (read !== value) throw new Error(topic + ' gave something else');
         const [{ outcome }] = await broker.compact(topic, { includeActive: true });
         outcomes[topic] = outcome;
       }
       await Promise.all([admin.disconnect(), producer.disconnect()]);
       await broker.stop();
       console.log(JSON.stringify({ refused, outcomes }));`,
    );
    const { code, out, err } = await runNode(['--no-warnings', script]).ended;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { refused, outcomes } = JSON.parse(out);
    expect(refused).toMatch(/in use/);
    expect(outcomes).toEqual({ gzip: 'compacted', snappy: 'compacted', lz4: 'compacted', zstd: 'compacted' });
  });

  test('the command starts', async () => {
    const command = join(dependant.installed, 'dist/kompakt.js');
    const data = join(dependant.path, 'data of the command');
    const { code, out } = await runNode([
      command,
      'exec',
      '--data-dir',
      data,
      '--',
      process.execPath,
      '-p',
      '1 + 1',
    ]).ended;
    expect({ code, out }).toEqual({ code: 0, out: '2\n' });
  });
});
