/** Whatever bytes come in, in whatever pieces: they are answered or cost the connection, and nothing else happens. */
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { LookupCalls } from '../../../broker/lookup/rpc-calls.ts';
import { type LookupProtocol, lookupProtocol } from '../../../protocol/lookup/service.ts';
import { keepingLogger } from '../network/frames.ts';
import { FakeLookups } from './fake-lookups.ts';
import { callFrame } from './rpc-world.ts';

let protocol: LookupProtocol;
let calls: Buffer[];

beforeAll(async () => {
  protocol = await lookupProtocol();
  const key = Buffer.from('4711');
  const topic = 'articles';
  const messages = [
    { get: { topic, key } },
    { get: { topic, key, options: { partition: 0, waitMs: 0 } }, isCancellable: true },
    { getMany: { topic, keys: [key, key] } },
    { page: { topic, prefix: key, limit: 3 } },
    { history: { topic, key } },
    { put: { topic, key, value: key, headers: [{ name: 'a', value: null }], hasIfMatch: true } },
    { changes: { topic } },
    { tables: {} },
    { cancel: {} },
    { taken: { bytes: 1 } },
  ];
  calls = await Promise.all(messages.map((message, i) => callFrame({ id: (i % 7) + 1, ...message })));
});

it('broken frames never throw, and a connection that was given up gets nothing more', async () => {
  const change = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
  const stream = fc.record({
    order: fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 20 }),
    changes: fc.array(change, { maxLength: 3 }),
    cuts: fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(stream, async ({ order, changes, cuts }) => {
      const bytes = Buffer.concat(order.map((i) => calls[i]!));
      for (const { at, value } of changes) bytes[at % bytes.length] = value;
      const lookups = new FakeLookups();
      lookups.add('4711', Buffer.from('shoe'));
      let isGivenUp = false;
      let sent = 0;
      const served = new LookupCalls({
        protocol,
        lookups,
        logger: keepingLogger(),
        callBytesMax: 1_000,
        connection: {
          send: (chunks) => {
            sent += chunks.length;
            return true;
          },
          pause: () => {},
          resume: () => {},
          destroy: () => {
            isGivenUp = true;
            served.closed();
          },
        },
      });
      for (let from = 0, i = 0; from < bytes.length && !isGivenUp; i++) {
        const to = from + (cuts[i % cuts.length] ?? bytes.length);
        served.received(bytes.subarray(from, to));
        from = to;
      }
      const before = sent;
      await new Promise((done) => setImmediate(done));
      if (isGivenUp) expect(sent).toBe(before);
      served.closed();
      await new Promise((done) => setImmediate(done));
      expect(lookups.openStreams).toBe(0);
    }),
  );
});
