/** Directories that Apache Kafka 3.9 to 4.4 wrote are served as they are, at the level that they have, and go back to the Kafka that wrote them. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { buildProgram, runNode, startProgram } from '../../tools/program.ts';
import { hasCommand } from '../commands.ts';
import { eventually } from '../eventually.ts';
import { hasJava, runJavaSource, startKafka } from '../java/apache-kafka.ts';
import { type BrokerContent, contentOf } from './broker-content.ts';
import { finalizedFeatures } from './finalized-features.ts';
import { send } from './sample-content.ts';
import { snapshotsIn } from './snapshots-in.ts';

let program: Awaited<ReturnType<typeof buildProgram>>;
beforeAll(async () => {
  program = await buildProgram('kafka-versions-test');
});
afterAll(() => program.remove());

const source = fileURLToPath(new URL('Everything.java', import.meta.url));

interface Ports {
  /** Its controller has the next one. */
  readonly port: number;
  /** Where root comes in. */
  readonly passwordPort: number;
}

/** Its administration and, when asked, something of everything before. */
async function everything(ports: Ports, version: string, what: 'write' | 'describe'): Promise<string[]> {
  const args = [`127.0.0.1:${ports.port}`, what, `127.0.0.1:${ports.passwordPort}`];
  const { status, stdout, stderr } = await runJavaSource(source, args, version);
  expect(status, stderr).toBe(0);
  return stdout.trim().split('\n');
}

/** As `contentOf`, once the coordinators have loaded. */
function settled(port: number): Promise<BrokerContent> {
  return eventually(async () => {
    const content = await contentOf(port);
    expect(content.groups).toMatchObject({ readers: [expect.anything()], tills: [expect.anything()] });
    expect(content.transactions).toEqual([expect.stringMatching(/^till \d+ CompleteCommit$/)]);
    return content;
  });
}

/** Kafka writes a snapshot of its metadata now and then, and so do we, at each change. */
const kafkaProperties = ({ port, passwordPort }: Ports) => ({
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS;User:root',
  'metadata.log.max.record.bytes.between.snapshots': '3000',
  'log.retention.ms': '-1',
  'delegation.token.secret.key': 'secret',
  listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},PASSWORD://127.0.0.1:${passwordPort}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},PASSWORD://127.0.0.1:${passwordPort}`,
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORD:SASL_PLAINTEXT',
  'sasl.enabled.mechanisms': 'PLAIN',
  'listener.name.password.plain.sasl.jaas.config':
    'org.apache.kafka.common.security.plain.PlainLoginModule required user_root="secret";',
});

/** Each at the levels that its format gives, and the oldest also at the lowest that it knows. */
const written: readonly (readonly [version: string, features: Record<string, number>])[] = [
  ['3.9.1', { 'metadata.version': 7 }],
  ['3.9.1', {}],
  ['4.0.0', {}],
  ['4.1.1', {}],
  ['4.2.0', {}],
  ['4.4.0', {}],
];

test.for(written)('of Apache Kafka %s %o, and back', async ([version, features], context) => {
  skipUnless(context, hasJava() && hasCommand('mvn'), 'there is no java, or no Maven');
  const home = mkdtempSync(join(tmpdir(), 'kompakt-versions-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const ports = { port: await quietPort(), passwordPort: await quietPort() };
  const { port } = ports;
  const start = async () => {
    const kafka = await startKafka(home, port, kafkaProperties(ports), { version, features, heap: '256m' });
    onTestFinished(() => kafka.kill());
    return kafka;
  };
  const first = await start();
  const described = await everything(ports, version, 'write');
  const words = described.map((line) => line.split(' ')[0]);
  const number = (word: string) => words.filter((each) => each === word).length;
  expect([number('acl'), number('quota')]).toEqual([2, 2]);
  const isRecent = features['metadata.version'] === undefined;
  expect([number('scram'), number('token')]).toEqual(isRecent ? [1, 1] : [0, 0]);
  const recorded = await finalizedFeatures(port);
  // Eligible leader replicas (KIP-966) are on in a new cluster of 4.1 and later.
  expect(recorded.get('eligible.leader.replicas.version') ?? 0).toBe(version >= '4.1' ? 1 : 0);
  const before = await settled(port);
  const directory = join(home, 'data');
  const early = await runNode([program.path, 'adopt', directory, '--ignore-acls', '--port', '0']).ended;
  expect(early).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(/in use|another process|running/),
  });
  await first.stop();
  const snapshots = snapshotsIn(directory);
  expect(snapshots).not.toEqual([]);
  const logs = readdirSync(join(directory, 'in-snappy-0')).filter((name) => name.endsWith('.log'));
  expect(logs).toHaveLength(3);

  const often = ['--set', 'metadata.log.max.record.bytes.between.snapshots=1'];
  const args = ['adopt', directory, '--ignore-acls', '--no-http', '--port', '0', ...often];
  const ours = await startProgram([program.path, ...args, '--set', 'log.retention.ms=-1']);
  onTestFinished(async () => void (await ours.stop()));
  const ourPort = Number(ours.address.split(':').at(-1));
  expect(await settled(ourPort)).toEqual(before);
  const served = await finalizedFeatures(ourPort);
  for (const [name, level] of served) expect(level, name).toBeLessThanOrEqual(recorded.get(name) ?? 0);
  expect(served.get('metadata.version')).toBe(recorded.get('metadata.version'));
  for (const topic of ['in-lz4', 'made-here']) await send(ourPort, topic, ['from us']);
  const after = await settled(ourPort);
  await eventually(() => expect(snapshotsIn(directory).at(-1)! > snapshots.at(-1)!).toBe(true));
  expect(await ours.stop()).toMatchObject({ code: 0 });

  const again = await start();
  expect(await settled(port)).toEqual(after);
  expect(await everything(ports, version, 'describe')).toEqual(described);
  await again.stop();
});

test('neither of two log.dirs is adopted, by name, and nothing is written', async (context) => {
  skipUnless(context, hasJava() && hasCommand('mvn'), 'there is no java, or no Maven');
  const home = mkdtempSync(join(tmpdir(), 'kompakt-jbod-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const directories = [join(home, 'data'), join(home, 'more')] as const;
  const properties = { 'log.dirs': directories.join() };
  const kafka = await startKafka(home, await quietPort(), properties, { heap: '256m' });
  onTestFinished(() => kafka.kill());
  await kafka.stop();
  for (const [directory, reason] of [
    [directories[0], /REFUSED: .*data is one of 2 log\.dirs of its broker \(JBOD\)/],
    [directories[1], /more has no metadata log \(__cluster_metadata-0\)/],
  ] as const) {
    const before = readdirSync(directory, { recursive: true });
    const { code, out, err } = await runNode([program.path, 'adopt', directory, '--port', '0']).ended;
    expect({ code, out }, err).toEqual({ code: 1, out: '' });
    expect(err).toMatch(reason);
    expect(readdirSync(directory, { recursive: true })).toEqual(before);
  }
});
