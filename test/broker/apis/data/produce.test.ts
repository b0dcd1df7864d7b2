import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { produceHandler } from '../../../../broker/apis/data/produce.ts';
import type { Caller } from '../../../../broker/apis/handler.ts';
import { errors } from '../../../../protocol/errors.ts';
import * as batch from '../../../../protocol/records/batch.ts';
import { buildBatch } from '../../../../protocol/records/batch-builder.ts';
import { codecIds, ensureCodec } from '../../../../protocol/records/compression.ts';
import { FaultyFileSystem } from '../../../simulation/faulty-files.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { FakeConnection, refusalOf } from '../../caller.ts';
import { watch } from '../../groups/group-client.ts';
import { batchOf, World } from '../../world.ts';
import { fetchNow, told } from './fetch-client.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  await world.topic('orders', 2);
});
afterEach(async () => {
  expect(world.regions).toMatchObject({ open: 0, releasedTwice: 0 });
  await world.stop();
});

interface ProduceOptions {
  readonly version?: number;
  readonly acks?: number;
  readonly transactionalId?: string;
  readonly caller?: Partial<Caller>;
}

type Records = Readonly<Record<string, Buffer | null>>;

function requestOf(records: Records, { acks = -1, transactionalId }: ProduceOptions) {
  return {
    transactionalId: transactionalId ?? null,
    acks,
    timeoutMs: 1_000,
    topicData: Object.entries(records).map(([name, bytes]) => {
      const at = name.lastIndexOf('-');
      const topic = name.slice(0, at);
      return {
        name: topic,
        topicId: world.cluster.state.topic(topic)?.id ?? 'sf0KkVQDRf6C6V3cBWHl0A',
        partitionData: [{ index: Number(name.slice(at + 1)), records: bytes }],
      };
    }),
  };
}

function producing(records: Records, options: ProduceOptions = {}) {
  const { version = 11, caller = {} } = options;
  return watch(world.ask(produceHandler, version, requestOf(records, options), caller));
}

async function produce(records: Records, options: ProduceOptions = {}) {
  const answer = await producing(records, options).promise;
  return answer!.responses.flatMap(({ partitionResponses }) => partitionResponses);
}

/** One partition's code. */
async function codeOf(records: Buffer | null, options: ProduceOptions = {}): Promise<number> {
  const [only] = await produce({ 'orders-0': records }, options);
  return only!.errorCode;
}

describe('a Produce', () => {
  test.each([3, 8, 12, 13])('appends and tells where, at version %i', async (version) => {
    const first = await produce({ 'orders-0': batchOf(['a', 'b']) }, { version });
    const second = await produce({ 'orders-0': batchOf(['c']), 'orders-1': batchOf(['d']) }, { version });
    expect(
      [...first, ...second].map(({ index, errorCode, baseOffset }) => [index, errorCode, baseOffset]),
    ).toEqual([
      [0, 0, 0],
      [0, 0, 2],
      [1, 0, 0],
    ]);
    expect(first[0]).toMatchObject({ logAppendTimeMs: -1, logStartOffset: version >= 5 ? 0 : -1 });
    expect(told(world, await fetchNow(world, { 'orders-0': 0 }))).toEqual({ 'orders-0': 'a b c' });
  });

  test('tells the time of the log where that counts', async () => {
    const topic = await world.topic('stamped', 1, { 'message.timestamp.type': 'LogAppendTime' });
    const [answer] = await produce({ 'stamped-0': batchOf(['a']) });
    expect(answer!.logAppendTimeMs).toBe(world.clock.nowMs());
    expect(topic.endOffset).toBe(1);
  });

  test('knows topics and partitions, by name and by id', async () => {
    const { unknownTopicOrPartition, unknownTopicId } = errors;
    const records = { 'orders-7': batchOf(['a']), 'orders-0': batchOf(['a']), 'nowhere-0': batchOf(['a']) };
    const byName = await produce(records, { version: 12 });
    expect(byName.map(({ errorCode }) => errorCode)).toEqual([
      unknownTopicOrPartition.code,
      0,
      unknownTopicOrPartition.code,
    ]);
    expect(byName[0]).toMatchObject({ baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 });
    const byId = await produce(records, { version: 13 });
    expect(byId.map(({ errorCode }) => errorCode)).toEqual([
      unknownTopicOrPartition.code,
      0,
      unknownTopicId.code,
    ]);
  });

  test('carries exactly one batch of today for a partition', async () => {
    const { invalidRecord } = errors;
    expect(await codeOf(null)).toBe(invalidRecord.code);
    expect(await codeOf(Buffer.alloc(0))).toBe(invalidRecord.code);
    expect(await codeOf(Buffer.concat([batchOf(['a']), batchOf(['b'])]))).toBe(invalidRecord.code);
    const old = batchOf(['a']);
    old[16] = 1;
    expect(await codeOf(old)).toBe(invalidRecord.code);
  });

  test('of which one partition holds what is no batch at all is refused whole, with words', async () => {
    const zeros = Buffer.alloc(100);
    const answers = await produce({ 'orders-0': batchOf(['a']), 'orders-1': zeros });
    const { code } = errors.corruptMessage;
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([code, code]);
    expect(answers[0]!.errorMessage).toContain('length 0');
    expect(world.partitions.get('orders', 0)!.endOffset).toBe(0);
  });

  test('answers partitions in the order in which they are named', async () => {
    const first = await produce({ 'orders-1': batchOf(['a']), 'orders-0': batchOf(['b', 'c']) });
    expect(first.map(({ index, baseOffset }) => [index, baseOffset])).toEqual([
      [1, 0],
      [0, 0],
    ]);
  });

  test('takes the last records of a partition that is named twice, and answers it once', async () => {
    const [first, last] = [batchOf(['a']), batchOf(['b', 'c'])];
    const partitionData = [first, last].map((records) => ({ index: 0, records }));
    const answer = await world.ask(produceHandler, 11, {
      acks: -1,
      timeoutMs: 1_000,
      topicData: [
        { name: 'orders', partitionData },
        { name: 'orders', partitionData: [{ index: 1, records: batchOf(['d']) }] },
        { name: 'other', partitionData: [] },
      ],
    });
    expect(answer!.responses).toMatchObject([
      {
        name: 'orders',
        partitionResponses: [
          { index: 0, errorCode: 0 },
          { index: 1, errorCode: 0 },
        ],
      },
    ]);
    expect(told(world, await fetchNow(world, { 'orders-0': 0 }))).toEqual({ 'orders-0': 'b c' });
  });

  test('may be compressed with zstd from version 7 on', async () => {
    await ensureCodec(codecIds.zstd);
    const zstd = () => batchOf(['a'], { codec: codecIds.zstd });
    expect(await codeOf(zstd(), { version: 6 })).toBe(errors.unsupportedCompressionType.code);
    expect(await codeOf(zstd(), { version: 7 })).toBe(0);
  });

  test('of what no codec can read is stored under kompakt.compressed.validation=header, and refused otherwise', async () => {
    const unreadable = (): Buffer => {
      const records = [{ timestampMs: world.clock.nowMs(), key: null, value: Buffer.alloc(50) }];
      const given = buildBatch({ codec: codecIds.lz4, records });
      given.fill(0xee, batch.batchHeaderBytes);
      batch.stampCrc(given, 0);
      return given;
    };
    const quick = await world.topic('quick', 1, { 'kompakt.compressed.validation': 'header' });
    const answers = await produce({ 'quick-0': unreadable(), 'orders-0': unreadable() });
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([0, errors.corruptMessage.code]);
    expect(quick.endOffset).toBe(1);
  });

  test('with a wrong checksum is refused without words', async () => {
    const broken = batchOf(['a']);
    broken[broken.length - 1]! ^= 1;
    const [answer] = await produce({ 'orders-0': broken });
    expect(answer).toMatchObject({
      errorCode: errors.corruptMessage.code,
      errorMessage: null,
      recordErrors: [],
      logStartOffset: -1,
    });
  });

  test('with single records to blame names them', async () => {
    await world.topic('keyed', 1, { 'cleanup.policy': 'compact' });
    const [answer] = await produce({ 'keyed-0': batchOf(['k=a', 'no key', 'l=b']) });
    expect(answer).toMatchObject({ errorCode: errors.invalidRecord.code, baseOffset: -1, logStartOffset: 0 });
    expect(answer!.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1]);
    expect(answer!.errorMessage).toBeTruthy();
  });

  test.each([-2, 2, 3])('with acks %i is refused, if there is something to append to', async (acks) => {
    const [there, missing] = await produce(
      { 'orders-0': batchOf(['a']), 'nowhere-0': batchOf(['a']) },
      { acks, version: 9 },
    );
    expect(there).toMatchObject({ errorCode: errors.invalidRequiredAcks.code });
    expect(missing).toMatchObject({ errorCode: errors.unknownTopicOrPartition.code });
    expect(world.partitions.get('orders', 0)!.endOffset).toBe(0);
  });

  test('to an internal topic is for the one client that Kafka lets', async () => {
    await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
    const records = () => ({ '__consumer_offsets-0': batchOf(['k=v']) });
    const [refused] = await produce(records());
    expect(refused).toMatchObject({ errorCode: errors.invalidTopicException.code, errorMessage: null });
    const [allowed] = await produce(records(), { caller: { clientId: '__admin_client' } });
    expect(allowed).toMatchObject({ errorCode: 0 });
  });

  test('with a disk that is out of order says so, and the others go on', async () => {
    const { code } = errors.kafkaStorageError;
    world.partitions.get('orders', 0)!.log.append = () => ({
      ok: false,
      errorCode: code,
      message: 'no words for clients',
      recordErrors: [],
      logStartOffset: 3,
    });
    const answers = await produce({ 'orders-0': batchOf(['a']), 'orders-1': batchOf(['b']) });
    expect(answers).toMatchObject([
      { errorCode: code, errorMessage: null, logStartOffset: -1 },
      { errorCode: 0 },
    ]);
  });
});

describe('an idempotent producer', () => {
  const batch = (baseSequence: number, value: string, producerEpoch = 0) =>
    batchOf([value], { producerId: 9, producerEpoch, baseSequence });

  test('is told of duplicates as of the first time, and of gaps', async () => {
    expect(await produce({ 'orders-0': batch(0, 'a') })).toMatchObject([{ errorCode: 0, baseOffset: 0 }]);
    expect(await produce({ 'orders-0': batch(1, 'b') })).toMatchObject([{ errorCode: 0, baseOffset: 1 }]);
    expect(await produce({ 'orders-0': batch(0, 'a') })).toMatchObject([{ errorCode: 0, baseOffset: 0 }]);
    expect(await codeOf(batch(3, 'd'))).toBe(errors.outOfOrderSequenceNumber.code);
    expect(await codeOf(batch(0, 'e', 1))).toBe(0);
    expect(await codeOf(batch(2, 'f', 0))).toBe(errors.invalidProducerEpoch.code);
    expect(told(world, await fetchNow(world, { 'orders-0': 0 }))).toEqual({ 'orders-0': 'a b e' });
  });
});

describe('records of a transaction', () => {
  const inTransaction = () =>
    batchOf(['a'], { producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true });

  test('without a transactional id fail the whole request', async () => {
    const answers = await produce({ 'orders-0': inTransaction(), 'orders-1': batchOf(['b']) });
    const { code } = errors.transactionalIdAuthorizationFailed;
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([code, code]);
    expect(world.partitions.get('orders', 1)!.endOffset).toBe(0);
  });

  test('of whom the coordinator has never heard do not enter the log, where no marker would ever end them', async () => {
    await world.cluster.controller.ensureInternalTopic('__transaction_state');
    const answers = await produce(
      { 'orders-0': inTransaction(), 'orders-1': batchOf(['b']) },
      { transactionalId: 'tx' },
    );
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([errors.invalidProducerIdMapping.code, 0]);
    expect(world.partitions.get('orders', 0)!.endOffset).toBe(0);
  });
});

describe('with acks 0', () => {
  test('nobody is answered', async () => {
    const connection = new FakeConnection();
    const produced = producing({ 'orders-0': batchOf(['a']) }, { acks: 0, caller: { connection } });
    expect(await produced.promise).toBe(null);
    expect(connection.isClosed).toBe(false);
    expect(world.partitions.get('orders', 0)!.endOffset).toBe(1);
  });

  test('an error closes the connection', async () => {
    const connection = new FakeConnection();
    const produced = producing({ 'nowhere-0': batchOf(['a']) }, { acks: 0, caller: { connection } });
    expect(await produced.promise).toBe(null);
    expect(connection.disconnects).toEqual(['a Produce with acks 0 failed with UNKNOWN_TOPIC_OR_PARTITION']);
    const whole = new FakeConnection();
    const transactional = batchOf(['a'], {
      producerId: 9,
      producerEpoch: 0,
      baseSequence: 0,
      isTransactional: true,
    });
    await producing({ 'orders-0': transactional }, { acks: 0, caller: { connection: whole } }).promise;
    expect(whole.isClosed).toBe(true);
  });

  test('a failure of the whole has no answer either', () => {
    const request = requestOf({ 'orders-0': batchOf(['a']) }, {});
    expect(refusalOf(produceHandler, 9, { ...request, acks: 0 }, -1)).toBe(null);
    expect(refusalOf(produceHandler, 9, request, -1)!.responses[0]!.partitionResponses[0]).toMatchObject({
      errorCode: -1,
    });
  });
});

test('under fsync the answer waits for the slowest partition, and bytes of the request are not needed any more', async () => {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  await world.stop();
  world = await World.open({ clock, files, durability: { kind: 'fsync' } });
  await world.topic('orders', 2);
  await clock.until(produce({ 'orders-0': batchOf(['first']), 'orders-1': batchOf(['first']) }));
  const slow = files.delay('sync', 10);
  const records = { 'orders-0': batchOf(['a']), 'orders-1': batchOf(['b']) };
  const produced = producing(records);
  const acks0 = new FakeConnection();
  const silent = producing({ 'orders-0': batchOf(['c']) }, { acks: 0, caller: { connection: acks0 } });
  await clock.advance(9);
  expect(produced.answer).toBeUndefined();
  await clock.advance(30);
  expect(produced.answer!.responses.flatMap(({ partitionResponses }) => partitionResponses)).toMatchObject([
    { errorCode: 0, baseOffset: 1 },
    { errorCode: 0, baseOffset: 1 },
  ]);
  expect([silent.answer, acks0.isClosed]).toEqual([null, false]);
  expect(told(world, await fetchNow(world, { 'orders-0': 1, 'orders-1': 1 }))).toEqual({
    'orders-0': 'a c',
    'orders-1': 'b',
  });
  slow.stop();
});

test('a batch that is not whole is refused', async () => {
  const whole = buildBatch({ records: [{ timestampMs: 1, key: null, value: Buffer.from('a') }] });
  expect(await codeOf(whole.subarray(0, whole.length - 1))).not.toBe(0);
  expect(
    await codeOf(Buffer.from('not a batch at all, but long enough to look like one, maybe, if it tries')),
  ).not.toBe(0);
  expect(world.partitions.get('orders', 0)!.endOffset).toBe(0);
});

describe("a request's bytes", () => {
  /** Appends to orders-1 end when the test says so. */
  function slowSecond() {
    const partition = world.partitions.get('orders', 1)!;
    let end!: () => void;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const append = partition.append.bind(partition);
    partition.append = async (...args) => {
      await ended;
      return append(...args);
    };
    return end;
  }

  test('are done with when the appends are, once', async () => {
    let done = 0;
    const caller = { ownsBytes: true, bytesAreDone: () => void done++ };
    await produce({ 'orders-0': batchOf(['a']), 'orders-1': batchOf(['b']) }, { caller });
    expect(done).toBe(1);
    await producing({ 'orders-0': batchOf(['c']) }, { acks: 0, caller }).promise;
    expect(done).toBe(2);
  });

  test('are not before the last append has ended, though another one failed or the request with it', async () => {
    let done = 0;
    const caller = { ownsBytes: true, bytesAreDone: () => void done++ };
    const endSecond = slowSecond();
    world.partitions.get('orders', 0)!.append = () => Promise.reject(new Error('a bug'));
    const produced = producing({ 'orders-0': batchOf(['a']), 'orders-1': batchOf(['b']) }, { caller });
    const failed = expect(produced.promise).rejects.toThrow('a bug');
    await Promise.resolve();
    expect(done).toBe(0);
    endSecond();
    await failed;
    expect(done).toBe(1);
  });

  test('stay with a request that failed half way', async () => {
    let done = 0;
    const caller = { ownsBytes: true, bytesAreDone: () => void done++ };
    const endSecond = slowSecond();
    world.partitions.get('orders', 0)!.append = () => {
      throw new Error('a bug');
    };
    const records = { 'orders-1': batchOf(['b']), 'orders-0': batchOf(['a']) };
    await expect(producing(records, { caller }).promise).rejects.toThrow('a bug');
    endSecond();
    expect(done).toBe(0);
  });
});
