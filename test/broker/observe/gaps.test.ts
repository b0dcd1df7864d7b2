/** What a broker tells of what it refused or ignored: each gap with its count, its clients, and a page that is there. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handlers } from '../../../broker/apis/index.ts';
import { gapSubjects, subjectOfApi } from '../../../broker/observe/gap-subjects.ts';
import { Gaps, gapCharactersMax, gapClientsMax, gapsMax } from '../../../broker/observe/gaps.ts';
import { incrementalAlterConfigs } from '../../../protocol/messages/configs/incremental-alter-configs.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { describeAcls } from '../../../protocol/messages/security/acls.ts';
import { alterClientQuotas } from '../../../protocol/messages/security/client-quotas.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { gapsPage } from '../../../tools/docs/gaps-page.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { type PeerWorld, peerWorld } from '../faults/peer.ts';

const root = new URL('../../../', import.meta.url);

/** The heading that an anchor leads to, as GitHub makes anchors. */
function headings(path: string): string[] {
  const page = readFileSync(new URL(path, root), 'utf8');
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title!.toLowerCase().replaceAll(' ', '-'));
}

describe('a broker tells what clients asked for in vain', () => {
  let world: PeerWorld;
  beforeEach(async () => {
    world = await peerWorld({ config: { 'num.io.threads': 3, 'kompakt.replication.factor.cap': true } });
  });
  afterEach(() => world.stop());

  const topic = (more: object) => ({
    topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more }],
    validateOnly: false,
  });
  /** 'kind name outcome count clients', and where it is explained. */
  const told = () =>
    world.broker
      .gaps()
      .filter(({ name }) => name !== 'num.io.threads')
      .map(({ kind, name, outcome, count, clients, docs }) => {
        const [page, anchor] = docs.split('#');
        expect(headings(page!)).toEqual(
          anchor === undefined ? expect.anything() : expect.arrayContaining([anchor]),
        );
        return `${kind} ${name}: ${outcome} ${count} ${clients.join('+')}`;
      });

  it('APIs and versions that are not served', async () => {
    await world.peer('a').ask(alterClientQuotas, 1, { entries: [], validateOnly: false });
    await world.peer('b').ask(alterClientQuotas, 1, { entries: [], validateOnly: false });
    const old = world.peer();
    // Fetch in version 3, and API key 4.
    old.client.send(Buffer.from('0000000c00010003000000010002' + '6f6c', 'hex'));
    await world.clock.settle();
    world.peer().client.send(Buffer.from('0000000c00040001000000010002' + '6f6c', 'hex'));
    await world.clock.settle();
    expect(told()).toEqual([
      'api AlterClientQuotas: refused 2 a+b',
      'version Fetch 3: refused 1 ol',
      'api API key 4: refused 1 ol',
    ]);
  });

  it('features of APIs that are served', async () => {
    const peer = world.peer('app');
    await peer.ask(findCoordinator, 6, { keyType: 2, coordinatorKeys: ['g:t:0'] });
    await peer.ask(describeAcls, 3, {
      resourceTypeFilter: 1,
      resourceNameFilter: null,
      patternTypeFilter: 1,
      principalFilter: null,
      hostFilter: null,
      operation: 1,
      permissionType: 1,
    });
    await peer.ask(fetch, 12, { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, topics: [], rackId: 'r1' });
    await peer.ask(fetch, 12, { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, topics: [], replicaId: 3 });
    await peer.ask(createTopics, 7, topic({ replicationFactor: 3 }));
    expect(told()).toEqual([
      'api FindCoordinator of a share partition: refused 1 app',
      'api DescribeAcls: refused 1 app',
      'feature Fetch from a near rack: ignored 1 app',
      'feature Fetch by a follower: refused 1 app',
      'feature CreateTopics with several replicas: ignored 1 app',
    ]);
  });

  it('configurations without effect, unknown or refused, and not those that are taken away', async () => {
    const peer = world.peer('app');
    const configs = [
      ['unclean.leader.election.enable', 'true'],
      ['retention.ms', '5'],
      ['retension.ms', '5'],
      ['constructor', '5'],
    ].map(([name, value]) => ({ name: name!, value: value! }));
    await peer.ask(createTopics, 7, topic({ configs }));
    const set = (resourceType: number, resourceName: string, name: string, configOperation = 0) =>
      peer.ask(incrementalAlterConfigs, 1, {
        resources: [
          {
            resourceType,
            resourceName,
            configs: [{ name, configOperation, value: configOperation === 1 ? null : '1000' }],
          },
        ],
        validateOnly: false,
      });
    await set(4, '', 'background.threads');
    await set(4, '', 'no.such.key');
    await set(16, 'sub', 'interval.ms');
    await set(2, 't', 'flush.messages', 1);
    await set(2, 't', 'unclean.leader.election.enable', 1);
    expect(told()).toEqual([
      'config unclean.leader.election.enable: ignored 1 app',
      'config retension.ms: refused 1 app',
      'config constructor: refused 1 app',
      'config background.threads: ignored 1 app',
      'config no.such.key: ignored 1 app',
      'config interval.ms: ignored 1 app',
    ]);
  });

  it('keys that it was configured with, and bytes of other protocols', async () => {
    expect(world.broker.gaps()).toEqual([
      {
        kind: 'config',
        name: 'num.io.threads',
        outcome: 'ignored',
        why: 'Ignored because one event loop does the work of these threads.',
        count: 1,
        clients: [],
        lastMs: expect.any(Number),
        docs: 'broker/config/KEYS.md',
      },
    ]);
    for (const start of ['GET / HTTP/1.1\r\n', '\x16\x03\x01\x02\x00', 'nothing known']) {
      world.peer().client.send(Buffer.from(start, 'latin1'));
      await world.clock.settle();
    }
    expect(told()).toEqual(['protocol an HTTP request: refused 1 ', 'protocol a TLS handshake: refused 1 ']);
  });
});

describe('the count', () => {
  const note = (name: string) =>
    ({ kind: 'config', name, outcome: 'ignored', why: 'So.', subject: 'keys' }) as const;
  const empty = () => new Gaps(new VirtualClock(), { ignoredKeys: () => [] });

  it('is bounded, in gaps, clients and characters, and says that there was more', () => {
    const gaps = empty();
    const long = 'x'.repeat(10_000);
    for (let i = 0; i < gapsMax + 7; i++) gaps.note(note(`${i} ${long}`), long);
    for (let i = 0; i < 20; i++) gaps.note(note(`0 ${long}`), `client ${i}`);
    const [first, ...others] = gaps.list();
    expect([others.length + 1, gaps.others]).toEqual([gapsMax, 7]);
    expect([first!.count, first!.clients.length]).toEqual([21, gapClientsMax]);
    for (const { name, clients } of gaps.list())
      for (const text of [name, ...clients]) expect(text.length).toBeLessThanOrEqual(gapCharactersMax + 1);
  });

  it('has the most frequent first, and the time of the last', async () => {
    const clock = new VirtualClock();
    const gaps = new Gaps(clock, { ignoredKeys: () => [] });
    gaps.note(note('seldom'), 'a');
    gaps.note(note('often'), 'a');
    await clock.advance(500);
    gaps.note(note('often'), null);
    expect(
      gaps.list().map(({ name, count, clients, lastMs }) => [name, count, clients, clock.nowMs() - lastMs]),
    ).toEqual([
      ['often', 2, ['a'], 0],
      ['seldom', 1, ['a'], 500],
    ]);
  });
});

describe('the page', () => {
  it('is what the subjects say (npm run docs writes it)', () => {
    const page = readFileSync(new URL('broker/observe/GAPS.md', root), 'utf8');
    expect(page.replaceAll('\r\n', '\n')).toBe(gapsPage());
  });

  it('has each subject under its anchor, and each API that is not served', () => {
    const anchors = headings('broker/observe/GAPS.md');
    expect(anchors).toEqual(expect.arrayContaining(Object.keys(gapSubjects)));
    for (const { api, versions } of Object.values(handlers)) {
      if (versions !== null) continue;
      expect(anchors).toContain(subjectOfApi(api.name));
      expect(gapsPage()).toContain(api.name);
    }
  });
});
