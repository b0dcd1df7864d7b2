/**
 * A broker behind a door whose connections can be cut, all of them or only those that carried a group's requests, and what a
 * consumer must not notice of it. The broker has its defaults; so have the clients.
 */
import { spawn } from 'node:child_process';
import { createConnection, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { type Broker, startBroker } from '../../broker/index.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { describeGroups } from '../../protocol/messages/groups/describe-groups.ts';
import { heartbeat } from '../../protocol/messages/groups/heartbeat.ts';
import { joinGroup } from '../../protocol/messages/groups/join-group.ts';
import { offsetCommit } from '../../protocol/messages/groups/offset-commit.ts';
import { syncGroup } from '../../protocol/messages/groups/sync-group.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { FrameSplitter } from '../../protocol/wire/frame.ts';
import { Client } from '../../tools/client.ts';
import { eventually } from './eventually.ts';

/** The default of kompakt.group.disconnect.grace.ms. */
export const graceMs = 500;
export const cutTopic = 'steady';
export const cutGroup = 'steady-readers';

const groupKeys: ReadonlySet<number> = new Set([joinGroup.key, syncGroup.key, heartbeat.key]);

interface Passage {
  readonly inner: Socket;
  readonly outer: Socket;
  /** API keys that have passed. */
  readonly keys: Set<number>;
}

export class CuttableBroker {
  readonly port: number;
  /** How many requests came through the door: joins, and those in which a member says which generation it is in. */
  joins = 0;
  memberRequests = 0;
  /** When the broker had the first request on a connection opened since the latest cut; null: not yet. */
  backMs: number | null = null;
  /** Connections, by their ids, on which the broker has had a request. */
  readonly #known = new Set<number>();
  readonly #door: ReturnType<typeof createServer>;
  readonly #passages = new Set<Passage>();
  #broker!: Broker;
  #client!: Client;

  private constructor(door: ReturnType<typeof createServer>) {
    this.#door = door;
    this.port = (door.address() as { port: number }).port;
    door.on('connection', (inner) => this.#pass(inner));
  }

  static async start(): Promise<CuttableBroker> {
    const door = createServer();
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    const it = new CuttableBroker(door);
    it.#broker = await startBroker({
      config: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${it.port}` },
      onRequest: ({ caller }) => it.#arrived(caller.connection.id),
    });
    it.#client = await Client.connect('127.0.0.1', it.#broker.port);
    await it.#client.request(createTopics, 5, {
      topics: [{ name: cutTopic, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
      validateOnly: false,
    });
    return it;
  }

  async stop(): Promise<void> {
    this.cut('all');
    this.#door.close();
    this.#client.close();
    await this.#broker.stop();
  }

  cut(what: 'all' | 'group'): void {
    this.backMs = null;
    for (const { inner, outer, keys } of this.#passages) {
      if (what === 'group' && ![...keys].some((key) => groupKeys.has(key))) continue;
      inner.destroy();
      outer.destroy();
    }
  }

  async send(value: string): Promise<void> {
    const records = [{ timestampMs: Date.now(), key: null, value: Buffer.from(value), headers: [] }];
    const topicData = [{ name: cutTopic, partitionData: [{ index: 0, records: buildBatch({ records }) }] }];
    await this.#client.request(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
  }

  /** Ids of the group's members, once it is stable. */
  async members(): Promise<string[]> {
    const { groupState, members } = await this.#describe();
    expect(groupState).toBe('Stable');
    return members.map(({ memberId }) => memberId);
  }

  async state(): Promise<string> {
    return (await this.#describe()).groupState;
  }

  async #describe() {
    return (await this.#client.request(describeGroups, 5, { groups: [cutGroup] })).groups[0]!;
  }

  #pass(inner: Socket): void {
    const outer = createConnection({ port: this.#broker.port, host: '127.0.0.1' });
    const passage: Passage = { inner, outer, keys: new Set() };
    this.#passages.add(passage);
    const splitter = new FrameSplitter(1 << 30, (frame) => this.#saw(passage, frame.readInt16BE(0)));
    inner.on('data', (bytes) => {
      outer.write(bytes);
      splitter.feed(bytes);
    });
    outer.pipe(inner);
    for (const socket of [inner, outer]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#passages.delete(passage);
        inner.destroy();
        outer.destroy();
      });
    }
  }

  #arrived(connectionId: number): null {
    if (!this.#known.has(connectionId)) this.backMs ??= performance.now();
    this.#known.add(connectionId);
    return null;
  }

  #saw({ keys }: Passage, key: number): void {
    keys.add(key);
    if (key === joinGroup.key) this.joins += 1;
    if (key === heartbeat.key || key === offsetCommit.key) this.memberRequests += 1;
  }
}

/**
 * Cuts the connections of the one consumer, which has seen `seen` so far, and expects that it stays who it is in its group and reads
 * on. Where all connections are cut it has to be back at the broker within the grace: if this machine was too slow for that, they are
 * cut again.
 */
export async function expectNoRebalance(
  broker: CuttableBroker,
  what: 'all' | 'group',
  seen: readonly string[],
): Promise<void> {
  for (let round = 1; ; round++) {
    const before = await eventually(() => broker.members());
    const { joins, memberRequests } = broker;
    const cutMs = performance.now();
    broker.cut(what);
    await eventually(() => expect(broker.backMs).not.toBeNull());
    const awayMs = broker.backMs! - cutMs;
    await broker.send(`after cut ${round}`);
    await eventually(() => expect(seen).toContain(`after cut ${round}`));
    await eventually(() => expect(broker.memberRequests).toBeGreaterThan(memberRequests));
    const after = await eventually(() => broker.members());
    if (what === 'all' && awayMs >= graceMs) continue;
    expect({ members: after, joins: broker.joins }, `it was away for ${awayMs} ms`).toEqual({
      members: before,
      joins,
    });
    return;
  }
}

/**
 * The same with a consumer in a process of its own, which writes a line for each value and is killed in the end: then it leaves without
 * waiting for its session. Gives what it has written.
 */
export async function cutConsumer(
  what: 'all' | 'group',
  command: string,
  args: readonly string[],
): Promise<readonly string[]> {
  const broker = await CuttableBroker.start();
  const child = spawn(command, [...args, `127.0.0.1:${broker.port}`, cutTopic, cutGroup], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    await broker.send('first');
    await eventually(() => expect(lines).toContain('first'));
    await expectNoRebalance(broker, what, lines);
    child.kill('SIGKILL');
    // Its session would last longer than anybody waits here.
    await eventually(async () => expect(await broker.state()).toBe('Empty'));
    return lines;
  } finally {
    child.kill('SIGKILL');
    await broker.stop();
  }
}
