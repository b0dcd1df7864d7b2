import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RequestLog, requestsKept, valuesKept, valuesKeptOfOne } from '../../../broker/faults/request-log.ts';
import type { HookedRequest } from '../../../broker/network/request-hook.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { callerOf } from '../caller.ts';
import { oneRecord, type PeerWorld, peerWorld } from './peer.ts';

describe('what clients asked', () => {
  let world: PeerWorld;
  beforeEach(async () => {
    world = await peerWorld();
  });
  afterEach(() => world.stop());

  const beat = { groupId: 'g', generationId: 1, memberId: 'm' };

  it('is told with its fields, its client, its time and the error of its answer', async () => {
    await world.topic('a');
    await world.clock.advance(1000);
    const records = oneRecord('secret');
    const topicData = [
      {
        name: 'a',
        partitionData: [
          { index: 0, records },
          { index: 9, records },
        ],
      },
    ];
    await world.peer('writer').ask(produce, 9, { acks: 1, timeoutMs: 1000, topicData });
    const seenRecords = {
      byteLength: records.length,
      records: 1,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      isTransactional: false,
    };
    expect(world.broker.requests({ api: 'Produce' })).toEqual([
      {
        api: 'Produce',
        version: 9,
        clientId: 'writer',
        connection: expect.any(Number),
        timeMs: world.clock.nowMs(),
        body: {
          transactionalId: null,
          acks: 1,
          timeoutMs: 1000,
          topicData: [
            {
              name: 'a',
              topicId: expect.any(String),
              partitionData: [
                { index: 0, records: seenRecords },
                { index: 9, records: seenRecords },
              ],
            },
          ],
        },
        isCut: false,
        isFaulted: false,
        error: 'UNKNOWN_TOPIC_OR_PARTITION',
      },
    ]);
  });

  it('is chosen by API and client, in the order in which it came', async () => {
    for (const [name, memberId] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ] as const)
      await world.peer(name).ask(heartbeat, 4, { ...beat, memberId });
    const members = (filter: Parameters<typeof world.broker.requests>[0]) =>
      world.broker.requests(filter).map(({ body }) => body.memberId);
    expect(members({ api: 'Heartbeat' })).toEqual(['1', '2', '3']);
    expect(members({ api: ['Heartbeat', 'Fetch'], clientId: 'a' })).toEqual(['1', '3']);
    expect(members({ api: 'Fetch' })).toEqual([]);
  });

  it('says which requests a fault has hit, and which are not answered', async () => {
    world.broker.fault({ api: 'Heartbeat', times: 1, error: 'NOT_COORDINATOR' });
    world.broker.fault({ api: 'Heartbeat', after: 1, times: 1, delayMs: 10 });
    world.broker.fault({ api: 'Heartbeat', after: 2, times: 1, dropConnection: true });
    const peer = world.peer();
    for (let i = 0; i < 3; i++) await peer.ask(heartbeat, 4, beat);
    const seen = () =>
      world.broker.requests({ api: 'Heartbeat' }).map(({ isFaulted, error }) => [isFaulted, error]);
    // The second holds its connection, so the third has not been looked at.
    expect(seen()).toEqual([
      [true, 'NOT_COORDINATOR'],
      [true, null],
    ]);
    await world.clock.advance(10);
    expect(seen()).toEqual([
      [true, 'NOT_COORDINATOR'],
      [true, 'NOT_COORDINATOR'],
      [true, null],
    ]);
    expect(peer.isClosed).toBe(true);
  });
});

describe('the log', () => {
  const note = (log: RequestLog, body: unknown) =>
    log.note({ api: heartbeat, caller: callerOf(), body } as HookedRequest, 0);

  it('keeps a bounded number of requests, the latest', () => {
    const log = new RequestLog();
    const count = 3 * requestsKept + 5;
    for (let n = 0; n < count; n++) note(log, { n });
    const kept = log.list();
    expect([kept.length, log.dropped]).toEqual([requestsKept, count - requestsKept]);
    expect([kept[0]!.body.n, kept.at(-1)!.body.n]).toEqual([count - requestsKept, count - 1]);
    log.clear();
    expect([log.list().length, log.dropped]).toEqual([0, 0]);
  });

  it('keeps a bounded number of values, long texts counted', () => {
    const log = new RequestLog();
    const text = 'x'.repeat(16 * 1000);
    for (let n = 0; n < 500; n++) note(log, { text });
    expect(log.list().length).toBe(Math.floor(valuesKept / 1002));
  });

  it('cuts the arrays of a request that is too long, and says so', () => {
    const log = new RequestLog();
    note(log, { topics: Array.from({ length: 2 * valuesKeptOfOne }, (_, i) => i), last: 'there' });
    const [seen] = log.list();
    expect(seen).toMatchObject({ isCut: true, body: { last: 'there' } });
    expect((seen!.body.topics as unknown[]).length).toBe(valuesKeptOfOne - 2);
  });

  it('keeps no bytes, and tells nothing of records that are none', () => {
    const log = new RequestLog();
    note(log, { few: Buffer.alloc(3), other: Buffer.alloc(100, 2), none: null });
    expect(log.list()[0]!.body).toEqual({ few: { byteLength: 3 }, other: { byteLength: 100 }, none: null });
  });
});
