import { expect, test } from 'vitest';
import {
  formatMetaProperties,
  identify,
  metaPropertiesFile,
  parseMetaProperties,
} from '../../../storage/directory/meta-properties.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';

/** As `kafka-storage format` of 4.3.1 left it. */
const kafkas =
  '#\n#Sun Nov 22 21:54:41 UTC 2026\nnode.id=1\ndirectory.id=jUVpEpoZO6hicvnMfGaeOQ\nversion=1\n' +
  'cluster.id=673u-z6oT82gktlfYSur-w\n';

const parsed = {
  version: 1 as const,
  clusterId: '673u-z6oT82gktlfYSur-w',
  nodeId: 1,
  directoryId: 'jUVpEpoZO6hicvnMfGaeOQ',
};

test("Kafka's file is read, and written byte for byte", () => {
  expect(parseMetaProperties(kafkas)).toEqual(parsed);
  expect(formatMetaProperties(parsed, Date.UTC(2026, 10, 22, 21, 54, 41))).toBe(kafkas);
});

test("a file of ZooKeeper's time has a broker.id and keeps its version", () => {
  const old = 'broker.id=7\ncluster.id=anything goes\n';
  expect(parseMetaProperties(old)).toEqual({
    version: 0,
    clusterId: 'anything goes',
    nodeId: 7,
    directoryId: null,
  });
});

test.each([
  ['version=2\n', 'has the unknown version 2'],
  ['version=1\ncluster.id=x\n', 'has no node.id'],
  ['version=1\ncluster.id=x\nnode.id=one\n', 'has the node.id one, which is not a number'],
  ['version=1\nnode.id=1\n', 'has no cluster.id'],
  ['version=1\nnode.id=1\ncluster.id=x\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n', 'cannot be one'],
  ['version=1\nnode.id=1\ncluster.id=x\ndirectory.id=short\n', 'cannot be one'],
  ['version=\\u1\n', 'cannot be read'],
  ['', 'has no broker.id'],
])('%j is refused', (text, problem) => {
  expect((parseMetaProperties(text) as { problem: string }).problem).toContain(problem);
});

function prepared(content: string | null) {
  const environment = simulatedEnvironment();
  const { files } = environment;
  files.makeDirectorySync('/data');
  if (content !== null) files.replaceFileSync(`/data/${metaPropertiesFile}`, Buffer.from(content));
  const randomBytes = (count: number): Buffer => environment.random.bytes(count);
  return { files, wanted: { nodeId: 1, nowMs: environment.clock.nowMs(), randomBytes } };
}

test('an empty directory gets an identity, which stays', () => {
  const { files, wanted } = prepared(null);
  const made = identify(files, '/data', wanted);
  expect(made).toMatchObject({ version: 1, nodeId: 1 });
  expect(made).toMatchObject({
    clusterId: expect.stringMatching(/^[\w-]{22}$/),
    directoryId: expect.any(String),
  });
  expect(identify(files, '/data', wanted)).toEqual(made);
  expect(files.listSync('/data')).toEqual([metaPropertiesFile]);
});

test('a given cluster id is taken', () => {
  const { files, wanted } = prepared(null);
  expect(identify(files, '/data', { ...wanted, clusterId: 'mine' })).toMatchObject({ clusterId: 'mine' });
  const other = identify(files, '/data', { ...wanted, clusterId: 'other' });
  expect(other).toEqual({ problem: 'belongs to cluster mine; this is cluster other' });
});

test('a directory id that is missing is added, the rest stays', () => {
  const { files, wanted } = prepared('broker.id=1\ncluster.id=old\n');
  const identity = identify(files, '/data', wanted);
  expect(identity).toMatchObject({
    version: 0,
    clusterId: 'old',
    nodeId: 1,
    directoryId: expect.any(String),
  });
  const text = files.readFileSync(`/data/${metaPropertiesFile}`).toString();
  expect(text).toContain('broker.id=1\n');
  expect(identify(files, '/data', wanted)).toEqual(identity);
});

test("another node's directory is refused and left alone", () => {
  const { files, wanted } = prepared(kafkas);
  expect(identify(files, '/data', { ...wanted, nodeId: 2 })).toEqual({
    problem: 'belongs to node 1; this is node 2 (node.id)',
  });
  expect(files.readFileSync(`/data/${metaPropertiesFile}`).toString()).toBe(kafkas);
  expect(identify(files, '/data', wanted)).toEqual(parsed);
});
