/** Each way in which Kompakt differs from Kafka on purpose (broker/config/differences.ts), seen at a whole broker or in the test named. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { runBroker } from '../../../broker/broker.ts';
import { otherWays } from '../../../broker/config/differences.ts';
import { readConfiguration } from '../../../broker/config/settings.ts';
import { defaultEnvironment } from '../../../broker/default-environment.ts';
import { type BrokerOptions, startBroker } from '../../../broker/index.ts';
import { NodeTransport } from '../../../broker/network/node-transport.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { errors } from '../../../protocol/errors.ts';
import { incrementalAlterConfigs } from '../../../protocol/messages/configs/incremental-alter-configs.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { offsetCommit } from '../../../protocol/messages/groups/offset-commit.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import type { RequestInit } from '../../../protocol/schema/api.ts';
import { Client } from '../../../tools/client.ts';

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function start(options: BrokerOptions = {}, host = '127.0.0.1'): Promise<Client> {
  const broker = await startBroker(options);
  undo.push(() => broker.stop());
  return connect(host, broker.port);
}

async function connect(host: string, port: number): Promise<Client> {
  const client = await Client.connect(host, port);
  undo.push(() => client.close());
  return client;
}

const describedBroker = async (client: Client) =>
  (await client.request(metadata, 9, { topics: [], allowAutoTopicCreation: false })).brokers[0]!;

async function create(client: Client, replicationFactor: number): Promise<number> {
  const topics = [{ name: 't', numPartitions: 1, replicationFactor, assignments: [], configs: [] }];
  const answer = await client.request(createTopics, 5, { topics, timeoutMs: 30_000, validateOnly: false });
  return answer.topics[0]!.errorCode;
}

/** The coordinator is there when its topic has been made, for which somebody must have asked. */
async function untilCommitted(
  client: Client,
  topic: RequestInit<typeof offsetCommit>['topics'][number],
): Promise<void> {
  for (;;) {
    await client.request(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
    const { topics } = await client.request(offsetCommit, 7, { groupId: 'g', memberId: '', topics: [topic] });
    const { errorCode } = topics[0]!.partitions[0]!;
    if (errorCode === errors.none.code) return;
    expect([errors.notCoordinator.code, errors.coordinatorLoadInProgress.code]).toContain(errorCode);
  }
}

/** By the words that name the way: how it is seen, or the test in which it is. */
const shown: Record<string, (() => Promise<void>) | readonly [file: string, test: string]> = {
  async '`advertised.listeners` not set, no host in `listeners`'() {
    // As `kompakt serve` starts it, on both loopback addresses, where they exist.
    const read = readConfiguration({ port: 0 });
    if (!read.ok) throw new Error(read.messages.join());
    const broker = await runBroker({
      configuration: read.configuration,
      environment: defaultEnvironment(read.configuration.settings, true),
      transport: new NodeTransport(),
      logger: silentLogger,
      directory: '/data',
      processId: 1,
    });
    undo.push(() => broker.stop());
    const addresses = broker.listeners.flatMap(({ endpoints }) => endpoints);
    expect(addresses.length).toBeGreaterThan(0);
    for (const { host, port } of addresses)
      expect(await describedBroker(await connect(host, port))).toMatchObject({ host, port });
  },

  'a dynamic member of a classic group whose connections are gone': [
    'test/broker/groups/member-connections.test.ts',
    'whose connection is gone leaves after the grace',
  ],

  async 'a replication factor above 1'() {
    expect(await create(await start(), 3)).toBe(errors.invalidReplicationFactor.code);
    const capped = await start({ config: { 'kompakt.replication.factor.cap': true } });
    expect(await create(capped, 3)).toBe(errors.none.code);
  },

  async "internal topics' directories"() {
    const dataDir = mkdtempSync(join(tmpdir(), 'kompakt-differences-'));
    undo.push(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 }));
    const client = await start({ dataDir });
    expect(await create(client, 1)).toBe(errors.none.code);
    await untilCommitted(client, {
      name: 't',
      partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: '' }],
    });
    const { topics } = await client.request(metadata, 9, {
      topics: [{ name: '__consumer_offsets' }],
      allowAutoTopicCreation: false,
    });
    expect(topics[0]!.partitions).toHaveLength(50);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('__consumer_offsets-'))).toHaveLength(1);
  },

  async 'an unknown key in a file or in `--set`'() {
    const name = 'server.properties';
    for (const sources of [
      { file: { name, text: 'no.such.key=1' } },
      { set: new Map([['no.such.key', '1']]) },
    ]) {
      const read = readConfiguration(sources);
      expect(!read.ok && read.messages).toEqual([expect.stringContaining('Unknown key no.such.key')]);
    }
  },

  async 'changing `listeners` or their security protocols'() {
    const client = await start();
    for (const [key, value] of [
      ['listeners', 'PLAINTEXT://:9093'],
      ['listener.security.protocol.map', 'PLAINTEXT:PLAINTEXT'],
    ] as const) {
      const configs = [{ name: key, configOperation: 0, value }];
      const resources = [{ resourceType: 4, resourceName: '1', configs }];
      const { responses } = await client.request(incrementalAlterConfigs, 1, {
        resources,
        validateOnly: false,
      });
      expect(responses[0]!.errorCode, key).toBe(errors.invalidRequest.code);
    }
  },

  'a partition that cannot be cleaned (damaged, disk full)': [
    'test/broker/cleaning/log-cleaner.test.ts',
    'is left alone with the reason, while others are cleaned; is tried again later and later; and recovers',
  ],

  'compaction on request': [
    'test/broker/cleaning/compactions.test.ts',
    'nothing is due, log.cleaner.enable is false, it is done all the same',
  ],

  'files of deleted topics and segments, in memory': [
    'test/broker/limits.test.ts',
    'in memory a deleted topic gives its room back',
  ],
};

test.each(otherWays)('$what: $kompakt', async ({ what }) => {
  const way = shown[what];
  expect(way, 'a new difference: say in this file where it is seen').toBeDefined();
  if (typeof way === 'function') return way();
  const [file, title] = way!;
  expect(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')).toContain(title);
});

test('nothing is shown that is no difference', () => {
  expect(Object.keys(shown).sort()).toEqual(otherWays.map(({ what }) => what).sort());
});
