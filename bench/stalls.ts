/**
 * Does the event loop come round in time, whatever the disk does? A broker with 1,000 records a second to acknowledge, while it
 *
 *     quiet      does nothing else
 *     produce    is sent batches of 64 KiB, five under way
 *     small      is sent single records, 64 under way
 *     fetch      answers four consumers from the page cache
 *     cold       answers four consumers from a log several times as large as the memory that it may use, page cache included
 *     fsync      syncs after each message, or each 50 ms (flush.messages, flush.ms)
 *     cleaner    cleans a log
 *     deletion   deletes a topic with 1,000 written partitions
 *     retention  takes 200 segments out of a log
 *     dead       has consumers that ask and never read
 *     all        does all of it at once, but for produce, small and fetch
 *
 *     npm run bench:stalls [-- --only cold,all] [--megabytes 1500] [--memory-megabytes 400] [--out DIR] [--profile] [--node-flags=--single-threaded-gc]
 *
 * Printed for each: the delay of the event loop, the longest block and where its time went, and the garbage collector's pauses. "Own" is
 * without the time for which others used the processor: that is what a machine with a core to spare would see. The last column has all of it.
 * Needs Linux, a C compiler and, for `cold` and `all`, leave to limit a process's memory (root, or a group that was delegated).
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cleanEnvironment } from './side-by-side/broker-processes.ts';
import { compileClient } from './side-by-side/raw.ts';
import { Stage } from './side-by-side/stage.ts';
import { loadOf, type PhaseName, phaseNames } from './stalls/loads.ts';
import { MemoryGroup, startProbedBroker } from './stalls/probed-broker.ts';
import { causeOf, type FoundPhase, phaseTable } from './stalls/report.ts';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    megabytes: { type: 'string', default: '1500' },
    'memory-megabytes': { type: 'string', default: '400' },
    seconds: { type: 'string', default: '10' },
    profile: { type: 'boolean', default: false },
    'node-flags': { type: 'string', default: '' },
    out: { type: 'string' },
  },
});
const wanted = (flags.only?.split(',') ?? phaseNames) as PhaseName[];
const unknown = wanted.filter((name) => !phaseNames.includes(name));
if (unknown.length > 0)
  throw new Error(`--only: there is no ${unknown.join(', ')}; there are ${phaseNames.join(', ')}`);

cleanEnvironment();
const isLimited = MemoryGroup.isThere();
if (!isLimited)
  console.error('no leave to limit a process’s memory: cold reads come from a dropped page cache');
const parent = mkdtempSync(join(tmpdir(), 'stalls-'));
process.on('exit', () => rmSync(parent, { recursive: true, force: true }));
compileClient(parent);

const found: FoundPhase[] = [];
for (const phase of wanted) found.push(await measure(phase));

async function measure(phase: PhaseName): Promise<FoundPhase> {
  const directory = mkdtempSync(join(parent, `${phase}-`));
  const dataDirectory = join(directory, 'data');
  const broker = await startProbedBroker(dataDirectory, {
    settings: {
      'log.cleaner.backoff.ms': '100',
      'log.segment.delete.delay.ms': '500',
      'log.retention.check.interval.ms': '1000',
      'log.initial.task.delay.ms': '1000',
    },
    nodeFlags: [
      ...flags['node-flags'].split(' ').filter((flag) => flag !== ''),
      ...(flags.profile ? ['--cpu-prof', '--cpu-prof-dir', join(flags.out ?? '.build', phase)] : []),
    ],
    // Under a limit the kernel takes back pages in the middle of whatever is done: that is what these two are about.
    ...(isLimited && (phase === 'cold' || phase === 'all')
      ? { memoryLimitBytes: Number(flags['memory-megabytes']) * 1e6 }
      : {}),
  });
  const stage = new Stage(broker, directory);
  const seconds = Number(flags.seconds);
  try {
    const run = await loadOf(stage, phase, {
      logBytes: Number(flags.megabytes) * 1e6,
      seconds,
      dataDirectory,
    });
    // What was written is on its way to the disk: not the phase's doing.
    await pause(1_000);
    const { figures, result: note } = await broker.during(() => run(performance.now() + seconds * 1e3));
    const worst = figures.blocks[0];
    console.error(
      `${phase}: own p99.9 ${figures.ownP999Ms.toFixed(1)} ms, longest ${figures.ownMaxMs.toFixed(1)} ms${worst ? `: ${causeOf(worst)}` : ''}; ${note}`,
    );
    return { phase, figures, note };
  } finally {
    stage.close();
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const caption = `Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}, load ${loadavg()[0]!.toFixed(1)}; log ${flags.megabytes} MB, memory ${isLimited ? `of cold and all limited to ${flags['memory-megabytes']} MB` : 'not limited'}`;
console.log(`${caption}\n`);
console.log(phaseTable(found));
if (flags.out !== undefined) {
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(join(flags.out, 'stalls.json'), `${JSON.stringify({ caption, found }, null, 2)}\n`);
}
