import { expect, test } from 'vitest';
import type { Reply } from '../../../broker/network/connection.ts';
import { deferred, frame, frameHandler } from './frames.ts';
import { memoryNetwork } from './memory-network.ts';

test('waiting requests cost what they are as objects, however short their frames', async () => {
  const waiting: ((reply: Reply) => void)[] = [];
  const { connect, clock } = await memoryNetwork(
    frameHandler((_text, connection) => {
      connection.requestElements = 1_000_000;
      const { promise, resolve } = deferred<Reply>();
      waiting.push(resolve);
      return promise;
    }),
  );
  const client = connect();
  for (let index = 0; index < 5; index++) client.send(frame(`${index}`));
  await clock.settle();
  expect(waiting).toHaveLength(2);
  waiting[0]!([frame('0')]);
  await clock.settle();
  expect(waiting).toHaveLength(3);
});
