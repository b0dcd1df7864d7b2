/** What `graduate` writes for Apache Kafka: the configurations of three brokers, and where their replicas go. */
import { expect, test } from 'vitest';
import { readConfiguration } from '../../../broker/config/settings.ts';
import { type KafkaNodesOptions, kafkaNodesFor, replicasOn } from '../../../broker/moving.ts';
import { parseProperties } from '../../../storage/directory/java-properties.ts';

/** The properties of each node, for these of Kompakt's. */
function nodesFor(given: Readonly<Record<string, string>>, joining?: KafkaNodesOptions['joining']) {
  const read = readConfiguration({ set: new Map(Object.entries(given)) });
  if (!read.ok) throw new Error(read.messages.join());
  const nodes = kafkaNodesFor({ configuration: read.configuration, nodeId: 1, directory: '/data', joining });
  return nodes.map(({ fileName, text, bootstrapServers, controller }) => {
    const properties: Record<string, string> = Object.fromEntries(parseProperties(text));
    return { fileName, bootstrapServers, controllerPort: controller.port, properties };
  });
}

test('three brokers on one machine lie ten ports apart, and all know where all controllers are', () => {
  const [first, ...others] = nodesFor({ 'log.retention.hours': '5', 'kompakt.durability': 'fsync' });
  const quorum = 'localhost:9093,localhost:9103,localhost:9113';
  expect(first).toMatchObject({ fileName: 'server.properties', bootstrapServers: 'localhost:9092' });
  expect(first!.properties).toMatchObject({
    'log.dirs': '/data',
    'offsets.topic.replication.factor': '1',
    'log.retention.hours': '5',
    'controller.quorum.bootstrap.servers': quorum,
  });
  expect(others).toEqual(
    [2, 3].map((id) => {
      const [port, controllerPort] = [9072 + 10 * id + 10, 9073 + 10 * id + 10];
      const listeners = `PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`;
      return {
        fileName: `server-${id}.properties`,
        bootstrapServers: `localhost:${port}`,
        controllerPort,
        properties: {
          'process.roles': 'broker,controller',
          'node.id': `${id}`,
          'controller.quorum.bootstrap.servers': quorum,
          'controller.listener.names': 'CONTROLLER',
          listeners,
          'advertised.listeners': listeners,
          'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
          'log.dirs': `/data-${id}`,
          'group.initial.rebalance.delay.ms': '0',
          'log.retention.hours': '5',
        },
      };
    }),
  );
});

test('brokers on other machines listen there at the distances that the first one has, on every interface if it does', () => {
  const joining = [
    { host: 'b', port: 9092 },
    { host: '::1', port: 9192 },
  ] as const;
  const listeners = 'INSIDE://0.0.0.0:9092,OUTSIDE://:19092,CONTROLLER://0.0.0.0:9093';
  const given = {
    listeners,
    'advertised.listeners': 'INSIDE://a:9092,OUTSIDE://public:443',
    'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INSIDE',
  };
  const [first, second] = nodesFor(given, joining);
  expect(first!.properties).toMatchObject({
    listeners,
    'advertised.listeners': 'INSIDE://a:9092,OUTSIDE://public:443,CONTROLLER://a:9093',
    'controller.quorum.bootstrap.servers': 'a:9093,b:9093,[::1]:9193',
    'inter.broker.listener.name': 'INSIDE',
  });
  expect(second!.properties).toMatchObject({
    listeners,
    'advertised.listeners': 'INSIDE://b:9092,OUTSIDE://b:443,CONTROLLER://b:9093',
  });
  expect(() => nodesFor(given, [joining[0], { host: 'c', port: 60_000 }])).toThrow(
    /keeps the distances between the ports of this one's listeners, and 19092 would become 70000/,
  );
});

test('near the end of the ports they go the other way', () => {
  const ports = nodesFor({ listeners: 'PLAINTEXT://localhost:65530' }).map((each) => each.bootstrapServers);
  expect(ports).toEqual(['localhost:65530', 'localhost:65520', 'localhost:65510']);
});

test('each partition that is here has its replicas on all nodes, led by one after the other', () => {
  const partition = (index: number, replica = 1) => ({ index, replicas: [replica] }) as never;
  const state = {
    nodeId: 1,
    topics: () =>
      [
        { name: 'a"b', partitions: [partition(0), undefined, partition(2), partition(3, 7)] } as never,
      ].values(),
  };
  const { fileName, text } = replicasOn(state, [1, 2, 3]);
  expect(fileName).toBe('replicas-1-2-3.json');
  expect(JSON.parse(text)).toMatchObject({
    version: 1,
    partitions: [
      { topic: 'a"b', partition: 0, replicas: [1, 2, 3] },
      { topic: 'a"b', partition: 2, replicas: [2, 3, 1] },
    ],
  });
});
