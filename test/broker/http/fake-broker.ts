/** What tests may do to a broker over HTTP, with an answer of each kind and no broker. */
import { CompactionRefused } from '../../../broker/cleaning/compaction-refused.ts';
import { BrokerGone } from '../../../broker/embedded/broker-gone.ts';
import { WaitFailed } from '../../../broker/embedded/waits.ts';
import type { TestedBroker } from '../../../broker/http/service.ts';
import { durationMs } from '../../../broker/options/durations.ts';
import { SnapshotFailed } from '../../../broker/snapshots/take-snapshot.ts';

export function fakeBroker(): TestedBroker {
  return {
    compact: async () => {
      throw new CompactionRefused('no such topic');
    },
    reset: async () => {},
    snapshot: (async (directory: string) => {
      if (directory === 'full') throw new SnapshotFailed('the disk is full');
    }) as TestedBroker['snapshot'],
    clock: { kind: 'virtual', nowMs: () => 7, advance: async (by) => void durationMs('clock.advance', by) },
    groupStable: async (groupId) => {
      if (groupId === 'none') throw new WaitFailed('waited 5 ms', 'there is no such group');
      if (groupId === 'late') throw new BrokerGone('waited', 'reset');
      const partitions = [{ topic: 'orders', partition: 0 }];
      return { groupId, members: [{ memberId: 'm', clientId: 'c', partitions }] };
    },
    committed: async () => [{ topic: 'orders', partition: 0, offset: null, endOffset: 0 }],
    records: async (topic) => {
      const record = { topic, partition: 0, offset: 3, timestampMs: 4, key: null, headers: [] };
      const values = [null, '{"a":1}', 'text', Buffer.from([0xff])];
      return values.map((value) => ({ ...record, value: value === null ? null : Buffer.from(value) }));
    },
    compacted: async (topic) => [{ topic, partition: 0, cleanUpToOffset: 3, endOffset: 4 }],
  };
}
