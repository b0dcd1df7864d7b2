/**
 * Kafka's own command line tools, from its jars, against the broker and against its files; and Kafka itself on a directory of ours,
 * and we on one of Kafka's.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { hasJava, runKafkaClass, startKafka } from '../java/apache-kafka.ts';

const isThere = hasJava();
// Java takes file names in the locale's encoding: plain letters, whatever that is.
const directory = mkdtempSync(join(tmpdir(), 'kafka-tools-'));
const data = join(directory, 'ours');
let broker: Broker;

beforeAll(async () => {
  // Small segments, so that there are sealed ones with full indexes.
  broker = await startBroker({ dataDir: data, config: { 'log.segment.bytes': '1048576' } });
});

afterAll(async () => {
  await broker.stop();
  rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
});

beforeEach((context) => skipUnless(context, isThere, 'there is no java'));

async function run(className: string, args: readonly string[], input?: string): Promise<string> {
  const { status, stdout, stderr } = await runKafkaClass(className, args, input);
  expect(status, stdout + stderr).toBe(0);
  return stdout;
}

const tool = (name: string, ...args: string[]): Promise<string> =>
  run(`org.apache.kafka.tools.${name}`, ['--bootstrap-server', broker.bootstrapServers, ...args]);

const values = (count: number): string => Array.from({ length: count }, (_, i) => `value ${i}\n`).join('');

async function consumeAll(bootstrapServers: string, topic: string, count: number): Promise<string> {
  return run('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', bootstrapServers, '--topic', topic, '--from-beginning'],
    ...['--max-messages', String(count), '--timeout-ms', '60000'],
  ]);
}

describe('the tools', () => {
  test('kafka-topics and kafka-configs', async () => {
    await tool(
      'TopicCommand',
      '--create',
      '--topic',
      'made',
      '--partitions',
      '3',
      '--config',
      'cleanup.policy=compact',
    );
    const described = await tool('TopicCommand', '--describe', '--topic', 'made');
    expect(described).toMatch(
      /PartitionCount: 3\s+ReplicationFactor: 1\s+Configs: .*cleanup\.policy=compact/,
    );
    expect(described.match(/Leader: 1\s+Replicas: 1\s+Isr: 1/g)).toHaveLength(3);
    expect(await tool('TopicCommand', '--list')).toContain('made');
    const topic = ['--entity-type', 'topics', '--entity-name', 'made'];
    const configs = (...args: string[]): Promise<string> =>
      run('kafka.admin.ConfigCommand', ['--bootstrap-server', broker.bootstrapServers, ...args]);
    await configs(...topic, '--alter', '--add-config', 'retention.ms=1000');
    expect(await configs(...topic, '--describe')).toContain('retention.ms=1000');
    expect(await configs('--entity-type', 'brokers', '--entity-name', '1', '--describe', '--all')).toContain(
      'log.segment.bytes=1048576',
    );
    await tool('TopicCommand', '--delete', '--topic', 'made');
    expect(await tool('TopicCommand', '--list')).not.toContain('made');
  });

  test('the console producer and consumer, kafka-consumer-groups and kafka-get-offsets', async () => {
    const where = ['--bootstrap-server', broker.bootstrapServers, '--topic', 'console'];
    await run('org.apache.kafka.tools.ConsoleProducer', where, values(100));
    const read = await run('org.apache.kafka.tools.consumer.ConsoleConsumer', [
      ...where,
      ...['--from-beginning', '--max-messages', '100', '--timeout-ms', '60000', '--group', 'console-readers'],
    ]);
    expect(read).toBe(values(100));
    const groups = 'consumer.group.ConsumerGroupCommand';
    expect(await tool(groups, '--list')).toContain('console-readers');
    expect(await tool(groups, '--describe', '--group', 'console-readers')).toMatch(
      /console\s+0\s+100\s+100\s+0/,
    );
    await tool(
      groups,
      '--reset-offsets',
      '--to-earliest',
      '--group',
      'console-readers',
      '--topic',
      'console',
      '--execute',
    );
    expect(await tool(groups, '--describe', '--group', 'console-readers')).toMatch(
      /console\s+0\s+0\s+100\s+100/,
    );
    await tool(groups, '--delete', '--group', 'console-readers');
    expect(await tool('GetOffsetShell', '--topic', 'console')).toContain('console:0:100');
  });

  test('quorum, features, log directories, record deletion, leader election, versions', async () => {
    const where = ['--bootstrap-server', broker.bootstrapServers];
    const quorum = await run('org.apache.kafka.tools.MetadataQuorumCommand', [
      ...where,
      'describe',
      '--status',
    ]);
    expect(quorum).toMatch(/LeaderId:\s+1/);
    const features = await run('org.apache.kafka.tools.FeatureCommand', [...where, 'describe']);
    expect(features).toMatch(/metadata\.version.*FinalizedVersionLevel: 4\.3-IV0/);
    await run('org.apache.kafka.tools.ConsoleProducer', [...where, '--topic', 'cut'], values(10));
    expect(await tool('LogDirsCommand', '--describe', '--topic-list', 'cut')).toContain(
      '"partition":"cut-0"',
    );
    const file = join(directory, 'delete.json');
    writeFileSync(
      file,
      JSON.stringify({ version: 1, partitions: [{ topic: 'cut', partition: 0, offset: 4 }] }),
    );
    expect(await tool('DeleteRecordsCommand', '--offset-json-file', file)).toMatch(
      /cut-0\s+low_watermark: 4/,
    );
    await tool('LeaderElectionCommand', '--election-type', 'preferred', '--all-topic-partitions');
    expect(await run('org.apache.kafka.tools.BrokerApiVersionsCommand', where)).toContain(
      'Produce(0): 0 to 13',
    );
  });
});

describe('the files', () => {
  test('DumpLogSegments reads every one of them without complaint', async () => {
    const where = ['--bootstrap-server', broker.bootstrapServers];
    for (const codec of ['none', 'gzip', 'lz4', 'snappy', 'zstd']) {
      await run('org.apache.kafka.tools.ProducerPerformance', [
        ...where,
        ...['--topic', 'dumped', '--num-records', '12000', '--record-size', '200', '--throughput', '-1'],
        ...['--command-property', `compression.type=${codec}`, '--command-property', 'batch.size=8192'],
      ]);
    }
    await broker.stop();
    const dump = (flags: readonly string[], files: readonly string[]): Promise<string> =>
      run('org.apache.kafka.tools.DumpLogSegments', [...flags, '--files', files.join(',')]);
    const partitions = readdirSync(data).filter((name) => /-\d+$/.test(name));
    expect(partitions.length).toBeGreaterThan(4);
    for (const partition of partitions) {
      const files = readdirSync(join(data, partition)).map((name) => join(data, partition, name));
      const logs = files.filter((name) => name.endsWith('.log'));
      if (partition === 'dumped-0') expect(logs.length).toBeGreaterThan(2);
      const decoder =
        partition === '__cluster_metadata-0'
          ? ['--cluster-metadata-decoder']
          : partition.startsWith('__consumer_offsets')
            ? ['--offsets-decoder']
            : [];
      const out = await dump(['--deep-iteration', '--print-data-log', ...decoder], logs);
      expect(out).toContain(logs[0]!);
      expect(out).not.toMatch(/isvalid: false|Found|corrupt|mismatch|unknown/i);
      const side = files.filter((name) => /\.(index|timeindex|snapshot)$/.test(name));
      if (side.length > 0) expect(await dump([], side)).not.toMatch(/Found|mismatch|out of order|corrupt/i);
    }
    broker = await startBroker({ dataDir: data, config: { 'log.segment.bytes': '1048576' } });
  });

  test('Apache Kafka boots on a copy of our directory and has everything', async () => {
    const where = ['--bootstrap-server', broker.bootstrapServers, '--topic', 'handed-over'];
    await run('org.apache.kafka.tools.ConsoleProducer', where, values(50));
    await run('org.apache.kafka.tools.consumer.ConsoleConsumer', [
      ...where,
      ...['--from-beginning', '--max-messages', '20', '--timeout-ms', '60000', '--group', 'movers'],
      ...['--command-property', 'max.poll.records=20'],
    ]);
    await broker.stop();
    const home = join(directory, 'kafka');
    cpSync(data, join(home, 'data'), { recursive: true, filter: (name) => !name.endsWith('.sock') });
    broker = await startBroker({ dataDir: data, config: { 'log.segment.bytes': '1048576' } });
    const kafka = await startKafka(home, await quietPort());
    try {
      expect(await consumeAll(kafka.bootstrapServers, 'handed-over', 50)).toBe(values(50));
      const group = await run('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', [
        ...['--bootstrap-server', kafka.bootstrapServers, '--describe', '--group', 'movers'],
      ]);
      expect(group).toMatch(/handed-over\s+0\s+20\s+50\s+30/);
    } finally {
      await kafka.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });

  test('we boot on a directory that Apache Kafka wrote, and go on in it; each keeps the other out', async () => {
    const home = join(directory, 'from kafka');
    const kafka = await startKafka(home, await quietPort());
    await run(
      'org.apache.kafka.tools.ConsoleProducer',
      ['--bootstrap-server', kafka.bootstrapServers, '--topic', 'taken'],
      values(30),
    );
    const inUse = `is in use by Apache Kafka (process ${kafka.pid})`;
    await expect(startBroker({ dataDir: join(home, 'data') })).rejects.toThrow(inUse);
    await kafka.stop();
    const ours = await startBroker({ dataDir: join(home, 'data') });
    await expect(startKafka(home, await quietPort())).rejects.toThrow('Failed to acquire lock on file .lock');
    await run(
      'org.apache.kafka.tools.ConsoleProducer',
      ['--bootstrap-server', ours.bootstrapServers, '--topic', 'taken'],
      'more\n',
    );
    expect(await consumeAll(ours.bootstrapServers, 'taken', 31)).toBe(`${values(30)}more\n`);
    await ours.stop();
  });
});
