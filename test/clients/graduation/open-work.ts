/** Work that is under way when a broker stops, of a producer, of transactions and of a group, and what becomes of it on the next one. */
import { expect } from 'vitest';
import { errorName } from '../../../protocol/errors.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { joinGroup } from '../../../protocol/messages/groups/join-group.ts';
import { syncGroup } from '../../../protocol/messages/groups/sync-group.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { CodesClient, settled, topic } from '../java/codes-client.ts';
import { Requests } from '../killed/requests.ts';

/** What a client remembers over the stop. */
export interface OpenWork {
  readonly round: string;
  readonly numbered: NumberedProducer;
  readonly claims: readonly { transactionalId: string; producerId: number; producerEpoch: number }[];
  readonly member: { readonly groupId: string; readonly generationId: number; readonly memberId: string };
}

export interface NumberedProducer {
  readonly producerId: number;
  readonly nextSequence: number;
  /** Each batch that was acknowledged: its first sequence and its offset. */
  readonly batches: readonly { readonly sequence: number; readonly offset: number }[];
}

const recordsPerBatch = 2;

async function withClient<Result>(
  port: number,
  use: (client: (id: string) => CodesClient) => Promise<Result>,
): Promise<Result> {
  const requests = new Requests(port);
  try {
    return await use((id) => new CodesClient(requests, id));
  } finally {
    requests.close();
  }
}

/** Begins all of it; `before` goes on as the same idempotent producer. */
export function beginWork(port: number, round: string, before?: NumberedProducer): Promise<OpenWork> {
  return withClient(port, async (client) => {
    const anyone = client('anyone');
    if (before === undefined)
      await anyone.ask(createTopics, 5, {
        topics: [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
        validateOnly: false,
      });
    let numbered = before ?? (await newProducer(anyone));
    for (let n = 0; n < 2; n++) numbered = await sendNext(anyone, numbered);
    const claims = [];
    for (const kind of ['ends', 'ends as of old', 'begins anew', 'times out']) {
      const open = client(`${kind} ${round}`);
      await open.find();
      expect(
        await settled(() => open.init(4, { transactionTimeoutMs: kind === 'times out' ? 1 : 600_000 })),
      ).toBe('NONE');
      if (kind === 'ends as of old') expect(await settled(() => open.add(3))).toBe('NONE');
      expect(await settled(() => open.send(kind === 'ends as of old' ? 9 : 12, 0))).toBe('NONE');
      claims.push(open.claim);
    }
    return { round, numbered, claims, member: await newMember(anyone, `group ${round}`) };
  });
}

/** Every answer on the next broker, without what differs from round to round. */
export function finishWork(port: number, { round, numbered, claims, member }: OpenWork) {
  return withClient(port, async (client) => {
    const claimed = (kind: string) => {
      const transactionalId = `${kind} ${round}`;
      return Object.assign(
        client(transactionalId),
        claims.find((each) => each.transactionalId === transactionalId),
      );
    };
    const anyone = claimed('begins anew');
    await anyone.find();
    const groupHeartbeat = await settled(async () =>
      errorName((await anyone.ask(heartbeat, 3, member)).errorCode),
    );
    const producer = await sequences(anyone, numbered);
    const ends = claimed('ends');
    const old = claimed('ends as of old');
    const ended = [await settled(() => ends.end(5, true)), await settled(() => old.end(3, false))];
    const again = claimed('begins anew');
    const epochBefore = again.producerEpoch;
    const begun = await settled(() => again.init());
    const timedOut = claimed('times out');
    const story = {
      groupHeartbeat,
      producer: producer.answers,
      ended,
      epochsLater: ends.producerEpoch - claimed('ends').producerEpoch,
      goesOn: await settled(() => ends.send(12, 0)),
      endsAgain: await settled(() => ends.end(5, false)),
      begun,
      begunEpochsLater: again.producerEpoch - epochBefore,
      fencedSend: await settled(() => claimed('begins anew').send(12, 1)),
      fencedEnd: await settled(() => claimed('begins anew').end(5, true)),
      timedOut: await untilIs('CompleteAbort', () => timedOut.complete()),
      lateSend: await settled(() => timedOut.send(12, 1)),
    };
    return { story, numbered: producer.numbered };
  });
}

async function untilIs(wanted: string, look: () => Promise<string>): Promise<string> {
  let seen = await look();
  for (const endMs = performance.now() + 60_000; seen !== wanted && performance.now() < endMs; )
    seen = await look();
  return seen;
}

/** The same batch again, one that has been forgotten, one too far, and the next one. */
async function sequences(client: CodesClient, numbered: NumberedProducer) {
  const [first, last] = [numbered.batches[0]!, numbered.batches.at(-1)!];
  const again = await send(client, numbered, last.sequence);
  const forgotten = await send(client, numbered, first.sequence);
  const tooFar = await send(client, numbered, numbered.nextSequence + 5);
  const next = await sendNext(client, numbered);
  return {
    numbered: next,
    answers: {
      again: `${again.error}${again.offset === last.offset ? ' at its own offset' : ''}`,
      forgotten: forgotten.error,
      tooFar: tooFar.error,
      next: next.batches.length - numbered.batches.length,
    },
  };
}

async function newProducer(client: CodesClient): Promise<NumberedProducer> {
  const { producerId } = await client.ask(initProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 0,
  });
  return { producerId, nextSequence: 0, batches: [] };
}

async function sendNext(client: CodesClient, before: NumberedProducer): Promise<NumberedProducer> {
  const sequence = before.nextSequence;
  const { error, offset } = await send(client, before, sequence);
  expect(error).toBe('NONE');
  return {
    ...before,
    nextSequence: sequence + recordsPerBatch,
    batches: [...before.batches, { sequence, offset }],
  };
}

async function send(client: CodesClient, { producerId }: NumberedProducer, baseSequence: number) {
  const value = Buffer.from(`numbered ${baseSequence}`);
  const record = { timestampMs: Date.now(), key: null, value };
  const records = buildBatch({ producerId, producerEpoch: 0, baseSequence, records: [record, record] });
  const { responses } = await client.ask(produce, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  });
  const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
  return { error: errorName(errorCode), offset: baseOffset };
}

/** Joins alone, and is given nothing. */
async function newMember(client: CodesClient, groupId: string): Promise<OpenWork['member']> {
  const protocolType = 'consumer';
  const sessionTimeoutMs = 300_000;
  const protocols = [{ name: 'range', metadata: Buffer.from('00000000000000000000', 'hex') }];
  const { generationId, memberId } = await client.ask(joinGroup, 3, {
    groupId,
    sessionTimeoutMs,
    rebalanceTimeoutMs: sessionTimeoutMs,
    memberId: '',
    protocolType,
    protocols,
  });
  const assignments = [{ memberId, assignment: Buffer.alloc(0) }];
  const { errorCode } = await client.ask(syncGroup, 3, { groupId, generationId, memberId, assignments });
  expect(errorName(errorCode)).toBe('NONE');
  return { groupId, generationId, memberId };
}
