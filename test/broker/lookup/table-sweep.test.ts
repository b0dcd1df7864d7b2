import assert from 'node:assert/strict';
import { expect, it } from 'vitest';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { appendNow } from '../../storage/log/log-fixture.ts';
import { TableRun } from './table-run.ts';

function write(run: TableRun, key: string, value: string | null): void {
  const record = {
    timestampMs: run.clock.nowMs(),
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  };
  appendNow(run.log, buildBatch({ baseOffset: 0, records: [record] }));
}

it('an entry goes when the cleaner has taken its tombstone, or the log start has passed it', async () => {
  const run = new TableRun(new SeededRandom(1), { keys: 2 });
  for (const key of ['a', 'b', 'c']) write(run, key, 'here');
  write(run, 'b', null);
  await run.clock.settle();
  assert.equal(run.table.status.keys, 3);
  for (let pass = 0; pass < 3; pass++) {
    write(run, 'other', `${pass}`);
    await run.log.roll();
    await run.clock.until(run.compacted.pass({ nowMs: run.clock.nowMs() }));
    await run.clock.advance(2_000);
  }
  expect(run.offsetsInLog()).not.toContain(3);
  assert.equal(run.table.status.keys, 3);
  await run.clock.until(run.log.deleteRecordsBefore(2));
  await run.clock.settle();
  assert.equal(run.table.status.keys, 2);
});

it('an entry of a stored table goes when its tombstone has come and gone meanwhile', async () => {
  const run = new TableRun(new SeededRandom(1), { keys: 2 });
  for (const key of ['a', 'b', 'c']) write(run, key, 'here');
  await run.clock.settle();
  await run.restart(async () => {
    write(run, 'b', null);
    for (let pass = 0; pass < 3; pass++) {
      write(run, 'other', `${pass}`);
      await run.log.roll();
      await run.clock.until(run.compacted.pass({ nowMs: run.clock.nowMs() }));
      await run.clock.advance(2_000);
    }
  });
  expect(run.offsetsInLog()).not.toContain(3);
  await run.clock.settle();
  assert.equal(run.storedUsed, 1);
  assert.equal(run.table.status.keys, 3);
});
