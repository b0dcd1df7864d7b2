import assert from 'node:assert/strict';
import { beforeAll, expect, it } from 'vitest';
import { loadCodecs } from '../../compaction/history.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { TableRun } from './table-run.ts';

beforeAll(loadCodecs);

async function written(seed: number): Promise<TableRun> {
  const run = new TableRun(new SeededRandom(seed), { keys: 40 });
  await run.write(60);
  await run.history.endAll(run.log);
  await run.check();
  return run;
}

it('after a clean stop only what is new is read', async () => {
  const run = await written(1);
  await run.restart(() => run.write(3));
  let first = -1;
  const { read } = run.log;
  run.log.read = (offset, options) => {
    if (options.upTo === 'stable' && first < 0) first = offset;
    return read.call(run.log, offset, options);
  };
  await run.clock.settle();
  assert.equal(run.storedUsed, 1);
  expect(first).toBeGreaterThan(100);
  await run.check();
});

it('is not written again where nothing has changed', async () => {
  const run = await written(2);
  await run.restart();
  await run.check();
  const before = run.files.operations.length;
  await run.restart();
  const opened = run.files.operations.slice(before).filter(({ path }) => path.startsWith(run.storedPath));
  assert.ok(opened.every(({ path }) => !path.endsWith('.tmp')));
  await run.check();
  assert.equal(run.storedUsed, 2);
});

it('a disk without room costs the table, not the stop', async () => {
  const run = await written(3);
  run.files.limitSpace(200);
  await run.clock.until(run.table.close());
  run.files.limitSpace(Number.POSITIVE_INFINITY);
  assert.equal(run.files.statSync(run.storedPath), null);
  assert.equal(run.files.statSync(`${run.storedPath}.tmp`), null);
  await run.restart();
  await run.check();
  assert.equal(run.storedUsed, 0);
});

it('is not used after a crash', async () => {
  const run = await written(4);
  await run.restart();
  await run.write(5);
  await run.crash();
  await run.check();
  assert.equal(run.storedUsed, 0);
});

it('a log that cannot be read gives no table, until it can', async () => {
  const run = await written(5);
  await run.restart(undefined, () => run.files.removeFileSync(run.storedPath));
  const rule = run.files.fail('read');
  await run.clock.settle();
  assert.equal(run.table.failure?.refusal.reason, 'storage');
  rule.stop();
  await run.write(1);
  await run.check();
  assert.equal(run.table.failure, null);
});

it('a log that could be read again is, when somebody asks some time later', async () => {
  const run = await written(6);
  await run.restart(undefined, () => run.files.removeFileSync(run.storedPath));
  const rule = run.files.fail('read');
  await run.clock.settle();
  rule.stop();
  run.table.retry();
  await run.clock.settle();
  assert.equal(run.table.failure?.refusal.reason, 'storage');
  await run.clock.advance(5_000);
  await run.clock.settle();
  assert.equal(run.table.failure?.refusal.reason, 'storage');
  run.table.retry();
  await run.check();
  assert.equal(run.table.failure, null);
});

it('is not used where the log was cut behind it and has grown again since', async () => {
  const run = await written(7);
  const { endOffset } = run.log;
  await run.restart(async () => {
    const left = new Set([...run.dataInLog()].filter((offset) => offset < 20));
    await run.clock.until(run.log.truncateTo(20));
    run.history.keepOnly((offset) => left.has(offset));
    run.history.forgetFrom(run.log);
    while (run.log.endOffset < endOffset + 50) await run.write(1);
  });
  await run.check();
  assert.equal(run.storedUsed, 0);
});

it('is not used where it is of another topic of the same name, or of nothing', async () => {
  const run = await written(8);
  for (const foreign of [
    (whole: Buffer) => whole.fill('A', 16, 38),
    (whole: Buffer) => whole.subarray(0, 40),
    () => Buffer.alloc(0),
    (whole: Buffer) => whole.fill(0),
  ]) {
    await run.restart(undefined, () => {
      const file = run.files.openSync(run.storedPath, 'update');
      const whole = Buffer.alloc(file.size);
      file.readSync(whole, 0, whole.length, 0);
      file.truncateSync(0);
      file.writeSync([foreign(whole)], 0);
      file.close();
    });
    await run.check();
    // So that the next stop writes it again.
    await run.write(1);
    await run.check();
  }
  assert.equal(run.storedUsed, 0);
});
