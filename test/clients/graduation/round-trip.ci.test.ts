/** A directory of ours goes to Apache Kafka, which writes on in it, and comes back: nothing is lost or other on the way. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { buildProgram } from '../../tools/program.ts';
import { hasJava } from '../java/apache-kafka.ts';
import type { BrokerContent } from './broker-content.ts';
import { beginTransaction, decide } from './cut-off.ts';
import { graduated, kafkaOn, separateCopy } from './moves.ts';
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

/** What a start of ours makes of a directory. */
async function startedAnew(dataDir: string, copy: string): Promise<BrokerContent> {
  separateCopy(dataDir, copy);
  const ours = await startBroker({ dataDir: copy });
  const content = await settledContent(ours.port);
  await ours.stop();
  for (const partitions of Object.values(content.topics))
    if (typeof partitions !== 'number')
      for (const { stable, latest } of partitions) expect(stable).toBe(latest);
  return content;
}

test.for(['4.3.1', '4.4.0'])(
  'Apache Kafka %s has every record, offset, config and transaction, and so have we of what it wrote',
  async (version, context) => {
    skipUnless(context, hasJava(), 'there is no java');
    const home = mkdtempSync(join(tmpdir(), 'kompakt-graduation-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
    const dataDir = join(home, 'ours');
    const theirs = join(home, 'theirs');
    const ours = await startBroker({ dataDir });
    onTestFinished(() => ours.stop());
    await write(ours.port, 'ours');
    await settledContent(ours.port);
    await beginTransaction(ours.port, 'commits', 'plain', [0, 1, 2]);
    await beginTransaction(ours.port, 'aborts', 'payments', [0]);
    await ours.stop();
    const ends = { commits: 'commit', aborts: 'abort' } as const;
    await decide(dataDir, new Map(Object.entries(ends)));
    const before = await startedAnew(dataDir, join(home, 'copy'));

    const port = await quietPort();
    const said = await graduated({ program: program.path, from: dataDir, to: theirs, port });
    expect(said).toMatch(/^note: transactions whose end is decided, and not yet everywhere: .*commits/m);
    expect(readFileSync(join(theirs, 'server.properties'), 'utf8')).toContain(`127.0.0.1:${port + 1}`);

    const kafka = await kafkaOn(theirs, port, version);
    onTestFinished(() => kafka.kill());
    expect(await settledContent(port)).toEqual(before);
    await write(port, 'theirs');
    const after = await settledContent(port);
    expect(after).not.toEqual(before);
    await kafka.stop();
    // And once more, on what it has stopped itself: what it says then is what any start and stop of it says.
    const itself = await kafkaOn(theirs, port, version);
    onTestFinished(() => itself.kill());
    expect(await settledContent(port)).toEqual(after);
    await itself.stop();
    const usual = complaints(itself.output());
    expect(complaints(kafka.output()).filter((line) => !usual.includes(line))).toEqual([]);

    const again = await startBroker({ dataDir: theirs });
    onTestFinished(() => again.stop());
    expect(await settledContent(again.port)).toEqual(after);
    await write(again.port, 'again');
    await expect(kafkaOn(theirs, port, version)).rejects.toThrow('Failed to acquire lock');
    expect((await settledContent(again.port)).topics).not.toEqual(after.topics);
    expect(existsSync(join(dataDir, 'server.properties'))).toBe(false);
  },
);
