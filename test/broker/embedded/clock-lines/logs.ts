/** Lines of docs/CLOCK.md about logs and their files, and the cleaner. */
import { expect } from 'vitest';
import { describeProducers } from '../../../../protocol/messages/data/describe-producers.ts';
import { type ClockLine, dayMs, hourMs, longMs, minuteMs, secondMs, type TwoTimes } from './two-times.ts';

/** Nothing but what the line is about happens by itself. */
const quiet = { 'log.cleaner.enable': false };
const compacted = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0',
  'segment.ms': '1',
  'file.delete.delay.ms': '0',
};
const backoffMs = minuteMs;
const lagMs = 10 * minuteMs;

/** A record more, so that what is before it lies in a sealed segment. */
async function seal(times: TwoTimes, topic: string): Promise<void> {
  await times.advance(2);
  await times.send(topic, 'seal=v');
}

export const logLines: Readonly<Record<string, ClockLine>> = {
  'retention by time': async (open) => {
    const times = await open({ ...quiet, 'log.retention.check.interval.ms': 5 * minuteMs });
    await times.topic('t', { 'retention.ms': String(hourMs) });
    await times.send('t');
    await times.wait(longMs);
    expect(await times.startOffset('t')).toBe(0);
    // 30 s after the start the first round, then one every five minutes.
    await times.advance(hourMs - minuteMs);
    expect(await times.startOffset('t')).toBe(0);
    await times.advance(6 * minuteMs);
    expect(await times.startOffset('t')).toBe(1);
  },

  'the first round of retention': async (open) => {
    const times = await open({ ...quiet, 'log.initial.task.delay.ms': 40 * secondMs });
    await times.topic('t', { 'retention.ms': '1' });
    await times.send('t');
    await times.advance(40 * secondMs - 1);
    await times.wait(longMs);
    expect(await times.startOffset('t')).toBe(0);
    await times.advance(1);
    expect(await times.startOffset('t')).toBe(1);
  },

  'rolls by `segment.ms`': async (open) => {
    const times = await open(quiet);
    await times.topic('t', { 'segment.ms': String(hourMs) });
    const logs = () => times.names('t-0', /\.log$/).length;
    await times.send('t');
    await times.wait(longMs);
    await times.send('t');
    await times.advance(hourMs);
    await times.send('t');
    expect(logs()).toBe(1);
    await times.advance(1);
    await times.send('t');
    expect(logs()).toBe(2);
  },

  '`file.delete.delay.ms`': async (open) => {
    const times = await open({ ...quiet, 'log.segment.delete.delay.ms': minuteMs });
    await times.topic('t', { 'retention.ms': '1', 'file.delete.delay.ms': String(minuteMs) });
    await times.send('t');
    await times.advance(30 * secondMs);
    const deleted = () => times.names('t-0', /\.deleted$/).length;
    expect(deleted()).toBeGreaterThan(0);
    await times.wait(longMs);
    await times.advance(minuteMs - 1);
    expect(deleted()).toBeGreaterThan(0);
    await times.advance(1);
    expect(deleted()).toBe(0);
  },

  '`min.compaction.lag.ms`': async (open) => {
    const times = await open();
    await times.topic('t', { ...compacted, 'min.compaction.lag.ms': String(lagMs) });
    await times.send('t');
    await times.send('t');
    await seal(times, 't');
    await times.wait(longMs);
    await times.advance(lagMs - 2 * minuteMs);
    expect(await times.offsets('t')).toEqual([0, 1, 2]);
    await times.advance(3 * minuteMs);
    expect(await times.offsets('t')).toEqual([1, 2]);
  },

  '`max.compaction.lag.ms`': async (open) => {
    const times = await open();
    await times.topic('t', {
      ...compacted,
      'min.cleanable.dirty.ratio': '1',
      'max.compaction.lag.ms': String(lagMs),
    });
    // Clean by hand what would be dirty enough.
    await times.send('t', 'old=v');
    await seal(times, 't');
    await times.broker.compact('t', { includeActive: true });
    await times.send('t');
    await times.send('t');
    await seal(times, 't');
    const before = await times.offsets('t');
    await times.wait(longMs);
    await times.advance(lagMs - 2 * minuteMs);
    expect(await times.offsets('t')).toEqual(before);
    await times.advance(3 * minuteMs);
    expect((await times.offsets('t')).length).toBeLessThan(before.length);
  },

  'tombstones (`delete.retention.ms`)': async (open) => {
    const times = await open();
    await times.topic('t', { ...compacted, 'delete.retention.ms': String(lagMs) });
    await times.send('t', 'k!');
    await seal(times, 't');
    await times.advance(backoffMs);
    await seal(times, 't');
    await times.wait(longMs);
    await times.advance(lagMs - 2 * minuteMs);
    expect(await times.offsets('t')).toContain(0);
    await times.advance(3 * minuteMs);
    await seal(times, 't');
    await times.advance(backoffMs);
    expect(await times.offsets('t')).not.toContain(0);
  },

  'rounds of the cleaner (`log.cleaner.backoff.ms`)': async (open) => {
    const times = await open({ 'log.cleaner.backoff.ms': minuteMs });
    await times.topic('t', compacted);
    await times.send('t');
    await times.send('t');
    await seal(times, 't');
    await times.wait(longMs);
    await times.advance(minuteMs - 2 - 1);
    expect(times.broker.cleanerStatus().counts.passes).toBe(0);
    await times.advance(1);
    expect(times.broker.cleanerStatus().counts.passes).toBe(1);
  },

  'retries of a log that could not be cleaned': async (open) => {
    const times = await open();
    await times.topic('t', compacted);
    await times.send('t');
    await times.send('t');
    await seal(times, 't');
    times.files.fail('open').on('*.cleaned').times(1);
    await times.advance(backoffMs);
    expect(times.broker.cleanerStatus().troubles).toMatchObject([{ topic: 't', failures: 1 }]);
    await times.wait(longMs);
    await times.advance(minuteMs - 3);
    expect(times.broker.cleanerStatus().troubles).toHaveLength(1);
    await times.advance(3 + backoffMs);
    expect(times.broker.cleanerStatus().troubles).toEqual([]);
    expect(await times.offsets('t')).toEqual([1, 2]);
  },

  'idle producers (`producer.id.expiration.ms`)': async (open) => {
    const times = await open({ ...quiet, 'producer.id.expiration.ms': hourMs });
    await times.topic('t', { 'retention.ms': '-1' });
    await times.send('t', 'k=v', { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    const producers = async () => {
      const topics = [{ name: 't', partitionIndexes: [0] }];
      const answer = await times.peer().ask(describeProducers, 0, { topics });
      return answer!.topics[0]!.partitions[0]!.activeProducers.map(({ producerId }) => producerId);
    };
    await times.wait(longMs);
    await times.advance(hourMs - 1);
    expect(await producers()).toEqual([7]);
    await times.advance(10 * minuteMs + 1);
    expect(await producers()).toEqual([]);
  },

  'snapshots of the metadata log (`metadata.log.max.snapshot.interval.ms`)': async (open) => {
    const times = await open({ ...quiet, 'metadata.log.max.snapshot.interval.ms': hourMs });
    const snapshots = () => times.names('__cluster_metadata-0', /^0.*\.checkpoint$/);
    const before = snapshots();
    await times.topic('t');
    await times.wait(longMs);
    await times.advance(hourMs - 1);
    expect(snapshots()).toEqual(before);
    await times.advance(hourMs);
    expect(snapshots()).not.toEqual(before);
  },

  'timestamps that the broker gives': async (open) => {
    const times = await open(quiet);
    await times.topic('t', { 'message.timestamp.type': 'LogAppendTime' });
    await times.wait(longMs);
    await times.send('t', 'k=v', { timestampMs: 1 });
    const firstMs = times.nowMs();
    await times.advance(dayMs);
    await times.send('t', 'k=v', { timestampMs: 1 });
    const given = (await times.records('t')).map(({ timestampMs }) => timestampMs);
    expect(given).toEqual([firstMs, firstMs + dayMs]);
    expect(times.broker.requests({ api: 'Produce' }).map(({ timeMs }) => timeMs)).toEqual(given);
    await times.topic('u');
    expect(times.lastTimestampMs('__cluster_metadata-0')).toBe(times.nowMs());
  },

  '`message.timestamp.before.max.ms`, `message.timestamp.after.max.ms`': async (open) => {
    const times = await open(quiet);
    await times.topic('t', {
      'message.timestamp.before.max.ms': String(hourMs),
      'message.timestamp.after.max.ms': String(hourMs),
      'retention.ms': '-1',
    });
    const beganMs = times.nowMs();
    const at = (ms: number) => times.send('t', 'k=v', { timestampMs: beganMs + ms });
    expect(await at(hourMs)).toBe(0);
    expect(await at(hourMs + 1)).toBe(-32);
    await times.wait(longMs);
    expect(await at(hourMs + 1)).toBe(-32);
    await times.advance(2 * hourMs);
    expect(await at(hourMs + 1)).toBe(1);
    expect(await at(0)).toBe(-32);
  },
};
