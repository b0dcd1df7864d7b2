import { getEventListeners, setMaxListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { slowReaderMs } from '../../../broker/lookup/change-stream.ts';
import type { Change, ChangesOptions } from '../../../broker/lookup/lookup.ts';
import { readStreamToken, streamToken, tokenPartitionsMax } from '../../../broker/lookup/tokens.ts';
import { write } from '../cleaning/cleaning-world.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { batchOf } from '../world.ts';
import { bytes, type LookupWorld, openLookupWorld, refusalOf, take } from './lookup-world.ts';

let at: LookupWorld;

beforeEach(async () => {
  at = await openLookupWorld();
});

afterEach(async () => {
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
});

const open = (options: ChangesOptions = {}) =>
  at.lookups.changes('articles', options)[Symbol.asyncIterator]();
const next = (stream: AsyncIterator<Change>, count: number) => take(at, stream, count);
const end = (stream: AsyncIterator<Change>) => at.done(refusalOf(stream.next()));

describe('a stream of changes', () => {
  it('tells what lives, and then every change', async () => {
    const partition = await at.table();
    write(at.world, partition, 'a=1', 'b=1', 'a=2', 'b!');
    const stream = open();
    expect(await next(stream, 2)).toEqual(['s 2 a=2', 'live']);
    write(at.world, partition, 'a!', 'c=1', 'c=2');
    expect(await next(stream, 3)).toEqual(['c 4 a!', 'c 5 c=1', 'c 6 c=2']);
    const waiting = next(stream, 1);
    write(at.world, partition, 'd=1');
    expect(await waiting).toEqual(['c 7 d=1']);
  });

  it('tells a deletion of what it has told, however early it comes', async () => {
    const partition = await at.table();
    write(at.world, partition, 'a=1', 'b=1');
    const stream = open({ bufferBytesMax: 1 });
    expect(await next(stream, 1)).toEqual(['s 0 a=1']);
    write(at.world, partition, 'a!', 'b=2');
    expect(await next(stream, 4)).toEqual(['s 1 b=1', 'live', 'c 2 a!', 'c 3 b=2']);
  });

  it('goes on from every position, as if it had not been interrupted', async () => {
    const partition = await at.table();
    write(at.world, partition, 'a=1', 'b=1', 'c=1');
    const whole = open({ bufferBytesMax: 1 });
    const positions: string[] = [];
    for (let n = 0; n < 6; n++) {
      if (n === 4) write(at.world, partition, 'a!', 'd=1');
      positions.push((await at.done(whole.next())).value.position);
    }
    const rest = ['s 1 b=1', 's 2 c=1', 'live', 'c 3 a!', 'c 4 d=1'];
    for (const [n, after] of positions.entries()) {
      const again = open({ after });
      expect(await next(again, 5 - n)).toEqual(rest.slice(n));
      await again.return!();
    }
  });

  it('tells those of a key, a prefix or a partition alone', async () => {
    const partition = await at.table('articles', 2);
    const other = at.world.partitions.get('articles', 1)!;
    write(at.world, partition, 'shirt-1=a', 'shoe=a');
    write(at.world, other, 'shirt-2=a');
    const [key, prefix, one] = [
      open({ key: bytes('shoe') }),
      open({ prefix: bytes('shirt') }),
      open({ partition: 1 }),
    ];
    expect(await next(key, 2)).toEqual(['s 1 shoe=a', 'live']);
    expect(await next(prefix, 3)).toEqual(['s 0 shirt-1=a', 's 0 shirt-2=a', 'live']);
    expect(await next(one, 2)).toEqual(['s 0 shirt-2=a', 'live']);
    write(at.world, partition, 'shirt-1!', 'shoe!', 'hat=b');
    write(at.world, other, 'shirt-3=b');
    expect(await next(key, 1)).toEqual(['c 3 shoe!']);
    expect((await next(prefix, 2)).sort()).toEqual(['c 1 shirt-3=b', 'c 2 shirt-1!']);
    expect(await next(one, 1)).toEqual(['c 1 shirt-3=b']);
  });

  it('tells of transactions when they are decided, and nothing of aborted ones', async () => {
    const partition = await at.table();
    const client = await TransactionClient.ready(at.world);
    const stream = open();
    expect(await next(stream, 1)).toEqual(['live']);
    await client.send('articles-0', 'a=1');
    write(at.world, partition, 'b=1');
    await client.abort();
    await client.send('articles-0', 'a=2');
    const waiting = next(stream, 2);
    await client.commit();
    expect(await waiting).toEqual(['c 1 b=1', 'c 3 a=2']);
  });

  it('goes on with partitions that are added', async () => {
    await at.table();
    const stream = open();
    expect(await next(stream, 1)).toEqual(['live']);
    const waiting = next(stream, 1);
    await at.world.cluster.controller.createPartitions([{ name: 'articles', count: 2, assignments: null }], {
      validateOnly: false,
    });
    write(at.world, at.world.partitions.get('articles', 1)!, 'x=1');
    expect(await waiting).toEqual(['c 0 x=1']);
  });
});

it('a position has room for so many partitions; of larger topics one must be chosen', async () => {
  await at.table('articles', tokenPartitionsMax + 1);
  expect(await end(open())).toEqual({ reason: 'bad-request' });
  expect(await next(open({ partition: tokenPartitionsMax }), 1)).toEqual(['live']);
  await at.world.deleteTopic('articles');
  await at.table('articles', tokenPartitionsMax);
  write(at.world, at.world.partitions.get('articles', 7)!, 'a=1');
  const stream = open();
  const { value } = await at.done(stream.next());
  expect(value.kind).toBe('record');
  // It fits in a header line of HTTP, also where every offset is as long as can be.
  const offsets = Array.from({ length: tokenPartitionsMax }, (_, n) => (n % 2 === 0 ? 2 ** 52 : 0));
  const epochs = offsets.map((_, n) => (n % 100 === 0 ? 2 ** 31 - 1 : -1));
  const longest = { topicId: at.world.idOf('articles'), chosen: null, snapshot: null, offsets, epochs };
  expect(streamToken(longest).length).toBeLessThan(18_000);
  expect(readStreamToken(streamToken(longest))).toEqual(longest);
  await stream.return!();
  expect(await next(open({ after: value.position }), 1)).toEqual(['live']);
});

describe('a stream ends', () => {
  it('when the topic is deleted', async () => {
    await at.table();
    const stream = open();
    await next(stream, 1);
    const waiting = end(stream);
    await at.world.deleteTopic('articles');
    expect(await waiting).toEqual({ reason: 'unknown-topic' });
    expect(await next(stream, 1)).toEqual(['over']);
  });

  it('when the broker stops, or its reader gives up', async () => {
    await at.table();
    const abort = new AbortController();
    const [stopped, given, left] = [open(), open({ signal: abort.signal }), open()];
    for (const stream of [stopped, given, left]) await next(stream, 1);
    const given1 = given.next().catch((error: unknown) => error);
    abort.abort(new Error('enough'));
    expect(await at.done(given1)).toEqual(new Error('enough'));
    await left.return!();
    expect(await next(left, 1)).toEqual(['over']);
    const ended = end(stopped);
    at.lookups.stop();
    expect(await ended).toEqual({ reason: 'stopping' });
  });

  it('when its reader takes nothing though there is something', async () => {
    const partition = await at.table();
    const [slow, patient] = [open(), open()];
    await next(slow, 1);
    await next(patient, 1);
    await at.world.clock.advance(slowReaderMs * 3);
    write(at.world, partition, 'a=1');
    expect(await next(patient, 1)).toEqual(['c 0 a=1']);
    await at.world.clock.advance(slowReaderMs);
    expect(await end(slow)).toEqual({ reason: 'too-slow' });
    expect(await next(patient, 0)).toEqual([]);
  });

  it('when what it has not read is not in the log any more', async () => {
    const partition = await at.table();
    write(at.world, partition, 'a=1', 'b=1', 'c=1');
    const stream = open();
    const { value } = await at.done(stream.next());
    await next(stream, 3);
    write(at.world, partition, 'd=1', 'e=1');
    await partition.log.deleteRecordsBefore(4);
    const refusal = { reason: 'gone', earliestOffset: 4, earliestMs: at.world.clock.nowMs() };
    expect(await end(stream)).toEqual(refusal);
    const again = open({ after: value.position });
    expect(await next(again, 1)).toEqual(['live']);
    expect(await end(again)).toEqual(refusal);
  });

  it('when what it has told was lost in a crash, though there is something else in its place by now', async () => {
    const partition = await at.table('articles', 2);
    const { log } = partition;
    const inEpoch = (leaderEpoch: number, ...values: string[]) =>
      values.map((value) => log.append(batchOf([value]), { origin: 'client', leaderEpoch }));
    inEpoch(0, 'a=1', 'b=1', 'c=1');
    const whole = open({ bufferBytesMax: 1 });
    const positions: string[] = [];
    for (let n = 0; n < 5; n++) {
      positions.push((await at.done(whole.next())).value.position);
      if (n === 3) inEpoch(0, 'd=1', 'e=1');
    }
    await whole.return!();
    const alone = open({ partition: 0 });
    const { position: inSnapshot } = (await at.done(alone.next())).value;
    await alone.return!();
    // Offsets 3 and 4 are lost, and others are written under the next leader epoch.
    await at.done(log.truncateTo(3));
    inEpoch(1, 'x=1', 'y=1', 'z=1');
    for (const after of positions.slice(0, 4)) {
      const again = open({ after });
      if (after !== positions[3]) while ((await next(again, 1))[0] !== 'live');
      expect(await next(again, 3)).toEqual(['c 3 x=1', 'c 4 y=1', 'c 5 z=1']);
      await again.return!();
    }
    const gone = { reason: 'gone', earliestOffset: 0, earliestMs: expect.any(Number) };
    expect(await end(open({ after: positions[4]! }))).toEqual(gone);
    expect(await end(open({ after: positions[4]!, partition: 0 }))).toEqual(gone);
    expect(await end(open({ after: inSnapshot, partition: 0 }))).toEqual(gone);
  });

  it('before it begins, with a position of a topic that is not there any more', async () => {
    write(at.world, await at.table(), 'a=1');
    const stream = open();
    const { value } = await at.done(stream.next());
    await stream.return!();
    await at.world.deleteTopic('articles');
    await at.table();
    expect(await end(open({ after: value.position }))).toMatchObject({ reason: 'gone' });
    expect(await end(open({ after: 'garbage' }))).toEqual({ reason: 'bad-request' });
  });

  it('before it begins, when there are too many', async () => {
    await at.table();
    at.world.settings['kompakt.lookup.streams.max'] = 2;
    const streams = [open(), open(), open()];
    await next(streams[0]!, 1);
    await next(streams[1]!, 1);
    expect(await end(streams[2]!)).toEqual({ reason: 'too-many' });
    await streams[0]!.return!();
    expect(await next(open(), 1)).toEqual(['live']);
  });
});

it('a thousand streams that have ended, however, leave nothing behind', async () => {
  const partition = await at.table('articles', 2);
  write(at.world, partition, 'a=1', 'b=1', 'c=1');
  const watchers = new Set<unknown>();
  for (const each of at.world.partitions.all()) {
    const { watch, unwatch } = each;
    each.watch = (watcher) => {
      watchers.add(watcher);
      watch.call(each, watcher);
    };
    each.unwatch = (watcher) => {
      watchers.delete(watcher);
      unwatch.call(each, watcher);
    };
  }
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal);
  await at.done(at.lookups.get('articles', bytes('a')));
  const timers = at.world.clock.pendingTimers;
  const streams = Array.from({ length: 1_000 }, () => open({ signal: leaving.signal, bufferBytesMax: 1 }));
  // Some in the middle of the snapshot, some waiting for a change, some that never began.
  await Promise.all(streams.slice(0, 400).map((stream) => next(stream, 1)));
  await Promise.all(streams.slice(400, 900).map((stream) => next(stream, 4)));
  const waiting = streams.slice(700, 900).map((stream) => stream.next().catch((error: Error) => error));
  await at.world.clock.settle();
  expect(watchers.size).toBe(200);
  expect(getEventListeners(leaving.signal, 'abort').length).toBeGreaterThan(800);
  await Promise.all(streams.slice(0, 800).map((stream) => stream.return!()));
  leaving.abort(new Error('enough'));
  await at.done(Promise.all(waiting));
  expect(watchers.size).toBe(0);
  expect(at.world.clock.pendingTimers).toBe(timers);
  expect(getEventListeners(leaving.signal, 'abort')).toEqual([]);
  write(at.world, partition, 'd=1');
  expect(await next(open(), 3)).toEqual(['s 0 a=1', 's 1 b=1', 's 2 c=1']);
});

it('of streams that wake at once so many go on in each turn of the event loop', async () => {
  const partition = await at.table();
  const streams = Array.from({ length: 100 }, () => open());
  await Promise.all(streams.map((stream) => next(stream, 1)));
  const turns: (() => void)[] = [];
  const { defer } = at.world.clock;
  at.world.clock.defer = (task) => void turns.push(task);
  let told = 0;
  const all = streams.map((stream) => stream.next().then(() => told++));
  await microtasks();
  write(at.world, partition, 'a=1');
  const counts: number[] = [];
  for (let turn = 0; turn < 4; turn++) {
    await microtasks();
    counts.push(told);
    for (const task of turns.splice(0)) task();
  }
  at.world.clock.defer = defer;
  expect(counts).toEqual([32, 64, 96, 100]);
  await at.done(Promise.all(all));
});

async function microtasks(): Promise<void> {
  for (let n = 0; n < 200; n++) await Promise.resolve();
}
