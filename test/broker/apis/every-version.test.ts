/** Every API that is served, asked in every version with what Kafka's own classes write: it is answered, and nothing goes wrong inside. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allHandlers } from '../../../broker/apis/index.ts';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { describeQuorum } from '../../../protocol/messages/cluster/describe-quorum.ts';
import type { AnyApi } from '../../../protocol/schema/api.ts';
import { decoderOf } from '../../../protocol/schema/compile.ts';
import { parseVersions } from '../../../protocol/schema/versions.ts';
import { Reader } from '../../../protocol/wire/reader.ts';
import { Client } from '../../../tools/client.ts';
import { vectorLines } from '../../conformance/kafka-json.ts';
import { keepingLogger } from '../network/frames.ts';

let broker: Broker;
let client: Client;
let logger: ReturnType<typeof keepingLogger>;
beforeEach(async () => {
  logger = keepingLogger();
  broker = await startBroker({ logger });
  client = await Client.connect('127.0.0.1', broker.port);
});
afterEach(async () => {
  client.close();
  await broker.stop();
});

const served = allHandlers.filter(({ versions }) => versions !== null);
/** With all fields filled it waits. */
const onlyEmpty = 'Fetch';

function questions({ api, versions }: (typeof served)[number]) {
  const { low, high } = parseVersions(versions!);
  return vectorLines(`api/${api.name}.jsonl`).filter(
    (line) =>
      line.kind === 'request' &&
      (line.case === 'default' || (line.case === 'filled' && api.name !== onlyEmpty)) &&
      line.version! >= low &&
      line.version! <= high,
  );
}

test.each(served.map((handler) => [handler.api.name, handler] as const))('%s', async (_name, handler) => {
  const api: AnyApi = handler.api;
  const lines = questions(handler);
  expect(lines.length).toBeGreaterThan(0);
  for (const { version, hex } of lines) {
    const body = decoderOf(api, 'request', version!)(new Reader(Buffer.from(hex, 'hex')));
    // A Produce that wants no answer gets none.
    await client.request(api, version!, { ...(body as object), acks: 1 } as never);
  }
  const errors = logger.lines.filter(({ level }) => level === 'error');
  expect(errors.map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`)).toEqual([]);
});

test.each([0, 1, 2])('the quorum has one voter, in version %i', async (version) => {
  const { topics, errorCode } = await client.request(describeQuorum, version, {
    topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }],
  });
  expect(errorCode).toBe(0);
  expect(topics[0]!.partitions[0]!.currentVoters).toMatchObject([{ replicaId: 1 }]);
});
