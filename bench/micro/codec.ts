/**
 * Messages to bytes and back: each API's newest version with every field set, as Apache Kafka's own classes wrote it (test/vectors/api),
 * and those that a broker meets in numbers, in the sizes in which it meets them.
 */
import { messages } from '../../protocol/messages/index.ts';
import type { AnyApi } from '../../protocol/schema/api.ts';
import { decoderOf, encoderOf } from '../../protocol/schema/compile.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import { Writer } from '../../protocol/wire/writer.ts';
import { vectorLines } from '../../test/conformance/kafka-json.ts';
import { type MicroCase, type MicroGroup, mustBe } from './micro-case.ts';

type Kind = 'request' | 'response';

export const codec: MicroGroup = {
  name: 'codec',
  per: 'message',
  cases: () => [...sizedCases(), ...Object.values(messages).flatMap(newestCases)],
};

const newestCases = (api: AnyApi): MicroCase[] =>
  (['request', 'response'] as const).flatMap((kind) => {
    const lines = vectorLines(`api/${api.name}.jsonl`).filter((line) => line.kind === kind);
    const version = Math.max(...lines.map((line) => line.version));
    const newest = lines.filter((line) => line.version === version);
    // Messages without a field have only their default.
    const line = newest.find((each) => each.case === 'filled') ?? newest[0]!;
    return bothWays(api, kind, version, Buffer.from(line.hex, 'hex'), `${api.name} ${kind}`);
  });

/** `bytes` decoded, and what they say encoded again to the same bytes. */
function bothWays(api: AnyApi, kind: Kind, version: number, bytes: Buffer, name: string): MicroCase[] {
  const decode = decoderOf(api, kind as 'request', version);
  const encode = encoderOf(api, kind as 'request', version);
  const reader = new Reader(bytes);
  const encoded = (message: never): Buffer => {
    const writer = new Writer();
    encode(writer, message);
    return writer.finishBuffer();
  };
  const message = decode(reader) as never;
  const hex = bytes.toString('hex');
  return [
    {
      name: `${name} v${version}, decode`,
      run: () => decode(reader.reset(bytes)),
      check: (result) => mustBe(`${name} decoded and encoded again`, encoded(result).toString('hex'), hex),
    },
    {
      name: `${name} v${version}, encode`,
      run: () => {
        const writer = new Writer();
        encode(writer, message);
        return writer.finish();
      },
      check: (result: readonly Uint8Array[]) =>
        mustBe(`${name} encoded`, Buffer.concat(result).toString('hex'), hex),
    },
  ];
}

function sizedCases(): MicroCase[] {
  const { produce, fetch, metadata } = messages;
  const records = Buffer.alloc(100, 1);
  const produced = (partitions: number) => ({
    acks: -1,
    timeoutMs: 30_000,
    topicData: [
      {
        name: 'orders',
        partitionData: Array.from({ length: partitions }, (_, index) => ({ index, records })),
      },
    ],
  });
  const fetched = (partitions: number) => ({
    responses: [
      {
        topic: 'orders',
        partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
          partitionIndex,
          highWatermark: 1_000_000,
          records,
        })),
      },
    ],
  });
  const known = {
    brokers: [{ nodeId: 1, host: 'localhost', port: 9092 }],
    topics: Array.from({ length: 1000 }, (_, i) => ({
      name: `topic-${i}`,
      partitions: [{ partitionIndex: 0, leaderId: 1, replicaNodes: [1], isrNodes: [1] }],
    })),
  };
  return [
    ...sized(produce, 'request', 9, produced(1), 'Produce request, 1 partition'),
    ...sized(produce, 'request', 9, produced(6), 'Produce request, 6 partitions'),
    ...sized(fetch, 'response', 12, fetched(6), 'Fetch response, 6 partitions'),
    ...sized(metadata, 'response', 9, known, 'Metadata response, 1,000 topics'),
  ];
}

function sized(api: AnyApi, kind: Kind, version: number, message: object, name: string): MicroCase[] {
  const writer = new Writer();
  encoderOf(api, kind as 'request', version)(writer, message as never);
  return bothWays(api, kind, version, writer.finishBuffer(), name);
}
