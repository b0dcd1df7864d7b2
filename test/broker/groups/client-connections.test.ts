import { expect, test } from 'vitest';
import { ClientConnections } from '../../../broker/groups/client-connections.ts';
import { FakeConnection } from '../caller.ts';

/** A connection of the client that reads so many partitions. */
function reading(clients: ClientConnections, partitionCount: number): FakeConnection {
  const connection = new FakeConnection();
  connection.latestFetch = Array.from({ length: partitionCount }, (_, partition) => ({
    ...{ topic: 't', topicId: '', partition },
  }));
  clients.opened('client', connection);
  return connection;
}

test('what closed connections have read is remembered up to a bound, the latest first', () => {
  const clients = new ClientConnections(() => 0);
  reading(clients, 1);
  const isRead = (partition: number) =>
    clients.isReading('client', (one) => one.partition === partition, { sinceMs: 0, untilMs: 0 });
  reading(clients, 10).close();
  // Another process of the client, which read the first partition too, has died at that moment.
  expect(isRead(0)).toBe(false);
  reading(clients, 199_999).close();
  reading(clients, 1_000_000).close();
  expect(isRead(0)).toBe(true);
});
