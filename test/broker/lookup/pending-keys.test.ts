import { expect, test } from 'vitest';
import { hashSeedBytes, KeyHasher } from '../../../broker/lookup/key-map-hash.ts';
import { PendingKeys, pendingOffsetsMax } from '../../../broker/lookup/pending-keys.ts';
import { Slices } from '../../../broker/lookup/slices.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { batchOf, expectAppended } from '../world.ts';
import { bytes, openLookupWorld, told } from './lookup-world.ts';

/** A transaction stays open, and others write, commit and abort behind it: so much that it gets a map. */
test('the newest record behind an open transaction is found as if all of it were read', async () => {
  const at = await openLookupWorld();
  const { clock } = at.world;
  const partition = await at.table('t');
  const random = new SeededRandom(7);
  const hanging = await TransactionClient.ready(at.world, 2, 'hanging');
  const others = [
    await TransactionClient.ready(at.world, 2, 'a'),
    await TransactionClient.ready(at.world, 2, 'b'),
  ];
  const keys = Array.from({ length: 40 }, (_, n) => `key-${n}`);
  expectAppended(partition.append(batchOf(['key-1=old', 'only=old']), { origin: 'client' }));
  await hanging.send('t-0', 'key-0=hanging');
  await at.done(at.lookups.get('t', bytes('only')));
  const table = at.tables.open('t');
  const [of] = table.partitions;
  const pending = new PendingKeys(of!, new KeyHasher(random.bytes(hashSeedBytes)), new Slices(clock));
  const all = [...keys, 'only', 'never'].map((key) => table.hash(bytes(key)));
  let prepared = 0;
  for (let n = 0; n < 400; n++) {
    const records = Array.from({ length: 1 + random.below(30) }, (_, k) => `${random.pick(keys)}=${n}-${k}`);
    const timestampMs = clock.nowMs();
    if (random.chance(0.6))
      expectAppended(partition.append(batchOf(records, { timestampMs }), { origin: 'client' }));
    else await random.pick(others).send('t-0', ...records);
    if (random.chance(0.1)) await random.pick(others).end(random.chance(0.5));
    if (n % 20 !== 0) continue;
    const waiting = pending.prepare();
    if (waiting) prepared++;
    await at.done(Promise.resolve(waiting));
    for (const hash of all) {
      const [found, expected] = [await pending.newest(hash), await of!.newestPending(hash)];
      expect(found && told(found), `step ${n}`).toBe(expected && told(expected));
    }
  }
  expect(partition.endOffset - of!.indexedOffset).toBeGreaterThan(3 * pendingOffsetsMax);
  expect(prepared).toBeGreaterThan(2);
  await hanging.abort();
  for (const other of others) await other.commit();
  await clock.settle();
  expect(pending.prepare()).toBeUndefined();
  expect(told((await pending.newest(all.at(-2)!))!)).toBe('1 only=old');
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
});
