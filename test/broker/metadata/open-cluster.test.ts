import { describe, expect, test } from 'vitest';
import { MetadataWriteError } from '../../../broker/metadata/metadata-journal.ts';
import { clientQuotaRecord } from '../../../broker/metadata/records/client-quotas.ts';
import { featureLevelRecord } from '../../../broker/metadata/records/features.ts';
import { encodeMetadataRecord } from '../../../broker/metadata/records/index.ts';
import {
  abortTransactionRecord,
  beginTransactionRecord,
  endTransactionRecord,
} from '../../../broker/metadata/records/metadata-transactions.ts';
import { partitionRecord, topicRecord } from '../../../broker/metadata/records/topics.ts';
import { MetadataRefused } from '../../../broker/metadata/refusals.ts';
import { isControl, partitionLeaderEpoch } from '../../../protocol/records/batch.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { buildControlBatch, controlTypes } from '../../../protocol/records/control.ts';
import { leaderChangeMessage } from '../../../protocol/records/control-schemas.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import { recordDecoder } from '../../../protocol/schema/compile.ts';
import { Reader } from '../../../protocol/wire/reader.ts';
import type { Environment } from '../../../storage/environment/environment.ts';
import { faultyEnvironment, simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import {
  dataDirectory,
  metadataDirectory,
  newTopic,
  open,
  recordsInLog,
  snapshotOf,
} from './cluster-fixture.ts';

const segment = `${metadataDirectory}/00000000000000000000.log`;

describe('the first start', () => {
  test('formats the directory as Kafka would have it', async () => {
    const cluster = await open();
    const { files } = cluster.environment;
    const meta = files.readFileSync(`${dataDirectory}/meta.properties`).toString();
    expect(meta).toMatch(/^node\.id=1$/m);
    expect(meta).toMatch(/^version=1$/m);
    expect(meta).toContain(`cluster.id=${cluster.state.clusterId}`);
    expect(meta).toContain(`directory.id=${cluster.state.directoryId}`);
    expect(cluster.state.clusterId).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
    expect(files.readFileSync(`${metadataDirectory}/quorum-state`).toString()).toBe(
      '{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}',
    );
    expect(files.readFileSync(`${metadataDirectory}/partition.metadata`).toString()).toBe(
      'version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ',
    );
    expect(cluster.state.epoch).toBe(1);
    expect(Object.fromEntries(cluster.state.features.levels)).toEqual({
      'metadata.version': 30,
      'transaction.version': 2,
    });
  });

  test('begins with LeaderChange, the feature level and the registration of this broker', async () => {
    const cluster = await open({ settings: { 'broker.rack': 'r1' } });
    const bytes = cluster.environment.files.readFileSync(segment);
    expect(isControl(bytes, 0)).toBe(true);
    expect(partitionLeaderEpoch(bytes, 0)).toBe(1);
    const leaderChange = recordDecoder(leaderChangeMessage, 0)(new Reader(readRecords(bytes, 0)[0]!.value!));
    expect(leaderChange).toMatchObject({
      leaderId: 1,
      voters: [{ voterId: 1 }],
      grantingVoters: [{ voterId: 1 }],
    });
    expect(recordsInLog(cluster)).toMatchObject([
      { kind: 'featureLevelRecord', offset: 1, record: { name: 'metadata.version', featureLevel: 30 } },
      { kind: 'featureLevelRecord', offset: 2, record: { name: 'transaction.version', featureLevel: 2 } },
      {
        kind: 'registerBrokerRecord',
        version: 4,
        offset: 3,
        record: {
          brokerId: 1,
          brokerEpoch: 3,
          fenced: true,
          rack: 'r1',
          endPoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
          logDirs: [cluster.state.directoryId],
        },
      },
      { kind: 'brokerRegistrationChangeRecord', record: { brokerId: 1, brokerEpoch: 3, fenced: -1 } },
    ]);
    expect(cluster.state.brokerEpoch).toBe(3);
  });

  test('each start is one epoch later; a clean stop fences the broker', async () => {
    const first = await open();
    const { environment } = first;
    expect(await first.close()).toBe(true);
    expect(recordsInLog(first).at(-1)).toMatchObject({
      kind: 'brokerRegistrationChangeRecord',
      record: { fenced: 1 },
    });
    const second = await open({ environment });
    expect(second.state.epoch).toBe(2);
    expect(second.state.clusterId).toBe(first.state.clusterId);
    expect(environment.files.readFileSync(`${metadataDirectory}/quorum-state`).toString()).toContain(
      '"leaderEpoch":2',
    );
    expect(recordsInLog(second).filter(({ kind }) => kind === 'featureLevelRecord')).toHaveLength(2);
    await second.close();
    expect(environment.files.readFileSync(`${metadataDirectory}/leader-epoch-checkpoint`).toString()).toBe(
      '0\n2\n1 0\n2 6\n',
    );
  });

  test('what was created is there after a stop, and after a crash', async () => {
    const first = await open();
    const { environment } = first;
    await first.controller.createTopics([newTopic('orders', { numPartitions: 3 })], { validateOnly: false });
    const before = snapshotOf(first.state);
    const second = await open({ environment });
    expect(snapshotOf(second.state)).toEqual(before);
    await second.close();
    expect(snapshotOf((await open({ environment })).state)).toEqual(before);
  });
});

describe('a directory is refused, and nothing in it is changed,', () => {
  async function refusal(
    environment: Environment,
    options: Parameters<typeof open>[0] = {},
  ): Promise<MetadataRefused> {
    const before = contents(environment);
    const error = await open({ ...options, environment }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(MetadataRefused);
    expect(contents(environment)).toEqual(before);
    return error as MetadataRefused;
  }

  async function formatted(): Promise<Environment> {
    const cluster = await open();
    await cluster.controller.createTopics([newTopic('orders')], { validateOnly: false });
    await cluster.close();
    return cluster.environment;
  }

  function append(environment: Environment, values: Buffer[]): void {
    const bytes = environment.files.readFileSync(segment);
    const records = values.map((value) => ({ timestampMs: 1, key: null, value }));
    const batch = buildBatch({ baseOffset: 1000, leaderEpoch: 1, records });
    environment.files.openSync(segment, 'update').writeSync([batch], bytes.length);
  }

  test('when it belongs to another node or cluster', async () => {
    const environment = await formatted();
    expect((await refusal(environment, { nodeId: 2 })).message).toBe(
      '/data belongs to node 1, but node.id=2 is asked for',
    );
    expect((await refusal(environment, { clusterId: 'other' })).reason).toBe('identity');
  });

  test('when a later Kafka wrote it', async () => {
    const environment = await formatted();
    const level = { name: 'metadata.version', featureLevel: 34 };
    append(environment, [encodeMetadataRecord(featureLevelRecord, 0, level)]);
    expect(await refusal(environment)).toMatchObject({
      reason: 'metadata-unknown',
      message: "the directory's metadata.version is at level 34, known here from 7 to 33",
    });
  });

  test.each([
    ['an unknown record type', Buffer.from([1, 99, 0, 0])],
    ['an unknown record version', Buffer.from([1, 2, 7, 0])],
    ['an unknown frame', Buffer.from([2, 2, 0, 0])],
  ])('when it holds %s', async (_what, value) => {
    const environment = await formatted();
    append(environment, [value]);
    const { reason, message } = await refusal(environment);
    expect(reason).toBe('metadata-unknown');
    expect(message).toContain('at offset 1000');
  });

  test('when partitions are there without metadata', async () => {
    const environment = simulatedEnvironment();
    environment.files.makeDirectorySync(`${dataDirectory}/orders-0`);
    expect((await refusal(environment)).message).toContain('orders-0');
  });

  test('when an earlier segment is damaged', async () => {
    const environment = await formatted();
    environment.files.openSync(segment, 'update').truncateSync(200);
    environment.files.openSync(`${metadataDirectory}/00000000000000000100.log`, 'create').close();
    expect((await refusal(environment)).reason).toBe('metadata-damaged');
  });

  test('when the log begins behind its newest snapshot', async () => {
    const environment = await formatted();
    environment.files.renameSync(segment, `${metadataDirectory}/00000000000000000100.log`);
    expect((await refusal(environment)).message).toContain('begins at offset 100');
  });

  test('when a snapshot has no end and the log does not hold what it would', async () => {
    const environment = await formatted();
    environment.files.replaceFileSync(
      `${metadataDirectory}/00000000000000000500-0000000001.checkpoint`,
      headerOnly(),
    );
    expect((await refusal(environment)).message).toContain('0500-0000000001.checkpoint has no end');
  });
});

/** A snapshot of which only the beginning is there. */
function headerOnly(): Buffer {
  const value = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const type = controlTypes.snapshotHeader;
  return buildControlBatch({ type, value, baseOffset: 0, timestampMs: 1, leaderEpoch: 0 });
}

describe('reading', () => {
  test('a snapshot that is not whole is passed over, and removed, where the log holds all of it', async () => {
    const first = await open();
    const { environment } = first;
    await first.controller.createTopics([newTopic('orders')], { validateOnly: false });
    await first.close();
    const torn = `${metadataDirectory}/00000000000000000005-0000000001.checkpoint`;
    environment.files.replaceFileSync(torn, headerOnly());
    const second = await open({ environment });
    expect(second.state.topic('orders')).toBeDefined();
    expect(environment.files.statSync(torn)).toBeNull();
  });

  test('a torn tail is cut off, and what was synced before it stays', async () => {
    const first = await open();
    const { environment } = first;
    await first.controller.createTopics([newTopic('orders')], { validateOnly: false });
    const bytes = environment.files.readFileSync(segment);
    environment.files.openSync(segment, 'update').writeSync([bytes.subarray(0, 150)], bytes.length);
    const second = await open({ environment });
    expect(second.state.topic('orders')).toBeDefined();
    expect(second.log.endOffset).toBe(first.log.endOffset + 3);
  });

  test('a metadata transaction counts at its end, never after its abort, and one left open is aborted', async () => {
    const first = await open();
    const { environment, state } = first;
    const topic = (name: string, topicId: string) => [
      encodeMetadataRecord(topicRecord, 0, { name, topicId }),
      encodeMetadataRecord(partitionRecord, 2, {
        partitionId: 0,
        topicId,
        replicas: [1],
        isr: [1],
        removingReplicas: [],
        addingReplicas: [],
        leader: 1,
        leaderEpoch: 0,
        partitionEpoch: 0,
        directories: [state.directoryId],
      }),
    ];
    const begin = encodeMetadataRecord(beginTransactionRecord, 0, {});
    const append = async (...values: Buffer[]) =>
      first.log.append(
        buildBatch({ records: values.map((value) => ({ timestampMs: 1, key: null, value })) }),
        {
          origin: 'raft',
          leaderEpoch: 1,
        },
      );
    await append(begin, ...topic('kept', 'AAAAAAAAAAAAAAAAAAAAgA'));
    await append(encodeMetadataRecord(endTransactionRecord, 0, {}));
    await append(
      begin,
      ...topic('aborted', 'AAAAAAAAAAAAAAAAAAAAgg'),
      encodeMetadataRecord(abortTransactionRecord, 0, {}),
    );
    await append(begin, ...topic('open', 'AAAAAAAAAAAAAAAAAAAAhA'));
    const second = await open({ environment });
    expect([...second.state.topics()].map(({ name }) => name)).toEqual(['kept']);
    await second.controller.createTopics([newTopic('later')], { validateOnly: false });
    const third = await open({ environment });
    expect([...third.state.topics()].map(({ name }) => name)).toEqual(['kept', 'later']);
  });

  test('records of things that are not served are counted and stay', async () => {
    const first = await open();
    const { environment } = first;
    const quota = encodeMetadataRecord(clientQuotaRecord, 0, {
      entity: [{ entityType: 'user', entityName: 'ann' }],
      key: 'producer_byte_rate',
      value: 1,
      remove: false,
    });
    await first.log.append(buildBatch({ records: [{ timestampMs: 1, key: null, value: quota }] }), {
      origin: 'raft',
      leaderEpoch: 1,
    });
    const second = await open({ environment });
    expect([...second.state.kept.counts]).toEqual([['clientQuotaRecord', 1]]);
    expect(recordsInLog(second).map(({ kind }) => kind)).toContain('clientQuotaRecord');
  });
});

describe('a directory of another cluster', () => {
  test("its partitions become this node's alone where it has a replica, and stay as they are where not", async () => {
    const first = await open();
    const { environment, state } = first;
    const topicId = 'AAAAAAAAAAAAAAAAAAAAgA';
    const partition = (partitionId: number, replicas: number[], leader: number, isr: number[]) =>
      encodeMetadataRecord(partitionRecord, 2, {
        partitionId,
        topicId,
        replicas,
        isr,
        removingReplicas: [],
        addingReplicas: [],
        leader,
        leaderEpoch: 5,
        partitionEpoch: 9,
        directories: replicas.map((id) => (id === 1 ? state.directoryId : 'AAAAAAAAAAAAAAAAAAAAhA')),
      });
    const values = [
      encodeMetadataRecord(topicRecord, 0, { name: 'shared', topicId }),
      partition(0, [1], 1, [1]),
      partition(1, [1, 2], 1, [1, 2]),
      partition(2, [2, 1], 2, [2, 1]),
      partition(3, [2, 3], 2, [2, 3]),
      partition(4, [1], -1, []),
    ];
    await first.log.append(
      buildBatch({ records: values.map((value) => ({ timestampMs: 1, key: null, value })) }),
      { origin: 'raft', leaderEpoch: 1 },
    );
    const claimed = async () => {
      const { state: found } = await open({ environment });
      return found
        .topic('shared')!
        .partitions.map(({ leader, leaderEpoch, partitionEpoch, replicas, isr }) => [
          leader,
          leaderEpoch,
          partitionEpoch,
          replicas.join(),
          isr.join(),
        ]);
    };
    const expected = [
      [1, 5, 9, '1', '1'],
      [1, 5, 10, '1', '1'],
      [1, 6, 10, '1', '1'],
      [2, 5, 9, '2,3', '2,3'],
      [1, 6, 10, '1', '1'],
    ];
    expect(await claimed()).toEqual(expected);
    expect(await claimed()).toEqual(expected);
  });
});

describe('when the disk fails', () => {
  test('a start that cannot write its first batch ends with the error, and the next one is as good as the first', async () => {
    const environment = faultyEnvironment();
    environment.files.fail('write').on('*.log').with('ENOSPC').times(1);
    await expect(open({ environment })).rejects.toBeInstanceOf(MetadataWriteError);
    const cluster = await open({ environment });
    expect(cluster.state.epoch).toBe(2);
    expect(Object.fromEntries(cluster.state.features.levels)).toEqual({
      'metadata.version': 30,
      'transaction.version': 2,
    });
    expect(await cluster.close()).toBe(true);
  });

  test('a listener that fails does not keep the others from hearing, and its error is the answer', async () => {
    const { state, controller, changes } = await open();
    state.onChange((change) => {
      if (change.kind === 'topic-created') throw new Error('no room for the log');
    });
    const heard: string[] = [];
    state.onChange((change) => heard.push(change.kind));
    const create = () => controller.createTopics([newTopic('a')], { validateOnly: false });
    await expect(create()).rejects.toThrow('no room for the log');
    expect(heard).toEqual(['topic-created']);
    expect(changes).toHaveLength(1);
    expect((await create())[0]!.errorCode).toBe(36);
  });
});

function contents({ files }: Environment): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (directory: string): void => {
    if (files.statSync(directory) === null) return;
    for (const name of files.listSync(directory)) {
      const path = files.join(directory, name);
      if (files.statSync(path)?.kind === 'directory') {
        found[path] = 'directory';
        walk(path);
      } else found[path] = files.readFileSync(path).toString('base64');
    }
  };
  walk(dataDirectory);
  return found;
}
