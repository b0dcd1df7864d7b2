/**
 * Random lives of a few members in one group: they join, come late, are killed, leave, lose connections and time out, while time
 * passes. Whatever happens:
 *
 *     every join and every sync is answered in the end, once
 *     a generation has one leader, and only the leader learns of the others
 *     members that believe to be in the same generation were told the same protocol
 *     a stable group has an assignment of that generation for each of its members
 *     after a restart a stable group is what it was
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClassicGroup } from '../../../broker/groups/classic-group.ts';
import type { JoinAnswer } from '../../../broker/groups/classic-member.ts';
import { FakeConnection } from '../caller.ts';
import { World } from '../world.ts';
import { GroupClient, groupWorld, type Watched } from './group-client.ts';

type Step =
  | {
      readonly kind: 'join' | 'sync' | 'heartbeat' | 'leave' | 'restart' | 'cut' | 'change';
      readonly who: number;
    }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'reload' }
  | { readonly kind: 'round' };

const clientCount = 4;
const who = fc.nat(clientCount - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: fc.record({ kind: fc.constant('join' as const), who }) },
  { weight: 18, arbitrary: fc.record({ kind: fc.constant('sync' as const), who }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('heartbeat' as const), who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('leave', 'restart', 'cut', 'change'), who }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(8_000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reload' as const }) },
  { weight: 5, arbitrary: fc.constant({ kind: 'round' as const }) },
);

class Life {
  readonly world: World;
  readonly clients: GroupClient[];
  readonly waits: Watched<unknown>[] = [];
  /** Generation → what its members were told. */
  readonly told = new Map<number, { leader: string; protocol: string | null }>();

  constructor(world: World) {
    this.world = world;
    this.clients = Array.from(
      { length: clientCount },
      (_, n) =>
        new GroupClient(world, {
          clientId: `c${n}`,
          protocols: n % 2 === 0 ? ['range', 'sticky'] : ['sticky', 'range'],
          sessionTimeoutMs: 6_000 + 3_000 * n,
          rebalanceTimeoutMs: 10_000,
          // The last two are static members.
          ...(n >= 2 ? { instanceId: `i${n}` } : {}),
        }),
    );
  }

  async run(step: Step): Promise<void> {
    if (step.kind === 'pass') await this.world.clock.advance(step.ms);
    else if (step.kind === 'reload') await this.#reload();
    else if (step.kind === 'round') await this.#round();
    else this.#act(step.kind, this.clients[step.who]!);
    await this.world.clock.settle();
    this.#check(await this.#group());
  }

  /** Time enough for every wait to end. */
  async finish(): Promise<void> {
    await this.world.clock.advance(700_000);
    for (const { answer } of this.waits) expect(answer, 'an answer is missing').toBeDefined();
    const group = await this.#group();
    // Nobody has been heard of for long.
    if (group !== undefined) expect(group.members.size).toBe(0);
  }

  /** Everybody does what good clients do. */
  async #round(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      for (const client of this.clients) if (client.heartbeat() !== 0) this.#act('join', client);
      await this.world.clock.settle();
    }
    for (const client of this.clients) this.#act('sync', client);
  }

  #act(kind: Exclude<Step['kind'], 'pass' | 'reload' | 'round'>, client: GroupClient): void {
    switch (kind) {
      case 'join': {
        const joined = client.join();
        this.waits.push(joined);
        void joined.promise.then((answer) => this.#noteJoin(answer));
        break;
      }
      case 'sync':
        this.waits.push(
          client.sync(Object.fromEntries(this.clients.map((c) => [c.memberId, `of ${c.generationId}`]))),
        );
        break;
      case 'heartbeat':
        client.heartbeat();
        break;
      case 'leave':
        client.leave();
        break;
      case 'restart':
        client.memberId = '';
        client.generationId = -1;
        break;
      case 'cut':
        client.connection.close();
        client.connection = new FakeConnection();
        break;
      case 'change':
        client.options = { ...client.options, topics: [`${this.world.random.below(5)}`] };
        break;
    }
  }

  #noteJoin({
    errorCode,
    generationId,
    leader,
    protocolName,
    memberId,
    members,
    skipAssignment,
  }: JoinAnswer): void {
    if (errorCode !== 0) return;
    const isLeader = leader === memberId;
    if (isLeader) expect(members!.map((member) => member.memberId)).toContain(memberId);
    else expect(members).toEqual([]);
    const before = this.told.get(generationId!);
    // A static leader that comes back under a new id takes over.
    const mayDiffer = skipAssignment === true || before === undefined;
    if (before !== undefined) expect(protocolName).toBe(before.protocol);
    if (mayDiffer) this.told.set(generationId!, { leader: leader!, protocol: protocolName! });
    else expect(leader).toBe(before.leader);
  }

  #check(group: ClassicGroup | undefined): void {
    if (group === undefined) return;
    const members = [...group.members.values()];
    expect(group.staticMembers.size).toBe(members.filter(({ isStatic }) => isStatic).length);
    if (group.state === 'Empty') expect(members).toEqual([]);
    if (members.length > 0) expect(group.members.has(group.leaderId!)).toBe(true);
    if (group.state !== 'Stable') return;
    for (const member of members) {
      expect(member.isAwaitingSync).toBe(false);
      expect(member.protocols.map(({ name }) => name)).toContain(group.protocolName);
    }
  }

  async #reload(): Promise<void> {
    const before = await this.#group();
    const wasStable = before?.state === 'Stable' ? outline(before) : null;
    await this.world.restart();
    await this.world.groups.coordinatorError('g');
    const after = await this.#group();
    if (wasStable !== null && after?.state === 'Stable') expect(outline(after)).toEqual(wasStable);
    // Clients open new connections to the new broker.
    for (const client of this.clients) client.connection = new FakeConnection();
    this.told.clear();
  }

  async #group(): Promise<ClassicGroup | undefined> {
    return (await this.world.groups.describe('g', (group) => group)) as ClassicGroup | undefined;
  }
}

function outline(group: ClassicGroup) {
  const members = [...group.members.values()].map(({ memberId, groupInstanceId, assignment }) => ({
    memberId,
    groupInstanceId,
    assignment: assignment.toString(),
  }));
  return { generationId: group.generationId, leaderId: group.leaderId, members };
}

test('whatever members do, every answer comes and nobody is told two stories', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.constantFrom(0, 0, 1_000),
      async (steps, delayMs) => {
        const settings = { 'group.initial.rebalance.delay.ms': delayMs, 'offsets.topic.num.partitions': 1 };
        const world = await groupWorld(await World.open({ settings }));
        await world.groups.coordinatorError('g');
        const life = new Life(world);
        for (const each of steps) await life.run(each);
        await life.finish();
        await world.stop();
      },
    ),
    { numRuns: 150 },
  );
});
