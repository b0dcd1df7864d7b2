/** What the metadata says when Apache Kafka has the directory next: what its own controlled shutdown would have left. */
import { expect, test } from 'vitest';
import { featureLevelRecord } from '../../../broker/metadata/records/features.ts';
import { encodeMetadataRecord } from '../../../broker/metadata/records/index.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { create, newTopic, open, recordsInLog } from './cluster-fixture.ts';

test.each([
  [
    'its last member stays in the in-sync set',
    0,
    { isr: null, eligibleLeaderReplicas: null, lastKnownElr: null },
  ],
  ['it is eligible, and nobody in sync', 1, { isr: [], eligibleLeaderReplicas: [1], lastKnownElr: [1] }],
])(
  "handed over to Kafka, nobody leads, as after Kafka's own stop: %s",
  async (_what, featureLevel, change) => {
    const name = 'eligible.leader.replicas.version';
    const first = await open();
    const { environment } = first;
    await create(first, newTopic('orders', { numPartitions: 2 }));
    const value = encodeMetadataRecord(featureLevelRecord, 0, { name, featureLevel });
    await first.log.append(buildBatch({ records: [{ timestampMs: 1, key: null, value }] }), {
      origin: 'raft',
      leaderEpoch: 1,
    });
    await first.close();
    const second = await open({ environment });
    const before = recordsInLog(second).length;
    await second.handOver({ name: 'CONTROLLER', host: 'localhost', port: 9093 });
    await second.close();
    const { brokerEpoch } = second.state;
    expect(recordsInLog(second).slice(before)).toMatchObject([
      {
        kind: 'brokerRegistrationChangeRecord',
        version: 1,
        record: { brokerEpoch, fenced: 0, inControlledShutdown: 1 },
      },
      { kind: 'partitionChangeRecord', version: 2, record: { partitionId: 0, leader: -1, ...change } },
      { kind: 'partitionChangeRecord', version: 2, record: { partitionId: 1, leader: -1, ...change } },
      {
        kind: 'brokerRegistrationChangeRecord',
        record: { brokerEpoch, fenced: 1, inControlledShutdown: 0 },
      },
    ]);
    const third = await open({ environment });
    expect(third.state.topic('orders')!.partitions).toMatchObject(
      [0, 1].map((index) => ({ index, leader: 1, isr: [1], leaderEpoch: 2, eligibleLeaderReplicas: [] })),
    );
  },
);
