/** Lines of docs/CLOCK.md about whoever is outside: clients, disks, those who wait for the broker. */
import { Kafka, logLevel } from 'kafkajs';
import { expect } from 'vitest';
import { startBroker } from '../../../../broker/index.ts';
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { heartbeat } from '../../../../protocol/messages/groups/heartbeat.ts';
import type { Peer } from '../../faults/peer.ts';
import { rawConnection } from '../../http/port.ts';
import { keepingLogger } from '../../network/frames.ts';
import { type ClockLine, hourMs, longMs, minuteMs, secondMs, type TwoTimes } from './two-times.ts';

const beat = { groupId: 'shop', generationId: 1, memberId: 'm' };
const noCoordinator = { errorCode: 16 };

/** It is not answered before so much of real time is over, whatever virtual time does. */
async function expectAnswerAfter(times: TwoTimes, peer: Peer, realMs: number, answer: object): Promise<void> {
  await times.advance(longMs);
  expect(await peer.answers()).toEqual([]);
  await times.wait(realMs - 1);
  expect(await peer.answers()).toEqual([]);
  await times.wait(1);
  expect(await peer.answers()).toMatchObject([answer]);
}

/** The operation comes when so much of real time is over, whatever virtual time does. */
async function expectDiskAfter(
  times: TwoTimes,
  realMs: number,
  operation: string,
  path: RegExp,
): Promise<void> {
  const count = () =>
    times.files.operations.filter((o) => o.operation === operation && path.test(o.path)).length;
  const before = count();
  await times.advance(longMs);
  expect(count()).toBe(before);
  await times.wait(realMs);
  expect(count()).toBeGreaterThan(before);
}

export const connectionLines: Readonly<Record<string, ClockLine>> = {
  'Fetch (`max.wait.ms`)': async (open) => {
    const times = await open();
    await times.topic('t');
    const peer = times.peer();
    const topics = [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
    peer.send(fetch, 11, { maxWaitMs: 500, minBytes: 1, isolationLevel: 0, topics });
    await expectAnswerAfter(times, peer, 500, { errorCode: 0 });
  },

  'lookups that wait': async (open) => {
    const times = await open();
    await times.topic('t', { 'cleanup.policy': 'compact' });
    const { lookups } = times.broker;
    await times.send('t');
    await lookups.get('t', Buffer.from('k'));
    let refused: unknown = null;
    const found = lookups.get('t', Buffer.from('k'), { minOffset: 5, waitMs: secondMs });
    found.catch((error) => {
      refused = error;
    });
    await times.advance(longMs);
    await times.wait(secondMs - 1);
    expect(refused).toBeNull();
    await times.wait(1);
    expect(refused).toMatchObject({ name: 'LookupRefused' });
  },

  'streams of changes over HTTP that keep quiet': async (open) => {
    const times = await open({}, { http: {} });
    await times.topic('t', { 'cleanup.policy': 'compact' });
    const { port } = new URL(times.broker.httpUrl!);
    const path = '/topics/t/changes';
    const reader = rawConnection(Number(port), `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await reader.until(/event: live/);
    await times.advance(longMs);
    await times.wait(30 * secondMs);
    await times.send('t');
    await reader.until(/event: (record|change)/);
    // One each 15 s in which nothing else was said.
    expect(reader.received().match(/^:$/gm)).toHaveLength(1);
    reader.socket.destroy();
  },

  '`fault({ delayMs })`': async (open) => {
    const times = await open();
    times.broker.fault({ api: 'Heartbeat', delayMs: 300 });
    const peer = times.peer();
    peer.send(heartbeat, 4, beat);
    await expectAnswerAfter(times, peer, 300, noCoordinator);
  },

  '`fault({ throttleMs })`': async (open) => {
    const times = await open();
    times.broker.fault({ api: 'Heartbeat', times: 1, throttleMs: 300 });
    const peer = times.peer();
    expect(await peer.ask(heartbeat, 4, beat)).toMatchObject({ throttleTimeMs: 300 });
    peer.send(heartbeat, 4, beat);
    await expectAnswerAfter(times, peer, 300, noCoordinator);
  },

  'delays of `onRequest`': async (open) => {
    const times = await open(
      {},
      {
        onRequest: ({ api }) => (api.name === 'Heartbeat' ? { kind: 'delay', ms: 300 } : null),
      },
    );
    const peer = times.peer();
    peer.send(heartbeat, 4, beat);
    await expectAnswerAfter(times, peer, 300, noCoordinator);
  },

  '`timeoutMs` of `groupStable`, `committed`, `records` and `compacted`': async (open) => {
    const times = await open();
    await times.topic('t', { 'retention.ms': '-1' });
    const found = times.broker.records('t', { timeoutMs: hourMs });
    await times.advance(longMs);
    await times.send('t');
    expect(await found).toHaveLength(1);
    // That time itself goes by without anybody who moves it.
    await expect(times.broker.records('t', { atLeast: 2, timeoutMs: 1 })).rejects.toThrow('waited 1 ms');
  },

  '`connections.max.idle.ms`': async (open) => {
    const times = await open({ 'connections.max.idle.ms': minuteMs });
    const peer = times.peer();
    await times.advance(longMs);
    expect(peer.isClosed).toBe(false);
    await times.wait(2 * minuteMs);
    expect(peer.isClosed).toBe(true);
  },

  'fetch sessions that nobody uses': async (open) => {
    const times = await open({ 'max.incremental.fetch.session.cache.slots': 1 });
    await times.topic('t');
    const topics = [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
    const session = async () => {
      const wanted = { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, sessionId: 0, sessionEpoch: 0, topics };
      return (await times.peer().ask(fetch, 11, wanted))!.sessionId;
    };
    expect(await session()).toBeGreaterThan(0);
    await times.advance(longMs);
    expect(await session()).toBe(0);
    await times.wait(2 * minuteMs + 1);
    expect(await session()).toBeGreaterThan(0);
  },

  '`kompakt.durability.interval.ms`': async (open) => {
    const times = await open({
      'kompakt.durability': 'interval',
      'kompakt.durability.interval.ms': secondMs,
    });
    await times.topic('t');
    await times.send('t');
    await expectDiskAfter(times, secondMs, 'sync', /t-0\/.*\.log$/);
  },

  '`flush.ms`': async (open) => {
    const times = await open();
    await times.topic('t', { 'flush.ms': String(secondMs) });
    await times.send('t');
    await expectDiskAfter(times, secondMs, 'sync', /t-0\/.*\.log$/);
  },

  'checkpoint files (`log.flush.offset.checkpoint.interval.ms`)': async (open) => {
    const times = await open({ 'log.flush.offset.checkpoint.interval.ms': minuteMs });
    await times.topic('t');
    await times.send('t');
    // The first time half a minute after the start.
    await expectDiskAfter(times, 30 * secondMs, 'rename', /replication-offset-checkpoint/);
    await times.send('t');
    await expectDiskAfter(times, minuteMs, 'rename', /replication-offset-checkpoint/);
  },

  'the pace of the cleaner (`log.cleaner.io.max.bytes.per.second`)': async (open) => {
    const times = await open({ 'log.cleaner.io.max.bytes.per.second': 1_000 });
    await times.topic('t', {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0',
      'segment.ms': '1',
    });
    for (const value of ['a', 'b']) await times.send('t', `k=${value.repeat(10_000)}`);
    await times.advance(2);
    await times.send('t', 'seal=v');
    let isOver = false;
    const advanced = times.advance(minuteMs).then(() => {
      isOver = true;
    });
    await times.waitWhileHeld(10 * secondMs);
    // Virtual time waits for the pass, which is still reading.
    expect(isOver).toBe(false);
    await times.waitWhileHeld(hourMs);
    await advanced;
    expect(times.broker.cleanerStatus().counts.passes).toBe(1);
  },

  'limits on repeated log lines': async (open) => {
    const logger = keepingLogger();
    const times = await open({}, { logger });
    const lines = () => logger.lines.filter(({ level }) => level === 'warn').length;
    const sendBroken = async () => {
      times.peer().client.send(Buffer.from('00000004ffffffff', 'hex'));
      await times.settle();
    };
    await sendBroken();
    const first = lines();
    expect(first).toBeGreaterThan(0);
    await times.advance(longMs);
    await sendBroken();
    expect(lines()).toBe(first);
    await times.wait(10 * secondMs);
    await sendBroken();
    expect(lines()).toBe(first + 1);
  },

  "request, session and retry time-outs in a client's own configuration": async () => {
    const broker = await startBroker({ clock: 'virtual' });
    const retry = { retries: 0 };
    const impatient = new Kafka({
      brokers: broker.brokers,
      logLevel: logLevel.NOTHING,
      retry,
      requestTimeout: 30,
    });
    const patient = new Kafka({
      brokers: broker.brokers,
      logLevel: logLevel.NOTHING,
      retry,
      requestTimeout: 3_600_000,
    });
    const [early, late] = [impatient.admin(), patient.admin()];
    try {
      await Promise.all([early.connect(), late.connect()]);
      let release = (): void => {};
      // The broker owes both an answer: 30 ms of the client's time are over though the broker's stands still, and its day is not an hour to the other.
      const fault = broker.fault({ api: 'Metadata', delayMs: 2 ** 31 - 1 });
      const waiting = late.fetchTopicMetadata().catch((error: Error) => error.name);
      await expect(early.fetchTopicMetadata()).rejects.toMatchObject({ name: 'KafkaJSRequestTimeoutError' });
      let isOver = false;
      void waiting.then(() => {
        isOver = true;
        release();
      });
      await broker.clock.advance('1d');
      expect(isOver).toBe(false);
      fault.remove();
      const over = new Promise<void>((resolve) => {
        release = resolve;
      });
      await broker.stop();
      await over;
      expect(await waiting).not.toBe('KafkaJSRequestTimeoutError');
    } finally {
      await broker.stop();
      await Promise.all([early.disconnect(), late.disconnect()]);
    }
  },
};
