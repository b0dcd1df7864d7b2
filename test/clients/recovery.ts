/** What goes wrong for a client that writes, reads in a group and has a transaction; each of it once or twice, and then no more. */
import type { Broker, Fault, FaultOptions } from '../../broker/index.ts';

const troubles: readonly FaultOptions[] = [
  { api: 'Metadata', topic: 'orders', error: 'LEADER_NOT_AVAILABLE', times: 2 },
  { api: 'InitProducerId', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 2 },
  { api: 'Produce', topic: 'orders', partition: 0, error: 'NOT_LEADER_OR_FOLLOWER', times: 2 },
  { api: 'Produce', error: 'REQUEST_TIMED_OUT', when: 'after', times: 1 },
  { api: 'Produce', dropConnection: true, when: 'after', times: 1 },
  { api: 'Produce', truncateAnswer: 9, times: 1 },
  { api: 'Produce', throttleMs: 50, times: 1 },
  { api: 'FindCoordinator', error: 'COORDINATOR_NOT_AVAILABLE', times: 2 },
  { api: 'JoinGroup', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 2 },
  { api: 'SyncGroup', error: 'NOT_COORDINATOR', times: 1 },
  { api: 'Heartbeat', error: 'REBALANCE_IN_PROGRESS', times: 1 },
  { api: 'OffsetFetch', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 1 },
  { api: 'OffsetFetch', topic: 'orders', error: 'UNSTABLE_OFFSET_COMMIT', times: 1 },
  { api: 'OffsetCommit', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 1 },
  { api: 'ListOffsets', topic: 'orders', error: 'NOT_LEADER_OR_FOLLOWER', times: 1 },
  { api: 'Fetch', topic: 'orders', partition: 0, error: 'NOT_LEADER_OR_FOLLOWER', times: 2 },
  { api: 'Fetch', error: 'FETCH_SESSION_ID_NOT_FOUND', times: 1 },
  { api: 'Fetch', dropConnection: true, times: 1 },
  { api: 'Fetch', truncateAnswer: true, times: 1 },
  { api: 'Fetch', delayMs: 100, times: 1 },
  { api: 'EndTxn', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 1 },
  { api: 'EndTxn', error: 'CONCURRENT_TRANSACTIONS', when: 'after', times: 1 },
];

/** Makes it all go wrong; gives what has not been met yet, for the end. */
export function makeTrouble(broker: Broker): () => FaultOptions[] {
  const faults: [FaultOptions, Fault][] = troubles.map((options) => [options, broker.fault(options)]);
  return () => faults.filter(([, fault]) => !fault.isOver).map(([options]) => options);
}
