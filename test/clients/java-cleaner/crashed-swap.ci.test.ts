/**
 * Apache Kafka's own start on what our swap of segments (storage/log/segment-swap.ts) has left when it was killed before each operation
 * that changes the disk: it recovers the records that our start recovers. The one exception stands there, too: `.sources.swap` means
 * nothing to Kafka, so a source behind the end of its new segment stays, until the next pass.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generousLimits } from '../../compaction/compacted-log.ts';
import { rawBatches } from '../../compaction/consumer.ts';
import { loadCodecs } from '../../compaction/history.ts';
import { Prepared, type Run } from '../../compaction/prepared-log.ts';
import { skipUnless } from '../../skip.ts';
import { directory as path } from '../../storage/log/log-fixture.ts';
import { hasCommand } from '../commands.ts';
import { describe } from './compare.ts';
import { type Directory, readDisk, readMemory, writeDisk } from './directories.ts';
import { KafkaCleaner, type LogState } from './kafka-cleaner.ts';
import { stateOf } from './our-log.ts';

/** `KOMPAKT_FIRST_SEED` gives other logs, `KOMPAKT_SEEDS` more of them. */
const first = Number(process.env.KOMPAKT_FIRST_SEED ?? 1);
const count = Number(process.env.KOMPAKT_SEEDS ?? 6);
const scratchHome = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** What the names of a directory say of how far a swap had come; segment-swap.ts has the steps. */
const stages: Readonly<Record<string, (has: (suffix: string) => boolean) => boolean>> = {
  'cleaned files, not all of them yet': (has) => has('.log.cleaned') && !has('.swap'),
  'step 0: sources named': (has) => has('.sources.cleaned'),
  'step 1: some names end in .swap, some in .cleaned': (has) => has('.swap') && has('.cleaned'),
  'step 2: announced': (has) => has('.log.swap') && !has('.cleaned') && !has('.deleted'),
  'step 3: sources on their way out': (has) => has('.log.swap') && has('.log.deleted'),
  'step 5: the log has its name, an index has not': (has) => !has('.log.swap') && has('index.swap'),
  'step 5: all have their names, but the list of sources': (has) =>
    !has('.log.swap') && !has('index.swap') && has('.sources.swap'),
  'step 6: settled, old files not yet unlinked': (has) => has('.deleted') && !has('.swap'),
};
const met = new Set<string>();
/** The exception. */
const broughtBack = 'a source that Kafka does not know for one';

let kafka: KafkaCleaner | undefined;
let scratch: string;
beforeAll(async () => {
  await loadCodecs();
  scratch = mkdtempSync(join(scratchHome, 'kompakt-crashed-swap-'));
});
afterAll(async () => {
  await kafka?.close();
  rmSync(scratch, { recursive: true });
});

function note(directory: Directory): void {
  const names = [...directory.keys()];
  for (const [stage, is] of Object.entries(stages))
    if (is((suffix) => names.some((name) => name.endsWith(suffix) || name.includes(`${suffix}.`))))
      met.add(stage);
}

interface Recovered {
  readonly state: LogState;
  readonly records: readonly string[];
}

interface ByKafka extends Recovered {
  /** Where it has worked. */
  readonly dir: string;
}

async function byUs(run: Run): Promise<Recovered> {
  return { state: stateOf(run.log), records: await describe(Buffer.concat(rawBatches(run.log))) };
}

async function byKafka(prepared: Prepared, left: Directory): Promise<ByKafka> {
  const dir = join(mkdtempSync(join(scratch, 'log-')), 'orders-3');
  writeDisk(dir, left);
  const { nowMs, settings } = prepared;
  const state = await kafka!.state({ dir, nowMs, logStart: 0, settings });
  return { state, dir, records: await describe(logOf(readDisk(dir))) };
}

function logOf(directory: Directory): Buffer {
  const names = [...directory.keys()].filter((name) => name.endsWith('.log')).sort();
  return Buffer.concat(names.map((name) => directory.get(name)!.bytes));
}

/** What a kill before each operation of a pass leaves, each once; with the run whose next life begins there. */
async function* crashes(prepared: Prepared): AsyncGenerator<{ stop: number; run: Run; left: Directory }> {
  let last = '';
  for (let stop = 0; ; stop++) {
    const run = prepared.copy();
    run.files.stopAfter(stop);
    await run.pass().catch(() => null);
    const isWhole = !run.files.isStopped;
    const files = run.files.afterKill();
    const left = readMemory(files, path, true);
    const shape = JSON.stringify([...left].map(([name, { bytes }]) => [name, bytes.length]));
    if (shape !== last) yield { stop, run: run.next(files, 0), left };
    last = shape;
    if (isWhole) return;
  }
}

/** Kafka has all that we have; what it has besides was there before the pass, and goes with its next one. */
async function expectToGo(
  { run, ours, kafkas, before }: { run: Run; ours: Recovered; kafkas: ByKafka; before: ReadonlySet<string> },
  prepared: Prepared,
): Promise<boolean> {
  const known = new Set(ours.records);
  assert.deepEqual(
    kafkas.records.filter((line) => known.has(line)),
    ours.records,
  );
  const more = kafkas.records.filter((line) => !known.has(line));
  assert.deepEqual(
    more.filter((line) => !before.has(line)),
    [],
  );
  const { nowMs, settings, checkpoint } = prepared;
  const { dedupeBufferBytes: mapBytes, ioBufferBytes: bufferBytes, loadFactor } = generousLimits;
  const limits = { mapBytes, bufferBytes, loadFactor };
  const asked = { dir: kafkas.dir, nowMs, logStart: 0, settings, firstDirty: checkpoint ?? -1, ...limits };
  await kafka!.clean({ ...asked, retain: false });
  await run.pass({ limits: generousLimits });
  const recordsIn = (lines: readonly string[]) => lines.filter((line) => line.startsWith(' '));
  const cleaned = await describe(logOf(readDisk(kafkas.dir)));
  assert.deepEqual(recordsIn(cleaned), recordsIn((await byUs(run)).records));
  return more.length > 0;
}

async function compare(prepared: Prepared): Promise<void> {
  const before = new Set((await byUs(prepared.copy())).records);
  for await (const { stop, run, left } of crashes(prepared)) {
    note(left);
    const names = [...left.keys()];
    const [ours, kafkas] = [await byUs(run), await byKafka(prepared, left)];
    try {
      if (names.some((name) => name.endsWith('.sources.swap'))) {
        if (await expectToGo({ run, ours, kafkas, before }, prepared)) met.add(broughtBack);
      } else {
        assert.deepEqual(kafkas.records, ours.records);
        assert.deepEqual(kafkas.state, ours.state);
      }
    } catch (error) {
      throw new Error(`killed before operation ${stop}: ${names.join(' ')}`, { cause: error });
    }
    rmSync(join(kafkas.dir, '..'), { recursive: true });
  }
}

test(`${count} logs, killed at every step of a swap, are the same to Kafka as to us`, async (context) => {
  skipUnless(context, hasCommand('javac'), 'there is no javac');
  kafka = KafkaCleaner.start();
  for (let seed = first; seed < first + count; seed++) await compare(await Prepared.make(seed));
});

test('every step was among them', (context) => {
  skipUnless(context, kafka !== undefined && count >= 6, 'too few logs were compared for that');
  expect([...met].sort()).toEqual([...Object.keys(stages), broughtBack].sort());
});
