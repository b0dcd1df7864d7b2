/** A directory of ours goes to Apache Kafka, which writes on in it, and comes back: nothing is lost or other on the way. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { buildProgram, runNode } from '../../tools/program.ts';
import { hasJava, startKafkaUnder } from '../java/apache-kafka.ts';
import { settledContent, write } from './sample-content.ts';

let program: Awaited<ReturnType<typeof buildProgram>>;
beforeAll(async () => {
  program = await buildProgram('graduation-test');
});
afterAll(() => program.remove());

/** Warnings and errors, one each. */
function complaints(output: string): string[] {
  return output.split('\n').filter((line) => line !== '');
}

test.for(['4.3.1', '4.4.0'])(
  'Apache Kafka %s has every record, offset, config and transaction, and so have we of what it wrote',
  async (version, context) => {
    skipUnless(context, hasJava(), 'there is no java');
    const home = mkdtempSync(join(tmpdir(), 'kompakt-graduation-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
    const dataDir = join(home, 'ours');
    const graduated = join(home, 'theirs');
    const ours = await startBroker({ dataDir });
    onTestFinished(() => ours.stop());
    await write(ours.port, 'ours');
    const before = await settledContent(ours.port);
    await ours.stop();

    const port = await quietPort();
    const listeners = `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`;
    const args = ['graduate', '--data-dir', dataDir, '--to', graduated, '--set', listeners];
    const { code, err, out } = await runNode([program.path, ...args]).ended;
    expect({ code, err }, out).toEqual({ code: 0, err: '' });
    expect(readFileSync(join(graduated, 'server.properties'), 'utf8')).toContain(`127.0.0.1:${port + 1}`);

    const kafka = await startKafkaUnder(join(graduated, 'server.properties'), port, {
      version,
      heap: '512m',
    });
    onTestFinished(() => kafka.kill());
    expect(await settledContent(port)).toEqual(before);
    await write(port, 'theirs');
    const after = await settledContent(port);
    expect(after).not.toEqual(before);
    await kafka.stop();
    // And once more, on what it has stopped itself: what it says then is what any start and stop of it says.
    const itself = await startKafkaUnder(join(graduated, 'server.properties'), port, {
      version,
      heap: '512m',
    });
    onTestFinished(() => itself.kill());
    expect(await settledContent(port)).toEqual(after);
    await itself.stop();
    const usual = complaints(itself.output());
    expect(complaints(kafka.output()).filter((line) => !usual.includes(line))).toEqual([]);

    const again = await startBroker({ dataDir: graduated });
    onTestFinished(() => again.stop());
    expect(await settledContent(again.port)).toEqual(after);
    await write(again.port, 'again');
    await expect(startKafkaUnder(join(graduated, 'server.properties'), port, { version })).rejects.toThrow(
      'Failed to acquire lock',
    );
    expect((await settledContent(again.port)).topics).not.toEqual(after.topics);
    expect(existsSync(join(dataDir, 'server.properties'))).toBe(false);
  },
);
