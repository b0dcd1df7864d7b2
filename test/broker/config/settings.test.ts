import { describe, expect, test } from 'vitest';
import {
  type Configuration,
  readConfiguration,
  type SettingsSources,
} from '../../../broker/config/settings.ts';
import { parseAssignments, textsOf } from '../../../broker/config/sources.ts';
import { kafkaServerProperties } from './server-properties.ts';

function configured(sources: SettingsSources = {}): Configuration {
  const read = readConfiguration(sources);
  if (!read.ok) throw new Error(read.messages.join('\n'));
  return read.configuration;
}
const refusal = (sources: SettingsSources) => {
  const read = readConfiguration(sources);
  return read.ok ? [] : read.messages;
};
const file = (text: string) => ({ name: 'server.properties', text });
const set = (values: Record<string, string>) => new Map(Object.entries(values));

describe('layers', () => {
  test('default < file < flags < --set', () => {
    const text = 'num.partitions=2\nlisteners=PLAINTEXT://:1\nlog.dirs=/a';
    expect(configured().settings['num.partitions']).toBe(1);
    const read = configured({
      file: file(text),
      port: 3,
      dataDirectory: '/b',
      set: set({ 'num.partitions': '4' }),
    });
    expect(read.settings['num.partitions']).toBe(4);
    expect(read.settings.listeners).toEqual(['PLAINTEXT://:3']);
    expect(read.dataDirectory).toBe('/b');
  });

  test('--host and --port change the default address', () => {
    expect(configured({ port: 19092 }).settings.listeners).toEqual(['PLAINTEXT://localhost:19092']);
    expect(configured({ host: '0.0.0.0' }).settings.listeners).toEqual(['PLAINTEXT://0.0.0.0:9092']);
    expect(configured({ host: '::1', port: 0 }).listeners.open).toEqual([
      { name: 'PLAINTEXT', host: '::1', port: 0 },
    ]);
  });

  test('clients are told a host that somebody wrote, and how they came where nobody did', () => {
    const advertised = (sources: Parameters<typeof configured>[0]) => [
      ...configured(sources).listeners.advertised,
    ];
    expect(advertised({ port: 19092 })).toEqual([]);
    expect(advertised({ host: 'localhost', port: 19092 })).toEqual([
      ['PLAINTEXT', { host: 'localhost', port: 19092 }],
    ]);
    expect(advertised({ file: file('listeners=PLAINTEXT://broker:1'), port: 2 })).toEqual([
      ['PLAINTEXT', { host: 'broker', port: 2 }],
    ]);
  });

  test('a program has its own default address, which is no setting', () => {
    const sources = { defaultAddress: { host: '127.0.0.1', port: 0 } };
    expect(configured(sources).settings.listeners).toEqual(['PLAINTEXT://127.0.0.1:0']);
    expect(configured(sources).listeners.advertised.size).toBe(0);
    expect(configured({ ...sources, set: set({ listeners: 'PLAINTEXT://:5' }) }).settings.listeners).toEqual([
      'PLAINTEXT://:5',
    ]);
  });

  test('a data directory may have commas, blanks and other letters', () => {
    const dataDirectory = './my data, ünïcode';
    expect(configured({ dataDirectory }).dataDirectory).toBe(dataDirectory);
  });

  test('log.dir of --set hides log.dirs of the file', () => {
    expect(configured({ file: file('log.dirs=/a'), set: set({ 'log.dir': '/b' }) }).dataDirectory).toBe('/b');
    expect(configured({ file: file('log.dir=/a') }).dataDirectory).toBe('/a');
    expect(configured().dataDirectory).toBe('./kompakt-data');
  });

  test('broker.id and node.id are one', () => {
    expect(configured({ file: file('broker.id=7') }).settings['node.id']).toBe(7);
    expect(configured({ file: file('node.id=7') }).settings['broker.id']).toBe(7);
    expect(configured().settings['broker.id']).toBe(1);
    expect(refusal({ file: file('broker.id=7\nnode.id=8') })).toEqual([
      'node.id and broker.id must be equal; one of them is enough.',
    ]);
  });

  test('values of a program may be numbers, booleans and lists', () => {
    const texts = textsOf({
      'num.partitions': 3,
      'auto.create.topics.enable': false,
      'log.cleanup.policy': ['compact'],
    });
    expect(configured({ set: texts }).settings).toMatchObject({
      'num.partitions': 3,
      'auto.create.topics.enable': false,
      'log.cleanup.policy': ['compact'],
    });
  });
});

describe('refused', () => {
  test.each<[string, SettingsSources, RegExp]>([
    [
      'a contradiction about the address',
      { port: 1, set: set({ listeners: 'PLAINTEXT://:2' }) },
      /--port and --set listeners/,
    ],
    [
      'the same with the host',
      { host: 'h', set: set({ listeners: 'PLAINTEXT://:2' }) },
      /--host and --set listeners/,
    ],
    [
      'a contradiction about the directory',
      { dataDirectory: '/a', set: set({ 'log.dirs': '/b' }) },
      /--data-dir and --set log\.dirs/,
    ],
    [
      'a port for several listeners',
      {
        port: 1,
        file: file('listeners=A://:1,B://:2\nlistener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT'),
      },
      /need one listener for clients/,
    ],
    [
      'an unknown key',
      { set: set({ 'log.segmnt.bytes': '1' }) },
      /Unknown key log\.segmnt\.bytes in --set \(did you mean log\.segment\.bytes\?\)/,
    ],
    ['an unknown key without a near one', { set: set({ 'entirely.different.words': '1' }) }, /in --set$/],
    [
      'an unknown key in a file',
      { file: file('nmu.partitions=1') },
      /in server\.properties \(did you mean num\.partitions\?\)/,
    ],
    [
      'a topic key',
      { set: set({ 'segment.bytes': '1' }) },
      /its default for all topics is log\.segment\.bytes/,
    ],
    ['a name that every object has', { set: set({ constructor: '1' }) }, /Unknown key constructor/],
    [
      'a wrong value',
      { set: set({ 'num.partitions': '0' }) },
      /Invalid value 0 for configuration num\.partitions: the value must be at least 1\./,
    ],
    [
      'a wrong type',
      { set: set({ 'num.partitions': 'many' }) },
      /Invalid value many .* not a number of type int/,
    ],
    ['a broken file', { file: file('a=\\u12') }, /server\.properties, line 1/],
    [
      'several directories',
      { set: set({ 'log.dirs': '/a,/b' }) },
      /log\.dirs=\/a,\/b is refused: there is one log directory/,
    ],
    [
      'a controller alone',
      { set: set({ 'process.roles': 'controller' }) },
      /process\.roles=controller is refused/,
    ],
    ['an authorizer', { set: set({ 'authorizer.class.name': 'x.Y' }) }, /access control is not served yet/],
    [
      'remote storage',
      { set: set({ 'remote.log.storage.system.enable': 'true' }) },
      /there is no remote storage/,
    ],
    ['a config provider', { set: set({ 'config.providers': 'file' }) }, /no config providers/],
    ['voters of another node', { set: set({ 'controller.quorum.voters': '2@h:1' }) }, /must name this node/],
    ['log.retention.ms=0', { set: set({ 'log.retention.ms': '0' }) }, /-1 \(for ever\) or at least 1/],
    ['log.roll.ms=0', { set: set({ 'log.roll.ms': '0' }) }, /log\.roll\.ms must be at least 1/],
    ['log.roll.jitter.ms=-1', { set: set({ 'log.roll.jitter.ms': '-1' }) }, /must not be negative/],
    [
      'a small cleaner buffer',
      { set: set({ 'log.cleaner.dedupe.buffer.size': '1048576' }) },
      /more than 1 MiB/,
    ],
    [
      'a small request queue',
      { set: set({ 'queued.max.request.bytes': '5' }) },
      /not be smaller than socket\.request/,
    ],
    ['no connections at all', { set: set({ 'max.connections.per.ip': '0' }) }, /only together with/],
    [
      'a short idle time',
      { set: set({ 'connections.max.idle.ms': '50' }) },
      /must be smaller than connections\.max\.idle\.ms/,
    ],
    [
      'a long fetch wait',
      { set: set({ 'replica.fetch.wait.max.ms': '60000' }) },
      /replica\.socket\.timeout\.ms/,
    ],
    [
      'group bounds',
      { set: set({ 'group.share.max.session.timeout.ms': '5' }) },
      /must not be larger than group\.share\.max/,
    ],
    [
      'a heartbeat as long as a session',
      {
        set: set({
          'group.consumer.max.heartbeat.interval.ms': '90000',
          'group.consumer.heartbeat.interval.ms': '45000',
        }),
      },
      /heartbeat\.interval\.ms must be smaller than group\.consumer\.session/,
    ],
    ['a negative node id', { set: set({ 'broker.id': '-5' }) }, /must not be negative/],
  ])('%s', (_name, sources, message) => {
    expect(refusal(sources).join('\n')).toMatch(message);
  });

  test('everything that is wrong is told at once', () => {
    expect(
      refusal({ set: set({ 'num.partitions': '0', 'fetch.max.bytes': 'x', 'log.dirs': '/a,/b' }) }),
    ).toHaveLength(3);
    expect(refusal({ file: file('a=1\nb=2') })).toHaveLength(2);
  });

  test('a secret is not in the message', () => {
    const messages = refusal({ set: set({ 'ssl.keystore.password': 'hunter2', 'num.partitions': 'x' }) });
    expect(messages.join()).not.toContain('hunter2');
  });
});

describe('--set', () => {
  test('key=value, and the value may have = in it', () => {
    expect(parseAssignments(['a=b=c', 'd=', 'e= f '])).toEqual({
      ok: true,
      set: set({ a: 'b=c', d: '', e: ' f ' }),
    });
  });

  test.each([['a'], ['=b'], ['']])('%o is none', (assignment) => {
    expect(parseAssignments([assignment])).toMatchObject({ ok: false });
  });

  test('twice with different values is a contradiction', () => {
    expect(parseAssignments(['a=1', 'a=1'])).toMatchObject({ ok: true });
    expect(parseAssignments(['a=1', 'a=2'])).toEqual({
      ok: false,
      message: '--set a is given twice, as 1 and as 2',
    });
  });
});

describe('what has no effect', () => {
  test("Kafka's own server.properties starts, and what is ignored is told once, grouped", () => {
    const configuration = configured({ file: file(kafkaServerProperties) });
    expect(configuration.dataDirectory).toBe('/tmp/kraft-combined-logs');
    expect(configuration.listeners.open).toEqual([{ name: 'PLAINTEXT', host: null, port: 9092 }]);
    const ignored = Object.fromEntries(configuration.ignoredKeys().map(({ reason, keys }) => [reason, keys]));
    const reasons = Object.keys(ignored);
    for (const reason of reasons) expect(reason).toMatch(/^ignored because /);
    expect(ignored['ignored because one event loop does the work of these threads']).toEqual([
      'num.network.threads',
      'num.io.threads',
      'num.recovery.threads.per.data.dir',
    ]);
    expect(reasons.filter((reason) => reason.includes('CONTROLLER'))).toHaveLength(1);
    const keys = Object.values(ignored).flat();
    expect(new Set(keys).size).toBe(keys.length);
    for (const name of ['log.retention.hours', 'num.partitions', 'log.dirs', 'node.id'])
      expect(keys).not.toContain(name);
  });

  test('it starts on another port and directory, too', () => {
    const configuration = configured({
      file: file(kafkaServerProperties),
      port: 19092,
      dataDirectory: './here',
    });
    expect(configuration.listeners.open).toEqual([{ name: 'PLAINTEXT', host: null, port: 19092 }]);
    expect(configuration.dataDirectory).toBe('./here');
  });

  test('keys that Kafka 4 has dropped are ignored', () => {
    const text = 'zookeeper.connect=localhost:2181\nlog.message.format.version=3.0';
    expect(configured({ file: file(text) }).ignoredKeys()).toEqual([
      {
        reason: 'ignored because Apache Kafka 4 has no such key any more',
        keys: ['zookeeper.connect', 'log.message.format.version'],
      },
    ]);
  });

  test('keys of one listener are ignored with the reason of their key', () => {
    const text =
      'listener.name.plaintext.ssl.keystore.location=/x\nlistener.name.a.scram-sha-256.sasl.jaas.config=y';
    expect(
      configured({ file: file(text) })
        .ignoredKeys()
        .map(({ keys }) => keys),
    ).toEqual([
      ['listener.name.plaintext.ssl.keystore.location'],
      ['listener.name.a.scram-sha-256.sasl.jaas.config'],
    ]);
    expect(refusal({ file: file('listener.name.a.nothing=y') })).toHaveLength(1);
  });

  test('nothing given, nothing ignored', () => {
    expect(configured().ignoredKeys()).toEqual([]);
  });
});

describe('dynamic configs', () => {
  test('this broker < all brokers < given at start, and settings change in place', () => {
    const configuration = configured({ set: set({ 'message.max.bytes': '1' }) });
    const { settings } = configuration;
    const value = () => settings['message.max.bytes'];
    configuration.setDynamic('all-brokers', set({ 'message.max.bytes': '2' }));
    expect(value()).toBe(2);
    configuration.setDynamic('this-broker', set({ 'message.max.bytes': '3' }));
    expect(value()).toBe(3);
    configuration.setDynamic('all-brokers', set({}));
    expect(value()).toBe(3);
    configuration.setDynamic('this-broker', set({}));
    expect(value()).toBe(1);
    expect(configuration.settings).toBe(settings);
  });

  test('listeners hear what changed, and nothing when nothing did', () => {
    const configuration = configured();
    const heard: string[][] = [];
    const forget = configuration.onChange((changed) => heard.push([...changed]));
    configuration.setDynamic('all-brokers', set({ 'max.connections': '5', 'num.io.threads': '8' }));
    configuration.setDynamic('this-broker', set({ 'max.connections': '5' }));
    configuration.setDynamic('all-brokers', set({}));
    configuration.setDynamic('this-broker', set({}));
    forget();
    configuration.setDynamic('this-broker', set({ 'max.connections': '6' }));
    expect(heard).toEqual([['max.connections'], ['max.connections']]);
  });

  test('topic defaults follow, topics keep their own', () => {
    const configuration = configured();
    const own = set({ 'retention.ms': '9' });
    configuration.setDynamic('all-brokers', set({ 'log.retention.ms': '5', 'log.segment.bytes': '2000000' }));
    expect(configuration.topicDefaults).toMatchObject({ 'retention.ms': 5, 'segment.bytes': 2_000_000 });
    expect(configuration.topicSettings(own)).toMatchObject({ 'retention.ms': 9, 'segment.bytes': 2_000_000 });
    expect(configuration.topicSettings(set({}))).toBe(configuration.topicDefaults);
  });

  test('a dynamic value hides the rest of its chain below', () => {
    const configuration = configured({ set: set({ 'log.retention.hours': '2' }) });
    expect(configuration.topicDefaults['retention.ms']).toBe(7_200_000);
    configuration.setDynamic('all-brokers', set({ 'log.retention.ms': '5' }));
    expect(configuration.topicDefaults['retention.ms']).toBe(5);
    configuration.setDynamic('all-brokers', set({}));
    expect(configuration.topicDefaults['retention.ms']).toBe(7_200_000);
  });

  test('what may not be dynamic, or cannot be read, has no effect', () => {
    const configuration = configured();
    configuration.setDynamic(
      'all-brokers',
      set({ 'num.partitions': '5', 'max.connections': 'x', 'no.such.key': '1' }),
    );
    configuration.setDynamic('all-brokers', set({ listeners: 'PLAINTEXT://:1' }));
    expect(configuration.settings).toEqual(configured().settings);
  });
});
