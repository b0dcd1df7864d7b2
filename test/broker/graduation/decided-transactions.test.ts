/** Transactions whose end is decided when a broker stops have it everywhere before Apache Kafka gets the directory; open ones stay open. */
import { expect, test } from 'vitest';
import { writeTxnMarkersHandler } from '../../../broker/apis/transactions/write-txn-markers.ts';
import { readConfiguration } from '../../../broker/config/settings.ts';
import { consumerOffsetsTopic } from '../../../broker/metadata/topic-names.ts';
import { kafkaNodesFor, lookAtDirectory, prepareForKafka } from '../../../broker/moving.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { StartError } from '../../../broker/start-error.ts';
import { forEachBatch, isControl } from '../../../protocol/records/batch.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { controlTypeOf, controlTypes } from '../../../protocol/records/control.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { type ClientVersion, TransactionClient } from '../transactions/transaction-client.ts';
import { World } from '../world.ts';

const directory = '/data';
const clock = new VirtualClock();
const settings = { 'offsets.topic.num.partitions': 1, 'transaction.state.log.num.partitions': 1 };

function configuration() {
  const read = readConfiguration({ dataDirectory: directory });
  if (!read.ok) throw new Error(read.messages.join());
  return read.configuration;
}

const partsOf = (files: FaultyFileSystem) => ({
  environment: { clock, files, random: new SeededRandom(2) },
  configuration: configuration(),
  directory,
  processId: 1,
});

const look = (files: FaultyFileSystem) => lookAtDirectory(partsOf(files), (found) => found);

async function prepare(files: FaultyFileSystem): Promise<void> {
  const [{ controller }] = kafkaNodesFor({ configuration: configuration(), nodeId: 1, directory });
  await clock.until(prepareForKafka({ ...partsOf(files), logger: silentLogger }, controller));
}

/** `r` records, `c` and `a` the markers of a commit and an abort. */
function written(files: FaultyFileSystem, name: string): string {
  const kinds: string[] = [];
  for (const file of files.listSync(`${directory}/${name}`).filter((each) => each.endsWith('.log'))) {
    const bytes = files.readFileSync(`${directory}/${name}/${file}`);
    forEachBatch(bytes, 0, bytes.length, (at) => {
      if (!isControl(bytes, at)) kinds.push('r');
      else kinds.push(controlTypeOf(readRecords(bytes, at)[0]!) === controlTypes.commit ? 'c' : 'a');
    });
  }
  return kinds.join('');
}

/**
 * A commit that has its marker in t-0 and lacks those in t-1 and of the offset, an abort that lacks its only one, and one that is open;
 * stopped cleanly, or killed.
 */
async function cutOff(version: ClientVersion, ending: 'stopped' | 'killed'): Promise<FaultyFileSystem> {
  const files = new FaultyFileSystem({ clock });
  const world = await World.open({ clock, files, settings });
  await world.topic('t', 3);
  await world.cluster.controller.ensureInternalTopic(consumerOffsetsTopic);
  const clients: TransactionClient[] = [];
  for (const [id, partitions] of [
    ['commits', ['t-0', 't-1']],
    ['aborts', ['t-2']],
    ['stays open', ['t-2']],
  ] as const) {
    const client = await TransactionClient.ready(world, version, id);
    if (version === 0) await client.add(partitions.join(' '));
    for (const partition of partitions) expect(await client.send(partition, 'a')).toBe('NONE');
    clients.push(client);
  }
  expect(await clients[0]!.commitOffset('g', 3)).toBe('NONE');
  for (const place of ['t-1', 't-2', '__consumer_offsets-0'])
    files.fail('write').on(`/data/${place}/*.log`).with('ENOSPC').times(1);
  expect(await clients[0]!.commit()).toBe('NONE');
  expect(await clients[1]!.abort()).toBe('NONE');
  expect(['t-0', 't-1', 't-2', '__consumer_offsets-0'].map((name) => written(files, name))).toEqual([
    'rc',
    'r',
    'rr',
    'r',
  ]);
  if (ending === 'killed') {
    const left = files.afterKill();
    void world.stop().catch(() => {});
    return left;
  }
  await world.stop();
  files.replaceFileSync(`${directory}/.kafka_cleanshutdown`, Buffer.from('{"version":0,"brokerEpoch":3}'));
  return files;
}

test.each<[ClientVersion, 'stopped' | 'killed']>([
  [0, 'stopped'],
  [0, 'killed'],
  [2, 'stopped'],
  [2, 'killed'],
])('transaction version %i, %s: each marker that was missing, and Complete', async (version, ending) => {
  const files = await cutOff(version, ending);
  const before = await look(files);
  expect(before.problems).toEqual([]);
  expect([...before.decided].sort()).toEqual(['aborts (PrepareAbort)', 'commits (PrepareCommit)']);
  expect(before.notes.at(-1)).toMatch(
    /^transactions whose end is decided, and not yet everywhere: .*commits/,
  );

  await prepare(files);
  const after = await look(files);
  expect(after).toMatchObject({ problems: [], notes: [], decided: [], wasStoppedClean: true });
  const names = ['t-0', 't-1', 't-2', '__consumer_offsets-0'];
  const markers = ['rc', 'rc', 'rra', 'rc'];
  expect(names.map((name) => written(files, name))).toEqual(markers);

  const world = await World.open({ clock, files });
  const states: string[] = [];
  for (const id of ['commits', 'aborts', 'stays open']) {
    const found = await world.transactions.describe(id);
    states.push(typeof found === 'object' ? found.state : String(found));
  }
  expect(states).toEqual(['CompleteCommit', 'CompleteAbort', 'Ongoing']);
  const offset = await world.groups.readOffsets(
    'g',
    (shard) => shard.offset('g', 't', 0)?.offset,
    () => undefined,
  );
  expect(offset).toBe(3);
  expect(names.map((name) => written(files, name))).toEqual(markers);
  await world.stop();
});

test('what the disk refuses is an error that names transaction and partition; the next attempt ends it', async () => {
  const files = await cutOff(2, 'stopped');
  files.fail('write').on('/data/t-1/*.log').with('ENOSPC').times(1);
  const refusal: unknown = await prepare(files).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StartError);
  expect((refusal as Error).message).toMatch(/^the transaction of commits could not be ended in t-1: /);
  expect((await look(files)).decided).toEqual(['commits (PrepareCommit)']);
  await prepare(files);
  expect((await look(files)).decided).toEqual([]);
});

test('what its partition will never take stays decided, and is told', async () => {
  const files = new FaultyFileSystem({ clock });
  const world = await World.open({ clock, files, settings });
  await world.topic('t');
  const client = await TransactionClient.ready(world, 2, 'late');
  const { producerId, producerEpoch } = client;
  const topics = [{ name: 't', partitionIndexes: [0] }];
  const marker = { producerId, producerEpoch, coordinatorEpoch: 7, transactionResult: false, topics };
  await world.ask(writeTxnMarkersHandler, 1, { markers: [marker] });
  expect(await client.send('t-0', 'a')).toBe('NONE');
  expect(await client.commit()).toBe('NONE');
  await world.stop();
  await prepare(files);
  expect(await look(files)).toMatchObject({ decided: ['late (PrepareCommit)'], wasStoppedClean: true });
});

test('a record of __transaction_state that no coordinator can read is a problem', async () => {
  const files = await cutOff(2, 'stopped');
  const path = `${directory}/__transaction_state-0`;
  const log = `${path}/00000000000000000000.log`;
  const bytes = files.readFileSync(log);
  const [key, value] = [Buffer.from('0000000474696c6c', 'hex'), Buffer.from('0001', 'hex')];
  const baseOffset = 1000;
  const records = [{ timestampMs: 1, key, value }];
  files.replaceFileSync(log, Buffer.concat([bytes, buildBatch({ baseOffset, leaderEpoch: 0, records })]));
  expect((await look(files)).problems).toContainEqual(
    expect.stringMatching(`^${path} has a record at offset 1000 that no coordinator can read: `),
  );
});
