/**
 * A graduated directory becomes a cluster of three by the very commands that `graduate` prints, its first node leaves, and nothing is lost;
 * in the end one of the others' directories is adopted, without the rest, and goes back to Kafka as it is.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import { Client } from '../../../tools/client.ts';
import { isFree, quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { buildProgram, runNode, startProgram } from '../../tools/program.ts';
import { hasCommand } from '../commands.ts';
import { eventually } from '../eventually.ts';
import { hasJava } from '../java/apache-kafka.ts';
import type { BrokerContent, PartitionContent } from './broker-content.ts';
import { Bystander } from './bystander.ts';
import { KafkaFolder, type RunningCommand } from './kafka-folder.ts';
import { settledContent, write } from './sample-content.ts';
import { snapshotsIn } from './snapshots-in.ts';

let program: Awaited<ReturnType<typeof buildProgram>>;
beforeAll(async () => {
  program = await buildProgram('growing-test');
});
afterAll(() => program.remove());

const ticks = 'ticks';

/** The numbers of replicas in sync that there are among all partitions. */
async function replicaCounts(port: number): Promise<number[]> {
  const client = await Client.connect('127.0.0.1', port);
  try {
    const { topics } = await client.request(metadata, 12, { topics: null, allowAutoTopicCreation: false });
    const inSync = topics.flatMap(({ partitions }) => partitions.map(({ isrNodes }) => isrNodes.length));
    return [...new Set(inSync)];
  } finally {
    client.close();
  }
}

/** Without what the bystander adds to. */
function still({ topics, configs, groups, transactions }: BrokerContent): BrokerContent {
  const { bystanders: _1, ...otherGroups } = groups;
  const others = Object.entries(topics).filter(([key]) => !key.startsWith(`${ticks} `));
  return { topics: Object.fromEntries(others), configs, groups: otherGroups, transactions };
}

test('one broker becomes three, and two of them without it, with everything in place', async (context) => {
  skipUnless(context, hasJava() && hasCommand('kcat'), 'there is no java, or no kcat');
  const home = mkdtempSync(join(tmpdir(), "kompakt grown's-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const dataDir = join(home, 'ours');
  const ours = await startBroker({ dataDir });
  onTestFinished(() => ours.stop());
  await write(ours.port, 'ours');
  await ours.createTopics([{ topic: ticks, partitions: 2 }]);
  const before = still(await settledContent(ours.port));
  await ours.stop();

  const ports = [await quietPort(), await quietPort(), await quietPort()] as const;
  const listeners = `listeners=PLAINTEXT://127.0.0.1:${ports[0]},CONTROLLER://127.0.0.1:${ports[0] + 1}`;
  const joins = ports.slice(1).flatMap((port) => ['--join', `127.0.0.1:${port}`]);
  const where = ['--data-dir', dataDir, '--to', join(home, 'theirs')];
  const args = ['graduate', ...where, '--set', listeners, ...joins];
  const { code, err, out } = await runNode([program.path, ...args]).ended;
  expect({ code, err }, out).toEqual({ code: 0, err: '' });
  const told = out
    .split('\n')
    .filter((line) => line.startsWith('  bin/'))
    .map((line) => line.trim());
  expect(told).toHaveLength(12);
  const [startFirst, formatSecond, startSecond, addSecond, formatThird, startThird, addThird, ...rest] = told;
  const [reassign, verify, leave, giveUp, forget] = rest;

  const folder = new KafkaFolder(join(home, 'kafka'));
  const startNode = async (line: string, port: number): Promise<RunningCommand> => {
    const node = folder.start(line);
    onTestFinished(() => void node.child.kill('SIGKILL'));
    await eventually(async () => expect(await isFree(port), node.output()).toBe(false));
    return node;
  };
  const first = await startNode(startFirst!, ports[0]);
  expect(still(await settledContent(ports[0]))).toEqual(before);
  const bystander = new Bystander(ticks, 'bystanders', ports);
  onTestFinished(() => bystander.kill());
  await bystander.start();
  const others: RunningCommand[] = [];
  for (const [format, start, add, port] of [
    [formatSecond, startSecond, addSecond, ports[1]],
    [formatThird, startThird, addThird, ports[2]],
  ] as const) {
    await folder.run(format!);
    others.push(await startNode(start!, port));
    await folder.run(add!);
  }
  await folder.run(reassign!);
  await eventually(async () => expect(await folder.run(verify!)).not.toMatch(/in progress|still/));
  expect(await replicaCounts(ports[0])).toEqual([3]);
  await bystander.keepsUp();
  expect(still(await settledContent(ports[1]))).toEqual(before);

  await folder.run(leave!);
  await first.stop();
  await bystander.keepsUp();
  expect(still(await settledContent(ports[2]))).toEqual(before);
  await folder.run(giveUp!);
  await folder.run(forget!);
  expect(await replicaCounts(ports[1])).toEqual([2]);
  const written = await bystander.finish();
  const quorum = `bin/kafka-metadata-quorum.sh --bootstrap-server 127.0.0.1:${ports[2]} describe --replication`;
  expect((await folder.run(quorum)).match(/^\d+\s.*(Leader|Follower)/gm)).toHaveLength(2);
  await write(ports[1], 'grown');
  const after = await settledContent(ports[2]);
  const [ticked] = Object.entries(after.topics).filter(([key]) => key.startsWith(`${ticks} `));
  const partitions = ticked![1] as readonly PartitionContent[];
  expect(partitions.flatMap(({ records }) => records)).toHaveLength(written);

  await Promise.all(others.map((node) => node.stop()));
  const third = join(home, 'theirs-3');
  const often = ['--set', 'metadata.log.max.record.bytes.between.snapshots=1'];
  const snapshots = snapshotsIn(third);
  const alone = await startProgram([program.path, 'adopt', third, '--no-http', '--port', '0', ...often]);
  onTestFinished(async () => void (await alone.stop()));
  expect(await settledContent(Number(alone.address.split(':').at(-1)))).toEqual(after);
  const { err: said } = await alone.stop();
  expect(said).toMatch(
    /not carried over: .* replicas on other brokers are given up, this node has the only one/,
  );
  expect(said).toMatch(/not carried over: the controllers 2 vote no more/);

  // The snapshot that we have written there tells of the other broker: Kafka goes on with node 3 alone, and knows that there is a node 2.
  expect(snapshotsIn(third).at(-1)! > (snapshots.at(-1) ?? '')).toBe(true);
  const again = await startNode(startThird!, ports[2]);
  expect(await settledContent(ports[2])).toEqual(after);
  const list = `bin/kafka-cluster.sh list-endpoints --bootstrap-server 127.0.0.1:${ports[2]} --include-fenced-brokers`;
  const listed = await folder.run(list);
  expect(listed).toMatch(/^2 .* fenced /m);
  expect(listed).toMatch(/^3 .* unfenced /m);
  await again.stop();
});
