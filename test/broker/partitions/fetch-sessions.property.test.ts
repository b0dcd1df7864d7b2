/**
 * A client that only hears what a session tells it knows, after every answer, what a client that asks for everything every time
 * knows: records up to its limits, watermarks, log starts and errors. In between records are written and deleted, and topics come
 * and go.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Asked, type FetchAnswer, fetchNow, valuesOf } from '../apis/data/fetch-client.ts';
import { appendNow, World } from '../world.ts';

type Step =
  | { readonly kind: 'write' | 'read' | 'cut' | 'forget' | 'skip'; readonly index: number }
  | { readonly kind: 'replace' };

const partitionCount = 4;
const index = fc.nat(partitionCount - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), index }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('cut', 'forget', 'skip'), index }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'replace' as const }) },
);

/** What a client knows of a partition. */
interface Known {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly values: readonly string[];
}

class Client {
  readonly world: World;
  readonly version: number;
  readonly offsets = new Map<number, number>();
  readonly known = new Map<number, Known>();
  /** Said since the last answer. */
  changed = new Set<number>();
  forgotten = new Set<number>();
  session: [number, number] = [0, 0];

  constructor(world: World, version: number) {
    this.world = world;
    this.version = version;
    for (let n = 0; n < partitionCount; n++) this.want(n, 0);
  }

  want(partition: number, offset: number): void {
    this.offsets.set(partition, offset);
    this.changed.add(partition);
    this.forgotten.delete(partition);
  }

  forget(partition: number): void {
    this.offsets.delete(partition);
    this.known.delete(partition);
    this.changed.delete(partition);
    this.forgotten.add(partition);
  }

  async fetch(): Promise<void> {
    if (this.session[1] > 0 && this.offsets.size === 0) return;
    const asked: Asked = Object.fromEntries([...this.changed].map((n) => [`t-${n}`, this.offsets.get(n)!]));
    const answer = await fetchNow(this.world, asked, {
      version: this.version,
      session: this.session,
      forget: [...this.forgotten].map((n) => `t-${n}`),
    });
    expect(answer.errorCode).toBe(0);
    this.session = [answer.sessionId, this.session[1] + 1];
    this.changed = new Set();
    this.forgotten = new Set();
    // Records are told anew with each answer, the rest stays until it changes.
    for (const [n, known] of this.known) this.known.set(n, { ...known, values: [] });
    for (const [n, told] of knownFrom(answer)) this.known.set(n, told);
  }

  /** What it would know had it asked for everything. */
  async everything(): Promise<Map<number, Known>> {
    if (this.offsets.size === 0) return new Map();
    const asked = Object.fromEntries([...this.offsets].map(([n, offset]) => [`t-${n}`, offset]));
    return knownFrom(await fetchNow(this.world, asked, { version: this.version }));
  }
}

function knownFrom(answer: FetchAnswer): Map<number, Known> {
  const known = new Map<number, Known>();
  for (const { partitions } of answer.responses) {
    for (const { partitionIndex, errorCode, highWatermark, logStartOffset, records } of partitions)
      known.set(partitionIndex, { errorCode, highWatermark, logStartOffset, values: valuesOf(records!) });
  }
  return known;
}

test('what a session tells adds up to everything', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const world = await World.open();
      await world.topic('t', partitionCount);
      const client = new Client(world, 12);
      let written = 0;
      for (const each of steps) {
        if (each.kind === 'replace') {
          await world.deleteTopic('t');
          await world.topic('t', partitionCount);
        } else {
          const partition = world.partitions.get('t', each.index)!;
          const values = client.known.get(each.index)?.values ?? [];
          if (each.kind === 'write') appendNow(partition, `${written++}`);
          else if (each.kind === 'cut') await partition.log.deleteRecordsBefore(-1);
          else if (each.kind === 'forget') client.forget(each.index);
          else if (each.kind === 'skip') client.want(each.index, partition.endOffset);
          else client.want(each.index, (client.offsets.get(each.index) ?? 0) + values.length);
        }
        await client.fetch();
        expect(new Map([...client.known].sort())).toEqual(new Map([...(await client.everything())].sort()));
        if (client.offsets.size === 0) client.session = [0, 0];
      }
      expect(world.regions).toMatchObject({ open: 0, releasedTwice: 0 });
      await world.stop();
    }),
    { numRuns: 60 },
  );
});
