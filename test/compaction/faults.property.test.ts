import assert from 'node:assert/strict';
import { beforeAll, describe, it } from 'vitest';
import { FileError, type FileErrorCode } from '../../storage/environment/files.ts';
import type { FileOperation } from '../simulation/fault-rules.ts';
import { directory } from '../storage/log/log-fixture.ts';
import { checkLog } from './check-log.ts';
import { loadCodecs } from './history.ts';
import { Prepared, type Run } from './prepared-log.ts';

/**
 * A disk that fails one call of a pass, each in its turn, or runs full in the midst of it. Either nothing has happened, and the next pass
 * works; or the log is offline, can be read, and the next start finds it as before or as after.
 */
const faults: readonly (readonly [FileOperation, FileErrorCode])[] = [
  ['open', 'EMFILE'],
  ['open', 'EIO'],
  ['read', 'EIO'],
  ['write', 'EIO'],
  ['sync', 'EIO'],
  ['truncate', 'EIO'],
  ['rename', 'EIO'],
  ['rename', 'ENOSPC'],
  ['remove', 'EIO'],
  ['sync directory', 'EIO'],
  ['sync directory', 'ENOSPC'],
];

const firstSeed = Number(process.env['KOMPAKT_SEED'] ?? 1010);
const seeds = Array.from({ length: Number(process.env['KOMPAKT_RUNS'] ?? 1) }, (_, n) => firstSeed + n);

function leftovers(run: Run): string[] {
  return run.files.listSync(directory).filter((name) => /\.(cleaned|swap|sources)$/.test(name));
}

beforeAll(loadCodecs);

describe.each(faults)('a %s that fails with %s', (operation, code) => {
  it.each(seeds)('harms neither log %i nor the next pass', async (seed) => {
    const prepared = await Prepared.make(seed);
    for (let n = 0, struck = true; struck; n++) {
      const run = prepared.copy();
      const rule = run.files.fail(operation).after(n).times(1).with(code);
      const outcome = await run.pass().catch((error) => error as Error);
      struck = rule.hits > 0;
      rule.stop();
      const what = `call ${n}: ${outcome instanceof Error ? outcome.message : outcome?.kind}`;
      assert.ok(!(outcome instanceof Error) || outcome instanceof FileError, what);
      checkLog(run.log, run.history);
      if (!run.log.isOffline) await checkGoesOn(run, what);
      const next = run.next(run.files.afterKill(), 0);
      assert.deepEqual(leftovers(next), [], what);
      await checkGoesOn(next, what);
    }
  });
});

async function makeDirty({ log, history }: Run): Promise<void> {
  for (let n = 0; n < 5; n++) assert.ok(await history.step(log));
  await history.endAll(log);
  await log.roll();
}

async function checkGoesOn(run: Run, what: string): Promise<void> {
  await makeDirty(run);
  checkLog(run.log, run.history);
  const outcome = await run.pass();
  assert.equal(outcome?.kind, 'cleaned', what);
  assert.deepEqual(leftovers(run), [], what);
  checkLog(run.log, run.history);
}

it.each(seeds)('a disk that runs full while log %i is cleaned', async (seed) => {
  const prepared = await Prepared.make(seed);
  for (let bytes = 0, fits = false; !fits; bytes += 50) {
    const run = prepared.copy();
    run.files.limitSpace(bytes);
    const outcome = await run.pass().catch((error) => error as Error);
    fits = !(outcome instanceof Error);
    assert.ok(fits || (outcome instanceof FileError && outcome.code === 'ENOSPC'), String(outcome));
    assert.deepEqual(leftovers(run), []);
    assert.equal(run.log.isOffline, false);
    checkLog(run.log, run.history);
    run.files.limitSpace(Number.POSITIVE_INFINITY);
    await checkGoesOn(run, `with room for ${bytes} bytes`);
  }
});

/** The bytes of the first read, kept as the network keeps them until they are sent. */
function beginRead({ log }: Run) {
  const read = log.read(log.logStartOffset, { maxBytes: 10_000, minOneBatch: true, upTo: 'high-watermark' });
  assert.ok(read.ok && read.regions.length > 0);
  const [region] = read.regions;
  const bytes = () => {
    const buffer = Buffer.alloc(region!.byteLength);
    region!.file.readSync(buffer, 0, buffer.length, region!.position);
    return buffer;
  };
  return { bytes, expected: bytes(), release: () => region!.release() };
}

describe.each([false, true])('with Windows rules %s', (windowsRules) => {
  it.each(seeds)('who is sending old segments of log %i sends them to the end', async (seed) => {
    const prepared = await Prepared.make(seed);
    const run = prepared.copy(windowsRules);
    await makeDirty(run);
    const readers = [beginRead(run)];
    for (let n = 0; n < 3; n++) {
      assert.equal((await run.pass())?.kind, 'cleaned');
      readers.push(beginRead(run));
      await makeDirty(run);
      await run.clock.advance(n === 1 ? 100_000 : 10);
      for (const { bytes, expected } of readers) assert.deepEqual(bytes(), expected);
    }
    for (const { release } of readers) release();
    await run.clock.advance(100_000);
    assert.deepEqual(
      run.files.listSync(directory).filter((name) => name.endsWith('.deleted')),
      [],
    );
    checkLog(run.log, run.history);
  });
});
