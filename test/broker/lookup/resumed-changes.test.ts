import { expect, it } from 'vitest';
import { LookupConnectionError } from '../../../broker/lookup/connection-error.ts';
import { type Change, LookupRefused } from '../../../broker/lookup/lookup.ts';
import { type ResumeParts, resumedChanges } from '../../../broker/lookup/resumed-changes.ts';

const live = (position: string): Change => ({ kind: 'live', position });
const lost = new LookupConnectionError('the connection is closed');

/** Connections that come one after the other: what each tells, and how it ends; 'none': there is nobody. */
type Connection =
  | 'none'
  | { readonly tells: readonly string[]; readonly ends: Error | null; readonly lastsMs?: number };

function streamOf(connections: readonly Connection[], more: Partial<ResumeParts> = {}) {
  let nowMs = 0;
  const asked: (string | undefined)[] = [];
  const waited: number[] = [];
  const heard: (string | null)[] = [];
  const changes = resumedChanges({
    async *open(after, opened) {
      const connection = connections[asked.push(after) - 1] ?? 'none';
      if (connection === 'none') throw lost;
      opened();
      for (const position of connection.tells) yield live(position);
      nowMs += connection.lastsMs ?? 0;
      if (connection.ends) throw connection.ends;
    },
    after: undefined,
    reconnectMs: 10_000,
    onLost: ({ position }) => heard.push(position),
    signal: undefined,
    patience: {
      nowMs: () => nowMs,
      wait: async (delayMs) => {
        waited.push(delayMs);
        nowMs += delayMs;
      },
    },
    isClosed: () => false,
    ...more,
  });
  return { changes, asked, waited, heard };
}

async function all(changes: AsyncIterable<Change>): Promise<{ told: string[]; error: unknown }> {
  const told: string[] = [];
  try {
    for await (const { position } of changes) told.push(position);
    return { told, error: null };
  } catch (error) {
    return { told, error };
  }
}

const stopping = new LookupRefused({ reason: 'stopping' }, 'the broker is stopping');

it('a stream goes on behind its last event, over connections that were lost and brokers that stopped', async () => {
  const { changes, asked, waited, heard } = streamOf([
    { tells: ['a', 'b'], ends: lost },
    'none',
    'none',
    { tells: [], ends: stopping },
    { tells: ['c'], ends: null },
  ]);
  expect(await all(changes)).toEqual({ told: ['a', 'b', 'c'], error: null });
  expect(asked).toEqual([undefined, 'b', 'b', 'b', 'b']);
  // Slower and slower, until there was one.
  expect(waited).toEqual([100, 200, 400, 800]);
  expect(heard).toEqual(['b']);
});

it('ends with the position to go on from when there is no broker for too long', async () => {
  const { changes, waited } = streamOf([{ tells: ['a'], ends: lost }]);
  const { told, error } = await all(changes);
  expect(told).toEqual(['a']);
  expect(error).toBeInstanceOf(LookupConnectionError);
  expect(error).toMatchObject({ position: 'a', cause: lost });
  expect(waited.reduce((sum, ms) => sum + ms)).toBeLessThanOrEqual(10_000);
  expect(waited.at(-1)).toBe(2_000);
});

it('has its patience anew after a connection that lasted, though nothing came', async () => {
  const { changes, waited, heard } = streamOf([
    { tells: ['a'], ends: lost },
    { tells: [], ends: lost, lastsMs: 60_000 },
    { tells: ['b'], ends: null },
  ]);
  expect(await all(changes)).toEqual({ told: ['a', 'b'], error: null });
  expect(waited).toEqual([100, 100]);
  expect(heard).toEqual(['a', 'a']);
});

it('does not wait where nobody wants it, and passes on every other end', async () => {
  const at = { tells: ['a'], ends: lost };
  const once = streamOf([at], { reconnectMs: 0 });
  expect((await all(once.changes)).error).toMatchObject({ position: 'a' });
  const closed = streamOf([at], { isClosed: () => true, after: 'z' });
  expect((await all(closed.changes)).told).toEqual(['a']);
  expect([...once.waited, ...closed.waited, ...once.heard]).toEqual([]);
  const gone = new LookupRefused({ reason: 'unknown-topic' }, 'deleted');
  expect((await all(streamOf([{ tells: [], ends: gone }]).changes)).error).toBe(gone);
  const early = streamOf([], { reconnectMs: 0, after: 'z' });
  expect((await all(early.changes)).error).toMatchObject({ position: 'z' });
});

it('stops waiting when its signal says so', async () => {
  const abort = new AbortController();
  const { changes } = streamOf([{ tells: ['a'], ends: lost }], {
    signal: abort.signal,
    patience: { nowMs: () => 0, wait: async () => abort.abort(new Error('enough')) },
  });
  expect(await all(changes)).toMatchObject({ told: ['a'], error: new Error('enough') });
});
