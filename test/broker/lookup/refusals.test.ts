import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LookupRefused } from '../../../broker/lookup/lookup.ts';
import { Waiting, waitersMax } from '../../../broker/lookup/waiting.ts';
import { transactionStateTopic } from '../../../broker/metadata/topic-names.ts';
import { MiB } from '../../../storage/config/define.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { write } from '../cleaning/cleaning-world.ts';
import { answered, bytes, type LookupWorld, openLookupWorld, refusalOf } from './lookup-world.ts';

let at: LookupWorld;
let files: FaultyFileSystem;
const key = bytes('shirt');

beforeEach(async () => {
  const clock = new VirtualClock();
  files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  at = await openLookupWorld({ clock, files });
});

afterEach(async () => {
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
});

/** Every operation on a topic. */
function operations(
  topic: string,
  options: { partition?: number } = {},
): Record<string, () => Promise<unknown>> {
  const { lookups } = at;
  return {
    get: () => lookups.get(topic, key, options),
    getMany: () => lookups.getMany(topic, [key], options),
    page: () => lookups.page(topic, options),
    history: () => lookups.history(topic, key, options),
    put: () => lookups.put(topic, key, key, options),
    'conditional put': () => lookups.put(topic, key, key, { ...options, ifMatch: '*' }),
    'the past': () => lookups.get(topic, key, { ...options, asOfMs: 1 }),
    changes: () => lookups.changes(topic, options)[Symbol.asyncIterator]().next(),
  };
}

async function expectAllRefused(topic: string, reason: string, options = {}): Promise<void> {
  for (const [name, ask] of Object.entries(operations(topic, options)))
    expect(await at.done(refusalOf(ask())), name).toMatchObject({ reason });
}

describe('every operation refuses', () => {
  it('a topic that is not there', () => expectAllRefused('nothing', 'unknown-topic'));

  it('a name that no topic can have', async () => {
    for (const name of ['', '..', 'a/b', 'x'.repeat(300)]) await expectAllRefused(name, 'unknown-topic');
  });

  it('a partition that is not there', async () => {
    await at.table('articles', 2);
    for (const partition of [2, -1, 0.5, Number.NaN, 1e9])
      await expectAllRefused('articles', 'unknown-partition', { partition });
  });

  it('a topic of which older records go by time alone', async () => {
    await at.world.topic('plain');
    await expectAllRefused('plain', 'not-a-table');
  });

  it('a topic that is not to be looked up', async () => {
    await at.table('closed', 1, { 'kompakt.lookup.enable': 'false' });
    await expectAllRefused('closed', 'not-a-table');
  });

  it("the broker's own topics", async () => {
    await at.world.cluster.controller.ensureInternalTopic(transactionStateTopic);
    await expectAllRefused(transactionStateTopic, 'not-a-table');
  });

  it('when the broker is stopping', async () => {
    await at.table();
    at.lookups.stop();
    await expectAllRefused('articles', 'stopping');
  });
});

describe('what cannot be asked is refused:', () => {
  const cases: Record<string, () => Promise<unknown>> = {
    'no keys': () => at.lookups.getMany('articles', []),
    'too many keys': () => at.lookups.getMany('articles', Array<Buffer>(1_001).fill(key)),
    'the past of too many keys': () =>
      at.lookups.getMany('articles', Array<Buffer>(21).fill(key), { asOfMs: 0 }),
    'a negative offset': () => at.lookups.get('articles', key, { minOffset: -1 }),
    'half an offset': () => at.lookups.get('articles', key, { asOfOffset: 0.5 }),
    'a past of an offset and of a time': () => at.lookups.get('articles', key, { asOfOffset: 0, asOfMs: 0 }),
    'an offset of no partition': () => at.lookups.get('articles', key, { asOfOffset: 0 }),
    'no time to wait': () => at.lookups.get('articles', key, { waitMs: -1 }),
    'an endless wait': () => at.lookups.page('articles', { waitMs: Number.POSITIVE_INFINITY }),
    'an empty page': () => at.lookups.page('articles', { limit: 0 }),
    'a page of everything': () => at.lookups.page('articles', { limit: 10_001 }),
    'a history of nothing': () => at.lookups.history('articles', key, { limit: 0 }),
    'a time before all time': () => at.lookups.put('articles', key, key, { timestampMs: -1 }),
    'a time that is too far away': () =>
      at.lookups.put('articles', key, key, { timestampMs: at.world.clock.nowMs() + 86_400_000 }),
    'a key and a prefix': () =>
      at.lookups.changes('articles', { key, prefix: key })[Symbol.asyncIterator]().next(),
    'a buffer for everything': () =>
      at.lookups.changes('articles', { bufferBytesMax: 1e9 })[Symbol.asyncIterator]().next(),
  };
  it.each(Object.keys(cases))('%s', async (name) => {
    await at.table('articles', 2);
    expect(await at.done(refusalOf(cases[name]!()))).toEqual({ reason: 'bad-request' });
  });
});

describe('a request that waits', () => {
  const waiting = () => refusalOf(at.lookups.get('articles', key, { minOffset: 10, waitMs: 5_000 }));

  it('ends with its topic, also when there is another one of its name', async () => {
    await at.table();
    const [deleted] = [waiting()];
    await at.world.deleteTopic('articles');
    await at.table();
    const before = at.world.clock.nowMs();
    expect(await at.done(deleted!)).toEqual({ reason: 'unknown-topic' });
    expect(at.world.clock.nowMs()).toBe(before);
    expect(answered(await at.done(at.lookups.get('articles', key)))).toBe('absent');
  });

  it('ends when its caller gives up, with his reason', async () => {
    await at.table();
    const abort = new AbortController();
    const asked = at.lookups.get('articles', key, { minOffset: 10, signal: abort.signal });
    const outcome = asked.catch((error: unknown) => error);
    abort.abort(new Error('enough'));
    expect(await at.done(outcome)).toEqual(new Error('enough'));
    const late = at.lookups
      .put('articles', key, key, { signal: abort.signal })
      .catch((error: unknown) => error);
    expect(await at.done(late)).toEqual(new Error('enough'));
  });

  it('ends when the broker stops', async () => {
    await at.table();
    const asked = waiting();
    await at.world.clock.settle();
    at.lookups.stop();
    expect(await at.done(asked)).toEqual({ reason: 'stopping' });
  });

  it('is told how far the table is', async () => {
    write(at.world, await at.table(), 'a=1', 'b=2', 'c=3');
    const refusal = await refusalOf(at.lookups.get('articles', key, { waitMs: 0 }));
    expect(refusal).toEqual({ reason: 'loading', progress: { offsetsDone: 0, offsetsTotal: 3 } });
    expect(answered(await at.done(at.lookups.get('articles', bytes('c'))))).toBe('found 2 c=3');
  });
});

describe('a write is refused', () => {
  it('that is larger than the topic takes', async () => {
    await at.table('articles', 1, { 'max.message.bytes': '1000' });
    const put = (length: number) => at.done(at.lookups.put('articles', key, Buffer.alloc(length)));
    expect(await refusalOf(put(1_000))).toEqual({ reason: 'too-large' });
    expect(await put(900)).toMatchObject({ offset: 0 });
  });

  it('where the disk has failed; what is there can be read', async () => {
    write(at.world, await at.table(), 'shirt=red');
    files.fail('write');
    const put = () => at.done(refusalOf(at.lookups.put('articles', key, key, { ifMatch: '*' })));
    expect(await put()).toEqual({ reason: 'storage' });
    expect(await put()).toEqual({ reason: 'storage' });
    expect(answered(await at.done(at.lookups.get('articles', key)))).toBe('found 0 shirt=red');
  });
});

it('so many wait at a time, and no more', async () => {
  const clock = { ...at.world.clock, schedule: () => ({ cancel() {} }) };
  const waiting = new Waiting(clock as unknown as VirtualClock);
  const late = () => new LookupRefused({ reason: 'not-yet', indexedOffset: 0, blockedBy: null }, 'late');
  let answer!: () => void;
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const wait = () => waiting.during({}, () => answered, late);
  const all = Array.from({ length: waitersMax }, wait);
  expect(await refusalOf(wait())).toEqual({ reason: 'too-many' });
  answer();
  await Promise.all(all);
  await wait();
});

it('a refusal says why in words', async () => {
  const error = await at.lookups.get('nothing', key).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(LookupRefused);
  expect((error as Error).message).toBe('there is no topic nothing');
});

it('a batch whose answers would be too large is refused, one large answer is not', async () => {
  await at.table('articles', 1, { 'max.message.bytes': `${48 * MiB}` });
  const put = (mebibytes: number) =>
    at.done(at.lookups.put('articles', key, Buffer.alloc(mebibytes * MiB, 'x')));
  const ask = (keys: Buffer[]) => at.lookups.getMany('articles', keys);
  await put(1);
  expect(await at.done(refusalOf(ask(Array(40).fill(key))))).toEqual({ reason: 'too-large' });
  expect(await at.done(ask(Array(30).fill(key)))).toHaveLength(30);
  await put(40);
  expect(await at.done(ask([key]))).toHaveLength(1);
  expect(await at.done(refusalOf(ask([bytes('none'), key])))).toEqual({ reason: 'too-large' });
});

it('a batch of keys gives way to others, and to the stop of the broker', async () => {
  write(at.world, await at.table(), 'shirt=red', 'a=1');
  await at.done(at.lookups.get('articles', key));
  const { clock } = at.world;
  let lookMs = 1;
  const monotonicMs = clock.monotonicMs.bind(clock);
  let lateMs = 0;
  clock.monotonicMs = () => monotonicMs() + (lateMs += lookMs);
  const asking = at.lookups.getMany('articles', Array<Buffer>(100).fill(key));
  let isAnswered = false;
  const answering = asking.then((answers) => {
    isAnswered = true;
    return answers;
  });
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(isAnswered).toBe(false);
  expect((await at.done(answering)).map(answered)).toEqual(Array(100).fill('found 0 shirt=red'));
  const stopped = refusalOf(at.lookups.getMany('articles', Array<Buffer>(100).fill(key)));
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  at.lookups.stop();
  lookMs = 0;
  expect(await at.done(stopped)).toEqual({ reason: 'stopping' });
});
