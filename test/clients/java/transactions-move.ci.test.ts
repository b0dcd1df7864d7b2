/** Transactions that begin on one broker and end on the other, on the same directory: ours and Apache Kafka's, there and back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { errorName } from '../../../protocol/errors.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { listTransactions } from '../../../protocol/messages/transactions/list-transactions.ts';
import { quietPort } from '../../quiet-port.ts';
import { committedValues } from '../../simulation/read-committed.ts';
import { skipUnless } from '../../skip.ts';
import { Requests } from '../killed/requests.ts';
import { hasJava, startKafka } from './apache-kafka.ts';
import { CodesClient, settled, topic } from './codes-client.ts';

/** What a broker knows: transactions by state, the committed offset of the group, and how much of the log is stable and counts. */
async function known(client: CodesClient) {
  const listed = await client.ask(listTransactions, 0, { stateFilters: [], producerIdFilters: [] });
  const states = listed.transactionStates.map(
    ({ transactionalId, transactionState }) => `${transactionalId} ${transactionState}`,
  );
  const group = { groupId: 'codes-group', topics: [{ name: topic, partitionIndexes: [0] }] };
  const offsets = await client.ask(offsetFetch, 8, { groups: [group], requireStable: true });
  const found = offsets.groups[0]!.topics[0]?.partitions[0];
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
  const asked = {
    maxWaitMs: 0,
    minBytes: 0,
    isolationLevel: 1,
    topics: [{ topic, partitions }],
    forgottenTopicsData: [],
    rackId: '',
  };
  const read = (await client.ask(fetch, 11, asked)).responses[0]!.partitions[0]!;
  const { values } = committedValues(Buffer.from(read.records as Buffer), read.abortedTransactions ?? []);
  return {
    states: states.sort(),
    offset:
      found === undefined ? null : found.errorCode === 0 ? found.committedOffset : errorName(found.errorCode),
    stable: read.lastStableOffset,
    highWatermark: read.highWatermark,
    count: values.length,
  };
}

test('what one has begun, the other knows and ends', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  // Java takes file names in the locale's encoding: plain letters, whatever that is.
  const directory = mkdtempSync(join(tmpdir(), 'transactions-move-'));
  const dataDir = join(directory, 'data');
  const story: unknown[] = [];
  const claims: Record<string, object> = {};
  const at = (requests: Requests, id: string) =>
    Object.assign(new CodesClient(requests, id), claims[id] ?? {});
  const keep = ({ transactionalId, producerId, producerEpoch }: CodesClient) => {
    claims[transactionalId] = { producerId, producerEpoch };
  };

  const ours = await startBroker({ dataDir });
  let requests = new Requests(Number(ours.bootstrapServers.split(':').at(-1)));
  const done = at(requests, 'done');
  await done.ask(createTopics, 5, {
    topics: [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    validateOnly: false,
  });
  await done.find();
  await done.init();
  await done.send(12, 0);
  await done.end(5, true);
  await done.send(12, 0);
  await done.end(5, false);
  for (const id of ['old', 'new']) {
    const open = at(requests, id);
    await open.find();
    await open.init();
    if (id === 'old') await open.add(3);
    expect(await open.send(id === 'old' ? 9 : 12, 0)).toBe('NONE');
    if (id === 'new') await open.commitOffset(5);
    keep(open);
  }
  keep(done);
  story.push(await known(done));
  requests.close();
  await ours.stop();

  const port = await quietPort();
  const kafka = await startKafka(directory, port);
  requests = new Requests(port);
  await at(requests, 'done').find();
  await at(requests, 'new').find();
  await settled(async () =>
    errorName(
      (
        await at(requests, 'new').ask(offsetFetch, 8, {
          groups: [{ groupId: 'codes-group', topics: null }],
          requireStable: false,
        })
      ).groups[0]!.errorCode,
    ),
  );
  story.push(await known(at(requests, 'done')));
  const begun = at(requests, 'new');
  expect(await settled(() => begun.end(5, true))).toBe('NONE');
  await begun.complete();
  await settled(() => begun.send(12, 0));
  keep(begun);
  story.push(await known(begun));
  requests.close();
  await kafka.stop();

  const again = await startBroker({ dataDir });
  requests = new Requests(Number(again.bootstrapServers.split(':').at(-1)));
  story.push(await known(at(requests, 'done')));
  expect(await at(requests, 'old').end(3, false)).toBe('NONE');
  expect(await at(requests, 'new').end(5, true)).toBe('NONE');
  story.push(await known(at(requests, 'done')));
  requests.close();
  await again.stop();
  rmSync(directory, { recursive: true, force: true, maxRetries: 10 });

  const before = {
    states: ['done CompleteAbort', 'new Ongoing', 'old Ongoing'],
    offset: 'UNSTABLE_OFFSET_COMMIT',
    stable: 4,
    highWatermark: 6,
    count: 1,
  };
  const between = { ...before, offset: 1, highWatermark: 8 };
  const after = {
    states: ['done CompleteAbort', 'new CompleteCommit', 'old CompleteAbort'],
    offset: 1,
    stable: 10,
    highWatermark: 10,
    count: 3,
  };
  expect(story).toEqual([before, before, between, between, after]);
});
