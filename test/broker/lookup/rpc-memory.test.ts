import { expect, it } from 'vitest';
import type { ServedLookups, Written } from '../../../broker/lookup/lookup.ts';
import { callsBytesMax, LookupCalls } from '../../../broker/lookup/rpc-calls.ts';
import { lookupProtocol } from '../../../protocol/lookup/service.ts';
import { MiB } from '../../../storage/config/define.ts';
import { keepingLogger } from '../network/frames.ts';
import { callFrame } from './rpc-world.ts';

/** A store whose disk takes its time, and a connection that is read while nobody has said pause. */
async function slowStore() {
  const writing: { done(): void }[] = [];
  const put = (): Promise<Written> =>
    new Promise((resolve) => {
      writing.push({ done: () => resolve({ topicId: 't', partition: 0, offset: 0, timestampMs: 0 }) });
    });
  const state = { isPaused: false, replies: 0 };
  const calls = new LookupCalls({
    protocol: await lookupProtocol(),
    lookups: { put } as unknown as ServedLookups,
    logger: keepingLogger(),
    callBytesMax: 100 * MiB,
    connection: {
      send: () => {
        state.replies++;
        return true;
      },
      pause: () => {
        state.isPaused = true;
      },
      resume: () => {
        state.isPaused = false;
      },
      destroy: () => {},
    },
  });
  return { calls, writing, state };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('calls that are not over have so many bytes on a connection; then nothing more is read', async () => {
  const { calls, writing, state } = await slowStore();
  const key = Buffer.from('4711');
  const sent = async (id: number, value: Buffer) =>
    calls.received(await callFrame({ id, put: { topic: 'articles', key, value } }));
  const value = Buffer.alloc(MiB);
  let count = 0;
  while (!state.isPaused) await sent(++count, value);
  await turn();
  expect(count * MiB).toBeGreaterThanOrEqual(callsBytesMax);
  expect((count - 1) * MiB).toBeLessThanOrEqual(callsBytesMax);
  expect(writing).toHaveLength(count);
  for (const { done } of writing.splice(0, 2)) done();
  await turn();
  expect(state.isPaused).toBe(false);
  // However large one is, it is taken; those behind it wait.
  await sent(1_000, Buffer.alloc(40 * MiB));
  expect(state.isPaused).toBe(true);
  for (const { done } of writing) done();
  await turn();
  for (const { done } of writing) done();
  await turn();
  expect(state.isPaused).toBe(false);
  // Small ones are bounded by their number.
  for (let id = 2_000; id < 3_000; id++) await sent(id, key);
  expect(state.isPaused).toBe(false);
});
