/** Produce: every version, every kind of batch that is refused, and what an idempotent producer may do. */
import { describeProducers } from '../../../../protocol/messages/data/describe-producers.ts';
import { produce } from '../../../../protocol/messages/data/produce.ts';
import { initProducerId } from '../../../../protocol/messages/transactions/init-producer-id.ts';
import { batchFields, stampCrc } from '../../../../protocol/records/batch.ts';
import type { NewBatch } from '../../../../protocol/records/batch-builder.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import { sortedBy } from '../normalise.ts';
import { batchOf, timeOfRecords } from '../records.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Peer, Side } from '../side.ts';

const topicIdVersion = 13;
const newest = 13;

interface Place {
  readonly name: string;
  readonly topicId: string;
  readonly index?: number;
}

function sent(place: Place, records: Buffer | null, acks = -1) {
  const { name, topicId, index = 0 } = place;
  return { acks, timeoutMs: 30_000, topicData: [{ name, topicId, partitionData: [{ index, records }] }] };
}

/** Kafka answers in the order of a hash map. */
function byPlace({ responses, ...rest }: ResponseOf<typeof produce>) {
  return {
    ...rest,
    responses: sortedBy(responses, ({ name, topicId }) => `${name} ${topicId}`).map((topic) => ({
      ...topic,
      partitionResponses: sortedBy(topic.partitionResponses, ({ index }) => index),
    })),
  };
}

const send = (who: Side | Peer, place: Place, records: Buffer, note: string, version = newest, acks = -1) =>
  who.ask(produce, version, sent(place, records, acks), note, byPlace);

const versions: Scenario = {
  name: 'versions-of-produce',
  async run(side, setting) {
    const name = `${side.prefix}-t`;
    const topicId = await setting.topic(name, 2);
    await setting.settle(name);
    const there = { name, topicId };
    const nowhere = { name: `${side.prefix}-none`, topicId: 'aaaaaaaaaaaaaaaaaaaaaA' };
    for (const version of versionsOf('produce')) {
      const ask = (note: string, place: Place, acks = -1) =>
        side.ask(produce, version, sent(place, batchOf([`v${version}`]), acks), note, byPlace);
      // Null records are not asked here: Kafka 4.4.0 neither answers them nor closes the connection.
      await ask('', there);
      await ask('acks 1', there, 1);
      await ask('acks 2', there, 2);
      await ask('acks -2', there, -2);
      await ask('no topic', nowhere);
      await ask('no partition', { ...there, index: 9 });
      await ask('a negative partition', { ...there, index: -1 });
      await ask('an internal topic', { name: '__consumer_offsets', topicId: 'aaaaaaaaaaaaaaaaaaaaaA' });
      if (version < topicIdVersion) {
        await ask('no name', { ...there, name: '' });
        await ask('a bad name', { ...there, name: 'no good' });
      } else await ask('no id', { name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' });
      const peer = await side.connect();
      await peer.tell(produce, version, sent(there, batchOf(['a', 'b']), 0), 'acks 0');
      await peer.tell(produce, version, sent(nowhere, batchOf(['a', 'b']), 0), 'acks 0, no topic');
      peer.close();
    }
    // Once more, so that what came without an acknowledgement can be seen.
    await send(side, there, batchOf(['the end']), 'the end');
  },
};

const severalPartitions: Scenario = {
  name: 'several-partitions',
  async run(side, setting) {
    const name = `${side.prefix}-t`;
    const there = { name, topicId: await setting.topic(name, 2) };
    await setting.settle(name);
    const [records, other] = [batchOf(['a', 'b']), batchOf(['other', 'records', 'here'])];
    const of = (...partitions: [index: number, records: Buffer][]) => ({
      ...there,
      partitionData: partitions.map(([index, bytes]) => ({ index, records: bytes })),
    });
    for (const version of versionsOf('produce')) {
      const ask = (note: string, ...topicData: ReturnType<typeof of>[]) =>
        side.ask(produce, version, { acks: -1, timeoutMs: 30_000, topicData }, note, byPlace);
      await ask('three partitions', of([1, records], [0, records], [9, records]));
      await ask('nothing');
      await ask('no partitions', of());
      await ask('a partition twice, a topic twice', of([0, records], [0, other]), of([1, records]));
      await ask('one partition of zeros', of([0, records], [1, Buffer.alloc(100)]));
      await ask('one partition of nothing', of([0, records], [1, Buffer.alloc(0)]));
    }
    await send(side, there, batchOf(['the end']), 'the end');
  },
};

/** The batch with some of its bytes changed, and a checksum that fits again. */
function changed(batch: Buffer, change: (batch: Buffer) => void, withCrc = true): Buffer {
  const copy = Buffer.from(batch);
  change(copy);
  if (withCrc) stampCrc(copy, 0);
  return copy;
}

const good = batchOf(['k=a', 'k=b', 'k=c']);
const at = batchFields;
const ofProducer = (options: Partial<NewBatch>): Buffer => batchOf(['k=a'], options);

/** Batches that no producer makes, and some that look so. */
const strange: readonly [note: string, records: Buffer][] = [
  ['fine', good],
  ['nothing', Buffer.alloc(0)],
  ['a few bytes', Buffer.from('abc')],
  ['half a header', good.subarray(0, 30)],
  ['all but one byte', good.subarray(0, good.length - 1)],
  ['a byte too many', Buffer.concat([good, Buffer.from([0])])],
  ['two batches', Buffer.concat([good, good])],
  ['a batch and half of one', Buffer.concat([good, good.subarray(0, 20)])],
  ['a wrong checksum', changed(good, (batch) => (batch[batch.length - 1]! ^= 1), false)],
  ['another base offset', changed(good, (batch) => batch.writeInt32BE(5, at.baseOffset + 4))],
  ['a negative base offset', changed(good, (batch) => batch.writeInt32BE(-1, at.baseOffset))],
  ['a length too small', changed(good, (batch) => batch.writeInt32BE(13, at.length), false)],
  ['a negative length', changed(good, (batch) => batch.writeInt32BE(-1, at.length), false)],
  ['a length beyond the end', changed(good, (batch) => batch.writeInt32BE(9_999, at.length), false)],
  ['magic 3', changed(good, (batch) => (batch[at.magic] = 3), false)],
  ['magic -1', changed(good, (batch) => (batch[at.magic] = 255), false)],
  ['magic 1', changed(good, (batch) => (batch[at.magic] = 1), false)],
  ['codec 5', changed(good, (batch) => batch.writeInt16BE(5, at.attributes))],
  ['gzip that is none', changed(good, (batch) => batch.writeInt16BE(1, at.attributes))],
  ['snappy that is none', changed(good, (batch) => batch.writeInt16BE(2, at.attributes))],
  ['lz4 that is none', changed(good, (batch) => batch.writeInt16BE(3, at.attributes))],
  ['zstd that is none', changed(good, (batch) => batch.writeInt16BE(4, at.attributes))],
  ['log append time', changed(good, (batch) => batch.writeInt16BE(8, at.attributes))],
  ['a control batch', changed(good, (batch) => batch.writeInt16BE(0x20, at.attributes))],
  ['a delete horizon', changed(good, (batch) => batch.writeInt16BE(0x40, at.attributes))],
  ['an attribute of tomorrow', changed(good, (batch) => batch.writeInt16BE(0x80, at.attributes))],
  ['too few offsets', changed(good, (batch) => batch.writeInt32BE(1, at.lastOffsetDelta))],
  ['too many offsets', changed(good, (batch) => batch.writeInt32BE(9, at.lastOffsetDelta))],
  ['negative offsets', changed(good, (batch) => batch.writeInt32BE(-1, at.lastOffsetDelta))],
  ['fewer records', changed(good, (batch) => batch.writeInt32BE(2, at.recordCount))],
  ['more records', changed(good, (batch) => batch.writeInt32BE(4, at.recordCount))],
  ['no records', changed(good, (batch) => batch.writeInt32BE(0, at.recordCount))],
  ['a negative number of records', changed(good, (batch) => batch.writeInt32BE(-1, at.recordCount))],
  ['another leader epoch', changed(good, (batch) => batch.writeInt32BE(7, at.partitionLeaderEpoch))],
  ['another greatest timestamp', changed(good, (batch) => batch.writeInt32BE(0, at.maxTimestamp))],
  ['a negative timestamp', batchOf(['k=a'], { timestampMs: -5 })],
  ['no timestamp', batchOf(['k=a'], { timestampMs: -1 })],
  ['a timestamp of tomorrow', batchOf(['k=a'], { timestampMs: 4_102_444_800_000 })],
  ['no key', batchOf(['a'])],
  ['a null key', batchOf(['null=a'])],
  ['a null value', batchOf(['k=null'])],
  ['a value too large', batchOf([`k=${'x'.repeat(100_000)}`])],
  ['no records at all', batchOf([])],
  ['gzip', batchOf(['k=a', 'k=b'], { codec: 1 })],
  ['snappy', batchOf(['k=a', 'k=b'], { codec: 2 })],
  ['lz4', batchOf(['k=a', 'k=b'], { codec: 3 })],
  ['a producer without an epoch', ofProducer({ producerId: 5, producerEpoch: -1, baseSequence: 0 })],
  ['a producer without a sequence', ofProducer({ producerId: 5, producerEpoch: 0, baseSequence: -1 })],
  ['a sequence without a producer', ofProducer({ producerId: -1, producerEpoch: 0, baseSequence: 0 })],
  ['a negative producer', ofProducer({ producerId: -2, producerEpoch: 0, baseSequence: 0 })],
  ['a producer that asked nobody', ofProducer({ producerId: 123_456, producerEpoch: 0, baseSequence: 0 })],
  [
    'a transaction of nobody',
    ofProducer({ producerId: 5, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
  ],
];

const batches: Scenario = {
  name: 'batches',
  async run(side, setting) {
    const kinds: readonly [kind: string, configs: Record<string, string>][] = [
      ['plain', {}],
      ['compacted', { 'cleanup.policy': 'compact' }],
      ['stamped', { 'message.timestamp.type': 'LogAppendTime' }],
      ['fresh', { 'message.timestamp.before.max.ms': '1000', 'message.timestamp.after.max.ms': '1000' }],
      ['gzip', { 'compression.type': 'gzip' }],
      ['plain-again', { 'compression.type': 'uncompressed' }],
    ];
    for (const [kind, configs] of kinds) {
      const name = `${side.prefix}-${kind}`;
      const topicId = await setting.topic(name, 1, configs);
      await setting.settle(name);
      for (const version of kind === 'plain' ? [3, 7, newest] : [newest])
        for (const [note, records] of strange)
          await send(side, { name, topicId }, records, `${note}, ${kind}`, version);
    }
  },
};

/** What a producer sends next, in words: its epoch, its first sequence, how many records. */
type Sent = readonly [note: string, producerEpoch: number, baseSequence: number, count?: number];

const firstEpoch: readonly Sent[] = [
  ['not from the start', 0, 5],
  ['from the start', 0, 0, 3],
  ['from the start again', 0, 0, 3],
  ['a part of it again', 0, 0, 2],
  ['the middle of it', 0, 1],
  ['the next', 0, 3],
  ['a gap', 0, 9],
  ...[4, 5, 6, 7, 8, 9].map((sequence): Sent => ['one after the other', 0, sequence]),
  ['the last again', 0, 9],
  ['the fifth last again', 0, 5],
  ['the sixth last again', 0, 4],
];

const laterEpochs: readonly Sent[] = [
  ['the next epoch, not from the start', 1, 4],
  ['the next epoch', 1, 0],
  ['the old epoch', 0, 10],
  ['the old epoch, from the start', 0, 0],
  ['an epoch far ahead', 7, 0, 2],
  ['an epoch far ahead, again', 7, 0, 2],
  ['near the end of all sequences', 8, 0x7ffffffe],
];

/** In a partition that does not know the producer yet. */
const elsewhere: readonly Sent[] = [
  ['not from the start, around the end of all sequences', 0, 0x7ffffffe, 2],
  ['not from the start', 3, 17],
  ['on from there', 3, 18],
];

const sequences: Scenario = {
  name: 'sequences',
  async run(side, setting) {
    const name = `${side.prefix}-t`;
    const place = { name, topicId: await setting.topic(name, 2) };
    await setting.settle(name);
    const peer = await side.main();
    const asked = { transactionalId: null, transactionTimeoutMs: 0 };
    const { producerId } = await peer.ask(initProducerId, 5, asked);
    const ofProducer = (count: number, options: Partial<NewBatch> & { timestampMs?: number }) =>
      batchOf(
        Array.from({ length: count }, (_, i) => `record ${i}`),
        { producerId, ...options },
      );
    const step = (index: number, [note, producerEpoch, baseSequence, count = 1]: Sent) => {
      const records = ofProducer(count, { producerEpoch, baseSequence });
      const words = `${note}: epoch ${producerEpoch}, sequence ${baseSequence} of ${count}`;
      return send(peer, { ...place, index }, records, words);
    };
    const look = () => peer.ask(describeProducers, 0, { topics: [{ name, partitionIndexes: [0, 1, 9] }] });
    await look();
    for (const sent of firstEpoch) await step(0, sent);
    await look();
    for (const sent of laterEpochs) await step(0, sent);
    const older = ofProducer(1, { producerEpoch: 7, baseSequence: 2, timestampMs: timeOfRecords - 5_000 });
    await send(peer, place, older, 'a timestamp that is older');
    await look();
    for (const sent of elsewhere) await step(1, sent);
    await look();
    const both = [0, 1].map((baseSequence) => ofProducer(1, { producerEpoch: 8, baseSequence }));
    await send(peer, place, Buffer.concat(both), 'two batches of a producer');
    await send(peer, place, batchOf(['plain']), 'without a producer');
  },
};

const producers: Scenario = {
  name: 'producers',
  async run(side) {
    for (const version of versionsOf('initProducerId')) {
      const known = version >= 3;
      await side.ask(initProducerId, version, { transactionalId: null, transactionTimeoutMs: 0 });
      await side.ask(
        initProducerId,
        version,
        { transactionalId: null, transactionTimeoutMs: -1 },
        'a negative time-out',
      );
      await side.ask(
        initProducerId,
        version,
        { transactionalId: '', transactionTimeoutMs: 1_000 },
        'an empty transactional id',
      );
      if (!known) continue;
      for (const [producerId, producerEpoch] of [
        [5, 0],
        [5, -1],
        [-1, 0],
        [-2, 0],
        [5, 32_767],
      ] as const)
        await side.ask(
          initProducerId,
          version,
          { transactionalId: null, transactionTimeoutMs: 0, producerId, producerEpoch },
          `was ${producerId}, ${producerEpoch}`,
        );
    }
    for (const [note, topics] of [
      ['none', []],
      ['no topic', [{ name: `${side.prefix}-none`, partitionIndexes: [0] }]],
      ['a bad name', [{ name: 'no good', partitionIndexes: [0] }]],
      ['no partition of a topic', [{ name: '__consumer_offsets', partitionIndexes: [99] }]],
    ] as const)
      await side.ask(
        describeProducers,
        0,
        { topics: topics.map((topic) => ({ ...topic, partitionIndexes: [...topic.partitionIndexes] })) },
        note,
      );
  },
};

export const produceScenarios: readonly Scenario[] = [
  versions,
  severalPartitions,
  batches,
  sequences,
  producers,
];
