/** Members that lost the connection of their group and go on reading on another one: kafkajs does not hurry to open it again. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fetchHandler } from '../../../broker/apis/data/fetch.ts';
import { findCoordinatorHandler } from '../../../broker/apis/groups/find-coordinator.ts';
import { FakeConnection } from '../caller.ts';
import { World } from '../world.ts';
import { type ClientOptions, GroupClient, groupWorld, seen } from './group-client.ts';

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open());
  await world.topic('t', 4);
});
afterEach(() => world.stop());

const advance = (ms: number) => world.clock.advance(ms);

/** A process: one connection for its group, one to read on. */
class Process extends GroupClient {
  readonly reading = new FakeConnection();

  constructor(options: ClientOptions = {}) {
    super(world, { clientId: 'app', sessionTimeoutMs: 30_000, ...options });
    world.groups.clientConnected(this.caller);
    world.groups.clientConnected({ ...this.caller, connection: this.reading });
  }

  async fetch(partitions: readonly number[], version = 12): Promise<void> {
    await world.ask(
      fetchHandler,
      version,
      {
        maxWaitMs: 0,
        minBytes: 0,
        isolationLevel: 0,
        topics: [
          {
            ...(version >= 13 ? { topicId: world.idOf('t') } : { topic: 't' }),
            partitions: partitions.map((partition) => ({
              partition,
              fetchOffset: 0,
              partitionMaxBytes: 100,
            })),
          },
        ],
      },
      { clientId: 'app', connection: this.reading },
    );
  }

  die(): void {
    this.reading.close();
    this.connection.close();
  }

  reconnect(): void {
    this.connection = new FakeConnection();
    world.groups.clientConnected(this.caller);
  }
}

/** Each alone in its group, or several in one; every process reads its own partition of `t`. */
async function consuming(processes: readonly Process[], version?: number): Promise<void> {
  for (const process of processes) await process.joining();
  for (const process of processes) if (process.heartbeat() === 27) process.join();
  await advance(0);
  const assignments = Object.fromEntries(processes.map(({ memberId }, n) => [memberId, { t: [n] }]));
  for (const process of processes) process.sync(assignments);
  await advance(0);
  for (const [n, process] of processes.entries()) await process.fetch([n], version);
}

describe('a member whose client reads its partitions on another connection', () => {
  test.each([12, 13])('stays until its session is over (Fetch v%i)', async (version) => {
    const process = new Process();
    await consuming([process], version);
    process.connection.close();
    await advance(29_000);
    expect(await seen(world)).toBe('Stable 1, 1 members');
    await advance(1_001);
    expect(await seen(world)).toBe('Empty 2, 0 members');
  });

  test('is in its group as before when it speaks again', async () => {
    const process = new Process();
    await consuming([process]);
    process.connection.close();
    await advance(5_000);
    process.reconnect();
    expect(process.heartbeat()).toBe(0);
    process.connection.close();
    process.reading.close();
    await advance(500);
    expect(await seen(world)).toBe('Empty 2, 0 members');
  });

  test('has its whole grace from the moment that this one is gone, too', async () => {
    const process = new Process();
    await consuming([process]);
    process.connection.close();
    await advance(1_990);
    process.reading.close();
    await advance(500);
    expect(await seen(world)).toBe('Stable 1, 1 members');
    process.reconnect();
    await advance(5_000);
    expect(process.heartbeat()).toBe(0);
  });

  test('leaves a grace or two after all its connections are gone', async () => {
    const process = new Process();
    await consuming([process]);
    process.connection.close();
    await advance(1_990);
    process.reading.close();
    await advance(1_000);
    expect(await seen(world)).toBe('Empty 2, 0 members');
  });
});

describe('two processes with one client id on one machine', () => {
  test('in one group: the other one reads other partitions, so who is killed leaves', async () => {
    const [one, two] = [new Process(), new Process()];
    await consuming([one, two]);
    one.die();
    await advance(500);
    expect(await seen(world)).toBe('PreparingRebalance 2, 1 members');
    expect(two.heartbeat()).toBe(27);
  });

  test('in two groups that read the same: who lost both connections at once leaves', async () => {
    const [one, two] = [new Process({ groupId: 'one' }), new Process({ groupId: 'two' })];
    await consuming([one]);
    await consuming([two]);
    one.die();
    await advance(500);
    expect(await seen(world, 'one')).toBe('Empty 2, 0 members');
    expect(await seen(world, 'two')).toBe('Stable 1, 1 members');
  });

  test('a successor is not kept waiting by what its own connections do', async () => {
    const old = new Process();
    await consuming([old]);
    old.die();
    await advance(100);
    const successor = new Process();
    const joined = await successor.joining();
    await advance(100);
    // As librdkafka: one more for what it will read.
    world.groups.clientConnected({ ...successor.caller, connection: new FakeConnection() });
    await advance(400);
    expect(joined.answer).toMatchObject({ errorCode: 0, generationId: 2 });
  });
});

test('a member without partitions has nothing to read: its connection decides', async () => {
  const process = new Process();
  await process.joining();
  process.sync({ [process.memberId]: {} });
  await advance(0);
  await process.fetch([0]);
  process.connection.close();
  await advance(500);
  expect(await seen(world)).toBe('Empty 2, 0 members');
});

test('a client that asks for the coordinator of its group is alive, on a connection that it had before', async () => {
  const process = new Process();
  await consuming([process]);
  const other = new FakeConnection();
  const ask = (key: string) =>
    world.ask(findCoordinatorHandler, 2, { key, keyType: 0 }, { clientId: 'app', connection: other });
  await ask('g');
  process.die();
  await advance(400);
  await ask('g');
  await advance(5_000);
  expect(await seen(world)).toBe('Stable 1, 1 members');
  // Until that connection is gone as well.
  other.close();
  await advance(500);
  expect(await seen(world)).toBe('Empty 2, 0 members');
});

test('a client id that a hundred connections share keeps nobody', async () => {
  const process = new Process();
  await consuming([process]);
  for (let n = 0; n < 100; n++)
    world.groups.clientConnected({ ...process.caller, connection: new FakeConnection() });
  process.connection.close();
  await advance(500);
  expect(await seen(world)).toBe('Empty 2, 0 members');
});

test('a broker that stood still hears its clients before it gives one up', async () => {
  const process = new Process();
  await consuming([process]);
  process.die();
  await advance(200);
  world.clock.standStill(4_000);
  await advance(100);
  expect(await seen(world)).toBe('Stable 1, 1 members');
  process.reconnect();
  await advance(5_000);
  expect(await seen(world)).toBe('Stable 1, 1 members');
});
