/** What is under way when a broker stops goes on the same way whether it was ours or Apache Kafka, and whichever comes next. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { buildProgram } from '../../tools/program.ts';
import { hasJava } from '../java/apache-kafka.ts';
import { graduated, kafkaOn } from './moves.ts';
import { beginWork, finishWork } from './open-work.ts';

let program: Awaited<ReturnType<typeof buildProgram>>;
beforeAll(async () => {
  program = await buildProgram('open-work-test');
});
afterAll(() => program.remove());

/** Both look for transactions whose time is over every so many milliseconds. */
const settings = ['transaction.abort.timed.out.transaction.cleanup.interval.ms=200'];

test('a producer goes on with its sequence, open transactions end, are fenced or time out, and a member stays', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const home = mkdtempSync(join(tmpdir(), 'kompakt-graduation-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const dataDir = join(home, 'data');
  const ours = await startBroker({ dataDir });
  const toKafka = await beginWork(ours.port, 'to Kafka');
  await ours.stop();

  const port = await quietPort();
  await graduated({ program: program.path, from: dataDir, port, settings });
  const first = await kafkaOn(dataDir, port);
  onTestFinished(() => first.kill());
  const fromUs = await finishWork(port, toKafka);
  const toItself = await beginWork(port, 'to itself', fromUs.numbered);
  await first.stop();

  const second = await kafkaOn(dataDir, port);
  onTestFinished(() => second.kill());
  const fromItself = await finishWork(port, toItself);
  const toUs = await beginWork(port, 'to us', fromItself.numbered);
  await second.stop();

  const again = await startBroker({ dataDir });
  onTestFinished(() => again.stop());
  const fromKafka = await finishWork(again.port, toUs);
  const story: typeof fromKafka.story = {
    groupHeartbeat: 'NONE',
    producer: {
      again: 'NONE at its own offset',
      forgotten: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      tooFar: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      next: 1,
    },
    ended: ['NONE', 'NONE'],
    epochsLater: 1,
    goesOn: 'NONE',
    endsAgain: 'NONE',
    begun: 'NONE',
    begunEpochsLater: 2,
    fencedSend: 'INVALID_PRODUCER_EPOCH',
    fencedEnd: 'PRODUCER_FENCED',
    timedOut: 'CompleteAbort',
    lateSend: 'INVALID_PRODUCER_EPOCH',
  };
  expect({ fromItself: fromItself.story, fromUs: fromUs.story, fromKafka: fromKafka.story }).toEqual({
    fromItself: story,
    fromUs: story,
    fromKafka: story,
  });
});
