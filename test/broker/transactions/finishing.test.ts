/** From a decision to its end, over a disk that fails and starts in between: each marker once, Complete after all of them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeTxnMarkersHandler } from '../../../broker/apis/transactions/write-txn-markers.ts';
import { errorName } from '../../../protocol/errors.ts';
import { forEachBatch, isControl } from '../../../protocol/records/batch.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { World } from '../world.ts';
import { type ClientVersion, TransactionClient } from './transaction-client.ts';

let clock: VirtualClock;
let files: FaultyFileSystem;
let world: World;

beforeEach(async () => {
  clock = new VirtualClock();
  files = new FaultyFileSystem({ clock });
  world = await World.open({ clock, files });
  await world.topic('t', 2);
});
afterEach(() => world.stop());

/** Records and markers of a partition, such as "r m". */
function written(index: number): string {
  const log = world.partitions.get('t', index)!.log;
  const kinds: string[] = [];
  for (const { path } of log.segments()) {
    const bytes = files.readFileSync(path);
    forEachBatch(bytes, 0, bytes.length, (at) => void kinds.push(isControl(bytes, at) ? 'm' : 'r'));
  }
  return kinds.join(' ');
}

async function stateOf(transactionalId = 'tx'): Promise<string | undefined> {
  const found = await world.transactions.describe(transactionalId);
  return typeof found === 'object' ? found.state : undefined;
}

/** WriteTxnMarkers, as somebody else sends it. */
async function foreignMarker(
  partition: 't-0' | 't-1',
  { producerId, producerEpoch }: TransactionClient,
  coordinatorEpoch: number,
  transactionResult = false,
): Promise<string> {
  const topics = [{ name: 't', partitionIndexes: [Number(partition.at(-1))] }];
  const marker = { producerId, producerEpoch, coordinatorEpoch, transactionResult, topics };
  const answer = await world.ask(writeTxnMarkersHandler, 1, { markers: [marker] });
  return errorName(answer!.markers[0]!.topics[0]!.partitions[0]!.errorCode);
}

/** A transaction with a record in both partitions, about to be committed. */
async function open(version: ClientVersion): Promise<TransactionClient> {
  const client = await TransactionClient.ready(world, version);
  if (version === 0) await client.add('t-0 t-1');
  for (const partition of ['t-0', 't-1']) expect(await client.send(partition, 'a')).toBe('NONE');
  return client;
}

describe.each<ClientVersion>([0, 2])('transaction version %i', (version) => {
  test('a marker that finds no room is written later; until then nobody hears that it is over', async () => {
    const client = await open(version);
    files.fail('write').on('/data/t-1/*.log').with('ENOSPC').times(1);
    expect(await client.commit()).toBe('NONE');
    expect([written(0), written(1), await stateOf()]).toEqual(['r m', 'r', 'PrepareCommit']);
    if (version === 0) expect(await client.add('t-0')).toBe('CONCURRENT_TRANSACTIONS');
    expect(await client.commit()).toBe('CONCURRENT_TRANSACTIONS');
    await clock.advance(500);
    expect([written(0), written(1), await stateOf()]).toEqual(['r m', 'r m', 'CompleteCommit']);
  });

  test('so is Complete', async () => {
    const client = await open(version);
    files.fail('write').on('/data/__transaction_state-*/*.log').with('ENOSPC').after(1).times(1);
    expect(await client.abort()).toBe('NONE');
    expect([written(0), written(1), await stateOf()]).toEqual(['r m', 'r m', 'PrepareAbort']);
    await clock.advance(500);
    expect([written(0), written(1), await stateOf()]).toEqual(['r m', 'r m', 'CompleteAbort']);
  });

  test('a marker that its partition will not take is no marker: the transaction stays as it was decided', async () => {
    const client = await open(version);
    expect(await foreignMarker('t-1', client, 7)).toBe('NONE');
    expect(await foreignMarker('t-1', client, 6)).toBe('TRANSACTION_COORDINATOR_FENCED');
    if (version === 2) expect(await client.send('t-1', 'b')).toBe('NONE');
    else expect(await client.sendAt('t-1', 1, ['b'])).toBe('NONE');
    files.fail('write').on('/data/t-0/*.log').with('ENOSPC').times(1);
    expect(await client.commit()).toBe('NONE');
    await clock.advance(600_000);
    // Where it can be ended, it is.
    expect([written(0), written(1), await stateOf()]).toEqual(['r m', 'r m r', 'PrepareCommit']);
    expect(await client.commit()).toBe('CONCURRENT_TRANSACTIONS');
    expect(await new TransactionClient(world, version).init()).toBe('CONCURRENT_TRANSACTIONS');
    await world.restart();
    expect([written(1), await stateOf()]).toEqual(['r m r', 'PrepareCommit']);
    // By hand, with the epoch that DescribeProducers tells; the next start finds it.
    expect(await foreignMarker('t-1', client, 7, true)).toBe('NONE');
    await world.restart();
    expect([written(1), await stateOf()]).toEqual(['r m r m', 'CompleteCommit']);
  });

  test('a partition that is deleted while its marker is refused needs none any more', async () => {
    await world.topic('gone');
    const client = await TransactionClient.ready(world, version);
    if (version === 0) await client.add('t-0 gone-0');
    for (const partition of ['t-0', 'gone-0']) await client.send(partition, 'a');
    files.fail('write').on('/data/gone-0/*.log').with('ENOSPC').times(1);
    expect(await client.commit()).toBe('NONE');
    expect([written(0), await stateOf()]).toEqual(['r m', 'PrepareCommit']);
    await world.deleteTopic('gone');
    await clock.advance(500);
    expect(await stateOf()).toBe('CompleteCommit');
  });

  test('a start finishes what was decided, and writes no marker twice', async () => {
    const client = await open(version);
    files.fail('write').on('/data/t-1/*.log').with('ENOSPC').times(1);
    await client.commit();
    await world.restart();
    expect([written(0), written(1), await stateOf()]).toEqual(['r m', 'r m', 'CompleteCommit']);
    await world.restart();
    expect([written(0), written(1), await stateOf()]).toEqual(['r m', 'r m', 'CompleteCommit']);
  });

  test('a decision that could not be written is none', async () => {
    const client = await open(version);
    files.fail('write').on('/data/__transaction_state-*/*.log').with('ENOSPC').times(1);
    expect(await client.commit()).toBe('NOT_COORDINATOR');
    expect([written(0), await stateOf()]).toEqual(['r', 'Ongoing']);
    expect(await client.commit()).toBe('NONE');
    expect([written(0), await stateOf()]).toEqual(['r m', 'CompleteCommit']);
  });
});

test('offsets that are refused for now are committed with the marker that is written later', async () => {
  const client = await open(2);
  await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
  expect(await client.commitOffset('g', 3)).toBe('NONE');
  files.fail('write').on('/data/__consumer_offsets-*/*.log').with('ENOSPC').times(1);
  expect(await client.commit()).toBe('NONE');
  const offset = () =>
    world.groups.readOffsets(
      'g',
      (shard) => shard.offset('g', 't', 0)?.offset ?? null,
      () => null,
    );
  expect([await offset(), await stateOf()]).toEqual([null, 'PrepareCommit']);
  await clock.advance(500);
  expect([await offset(), await stateOf()]).toEqual([3, 'CompleteCommit']);
});

/** A world that syncs, and a client whose shard is lost while it adds two partitions: the second finds no room. */
async function lostShard(version: ClientVersion): Promise<TransactionClient> {
  await world.stop();
  clock = new VirtualClock();
  files = new FaultyFileSystem({ clock });
  world = await World.open({ clock, files, durability: { kind: 'fsync' } });
  await clock.until(world.topic('t', 3));
  const client = await clock.until(TransactionClient.ready(world, version));
  const first = version === 0 ? client.add('t-0') : client.send('t-0', 'a');
  expect(await clock.until(first)).toBe('NONE');
  files.fail('write').on('/data/__transaction_state-*/*.log').with('ENOSPC').after(1).times(1);
  const both = ['t-1', 't-2'].map((name) => (version === 0 ? client.add(name) : client.send(name, 'b')));
  // The first is added all the same, and nothing can be appended to it now.
  const expected =
    version === 0 ? ['NONE', 'NOT_COORDINATOR'] : ['NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS'];
  expect(await clock.until(Promise.all(both))).toEqual(expected);
  return client;
}

test('what is in a shard that was lost takes its time-out, though no client ever asks', async () => {
  const client = await lostShard(2);
  await clock.advance(client.timeoutMs + 10_000);
  expect([written(0), written(1)]).toEqual(['r m', 'm']);
  expect(await stateOf()).toBe('CompleteAbort');
});

test('a batch does not begin in the place of one before it that was told to come again', async () => {
  const client = await lostShard(0);
  const send = (sequence: number) => clock.until(client.sendAt('t-0', sequence, ['a']));
  files.fail('read').on('/data/__transaction_state-*/*.log').times(1);
  expect(await send(0)).toBe('NOT_ENOUGH_REPLICAS');
  await clock.advance(1_000);
  expect([await send(1), await send(2)]).toEqual(Array(2).fill('OUT_OF_ORDER_SEQUENCE_NUMBER'));
  expect([await send(0), await send(1), await send(2)]).toEqual(Array(3).fill('NONE'));
});
