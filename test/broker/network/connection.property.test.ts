import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Reply } from '../../../broker/network/connection.ts';
import { CountedRegion, deferred, frame, frameHandler, framesIn } from './frames.ts';
import { memoryNetwork } from './memory-network.ts';

/** What happens to one request: how its answer is made, and how many rounds it takes. */
interface Plan {
  readonly rounds: number;
  readonly answer: 'memory' | 'region' | 'none';
  readonly bytes: number;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  rounds: fc.oneof(fc.constant(0), fc.nat(6)),
  answer: fc.constantFrom('memory', 'memory', 'region', 'none'),
  bytes: fc.oneof(fc.nat(40), fc.nat(400_000)),
});

const script = fc.record({
  plans: fc.array(plan, { minLength: 1, maxLength: 150 }),
  cuts: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 }),
  /** Rounds in which the client does not read. */
  pauses: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
  /** The client goes away in this round; null: never. */
  leavesIn: fc.option(fc.nat(12), { freq: 3 }),
});

function contentOf(index: number, { bytes }: Plan): string {
  return `${index}:${'x'.repeat(bytes)}`;
}

test('handlers start in arrival order, answers leave in it, regions are released once', async () => {
  await fc.assert(
    fc.asyncProperty(script, async ({ plans, cuts, pauses, leavesIn }) => {
      const started: number[] = [];
      const due: { round: number; finish: () => void }[] = [];
      const regions: CountedRegion[] = [];
      let round = 0;

      const replyTo = (index: number): Reply => {
        const { answer } = plans[index]!;
        if (answer === 'none') return null;
        const whole = frame(contentOf(index, plans[index]!));
        if (answer === 'memory') return [whole];
        const region = new CountedRegion(whole.subarray(4));
        regions.push(region);
        return [whole.subarray(0, 4), region];
      };
      const { connect, clock, network } = await memoryNetwork(
        frameHandler((text) => {
          const index = Number(text);
          started.push(index);
          const { rounds } = plans[index]!;
          if (rounds === 0) return replyTo(index);
          const { promise, resolve } = deferred<Reply>();
          due.push({ round: round + rounds, finish: () => resolve(replyTo(index)) });
          return promise;
        }),
      );

      const client = connect();
      const stream = Buffer.concat(plans.map((_plan, index) => frame(`${index}`)));
      for (let at = 0, piece = 0; at < stream.length; piece++) {
        const end = at + cuts[piece % cuts.length]!;
        client.send(stream.subarray(at, end));
        at = end;
      }
      const roundsMax = 10 * plans.length;
      for (; round < roundsMax; round++) {
        if (round === leavesIn) client.close();
        if (pauses[round % pauses.length]) client.pause();
        else client.resume();
        await clock.settle();
        for (const waiting of due.splice(0)) {
          if (waiting.round <= round) waiting.finish();
          else due.push(waiting);
        }
        if (due.length === 0 && (started.length === plans.length || client.isClosed)) break;
      }
      for (const { finish } of due) finish();
      client.resume();
      await clock.settle();

      expect(started).toEqual(plans.slice(0, started.length).map((_plan, index) => index));
      const expected = plans.flatMap((one, index) => (one.answer === 'none' ? [] : [contentOf(index, one)]));
      if (leavesIn === null) {
        expect(started).toHaveLength(plans.length);
        const got = framesIn(client.take());
        expect(got.length).toBe(expected.length);
        expect(got.every((text, index) => text === expected[index])).toBe(true);
      }
      const stopped = network.stop();
      await clock.settle();
      await stopped;
      expect(regions.filter(({ releases }) => releases !== 1)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
