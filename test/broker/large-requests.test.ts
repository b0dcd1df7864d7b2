/** Requests that are as large as they may be, or larger: answered or refused, and others are served meanwhile. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterEach, describe, expect, test } from 'vitest';
import { type Broker, type BrokerOptions, startBroker } from '../../broker/index.ts';
import { errors } from '../../protocol/errors.ts';
import { describeConfigs } from '../../protocol/messages/configs/describe-configs.ts';
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { offsetCommit } from '../../protocol/messages/groups/offset-commit.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import { Client } from '../../tools/client.ts';
import { keepingLogger } from './network/frames.ts';
import { tcpClient } from './network/tcp-client.ts';

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function start(config: BrokerOptions['config'] = {}) {
  const logger = keepingLogger();
  const broker: Broker = await startBroker({ config, logger });
  undo.push(() => broker.stop());
  const client = await Client.connect('127.0.0.1', broker.port);
  undo.push(() => client.close());
  return { broker, client, logger };
}

async function create(client: Client, name: string, numPartitions: number): Promise<void> {
  const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }];
  const answer = await client.request(createTopics, 5, { topics, validateOnly: false });
  expect(answer.topics[0]!.errorCode).toBe(errors.none.code);
}

/** A Metadata request in version 9 for so many topics without a name: two bytes each. */
function namelessTopics(count: number): Buffer {
  const head = Buffer.from([0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0]);
  const length = Buffer.from([...[0, 7, 14, 21, 28].map((bits) => ((count + 1) >>> bits) | 0x80)]);
  length[4]! &= 0x7f;
  const frame = Buffer.concat([Buffer.alloc(4), head, length, Buffer.alloc(2 * count), Buffer.alloc(4)]);
  for (let at = 4 + head.length + length.length, n = 0; n < count; n++, at += 2) frame[at] = 1;
  frame.writeInt32BE(frame.length - 4);
  return frame;
}

describe('elements of a request', () => {
  test('a frame of 20 MB that would be ten million objects is not decoded: its connection is closed', async () => {
    const { broker, client, logger } = await start();
    const other = await tcpClient({ host: '127.0.0.1', port: broker.port });
    undo.push(() => other.close());
    other.send(namelessTopics(10_000_000));
    await other.closed;
    const lines = logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('a Metadata request in version 9 with more than 1000000 array elements');
    expect(lines[0]).toContain('kompakt.request.elements.max');
    const { brokers } = await client.request(metadata, 9, { topics: [] });
    expect(brokers).toHaveLength(1);
  });

  test('a topic that is named 999,999 times is answered once', async () => {
    const { client } = await start();
    await create(client, 't', 1);
    const topics = Array.from({ length: 999_999 }, () => ({ name: 't' }));
    const answer = await client.request(metadata, 9, { topics, allowAutoTopicCreation: true });
    expect(answer.topics.map(({ name }) => name)).toEqual(['t']);
  });

  test('parts of one topic are joined, however many they are', async () => {
    const { client } = await start();
    const partitions = Array.from({ length: 150_000 }, (_, partitionIndex) => ({
      partitionIndex,
      committedOffset: 1,
      committedMetadata: null,
    }));
    const answer = await client.request(offsetCommit, 9, {
      ...{ groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '' },
      topics: [
        { name: 'unknown', partitions },
        { name: 'unknown', partitions },
      ],
    });
    expect(answer.topics.map(({ partitions }) => partitions.length)).toEqual([300_000]);
  });

  test('more names than topics may be created at once are all refused, and none is created', async () => {
    const { client } = await start();
    const topics = Array.from({ length: 20_000 }, (_, n) => ({ name: `t-${n}` }));
    const answer = await client.request(metadata, 9, { topics, allowAutoTopicCreation: true });
    expect(new Set(answer.topics.map(({ errorCode }) => errorCode))).toEqual(
      new Set([errors.policyViolation.code]),
    );
    const all = await client.request(metadata, 9, { topics: null });
    expect(all.topics).toEqual([]);
  });
});

/** What `ask` gives, and a line about how long the loop was kept: by client and broker together, which share this process. */
async function measured<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const answer = await ask();
  delay.disable();
  // A figure, not a bound.
  console.info(`100,000 partitions in one ${what}: longest block ${(delay.max / 1e6).toFixed(0)} ms`);
  return answer;
}

test('100,000 partitions in one Metadata and in one Fetch are answered', async () => {
  const { client } = await start();
  const topics = Array.from({ length: 20 }, (_, n) => `wide-${n}`);
  for (const topic of topics) await create(client, topic, 5_000);
  const described = await measured('Metadata', () => client.request(metadata, 9, { topics: null }));
  expect(described.topics.reduce((sum, { partitions }) => sum + partitions.length, 0)).toBe(100_000);
  const asked = Array.from({ length: 5_000 }, (_, partition) => ({
    ...{ partition, fetchOffset: 0, partitionMaxBytes: 1_000 },
  }));
  const fetched = await measured('Fetch', () =>
    client.request(fetch, 12, {
      ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, isolationLevel: 0, sessionEpoch: 0 },
      topics: topics.map((topic) => ({ topic, partitions: asked })),
    }),
  );
  expect(fetched.sessionId).not.toBe(0);
  const partitions = fetched.responses.flatMap((topic) => topic.partitions);
  expect(partitions).toHaveLength(100_000);
  expect(partitions.every(({ errorCode }) => errorCode === errors.none.code)).toBe(true);
});

test('a small request with a huge answer is refused', async () => {
  const { client, logger } = await start({ 'kompakt.response.max.bytes': 4 * 1024 * 1024 });
  const ask = (count: number) =>
    client.request(describeConfigs, 4, {
      resources: Array.from({ length: count }, () => ({
        resourceType: 4,
        resourceName: '1',
        configurationKeys: null,
      })),
      includeSynonyms: false,
      includeDocumentation: true,
    });
  const few = await ask(20);
  expect(few.results.every(({ configs }) => configs.length > 200)).toBe(true);
  const many = await ask(10_000);
  expect(new Set(many.results.map(({ errorCode }) => errorCode))).toEqual(
    new Set([errors.invalidRequest.code]),
  );
  expect(many.results[0]!.errorMessage).toContain('kompakt.response.max.bytes');
  expect(logger.lines.filter(({ message }) => message.includes('kompakt.response.max.bytes'))).toHaveLength(
    1,
  );
});
