/**
 * How cost grows: what Kompakt does, measured over sizes a factor 100 apart. CPU time first; the clock says little on a shared machine.
 *
 *     npm run bench:growth [-- --only produce,start --rounds 3 --scale 1 --sizes 5 --out DIR]
 *
 * Each figure is of a fresh process, and where it makes a difference of one that has worked before (uncounted); the sizes of a subject
 * take turns, so that a busy minute is not taken for a step. The exponent p of cost ~ size^p is that of a line through the logarithms: 1
 * is linear, 0 flat. Where the work is the same at every size, flat is the aim. `--scale 0.01` makes all sizes so much smaller,
 * `--sizes 2` measures the two smallest of each subject alone. Needs Linux (/proc) and a C compiler.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chartOf } from './growth/chart.ts';
import { dataSubjects } from './growth/data-subjects.ts';
import { complaintOf, type MeasuredCurve, pointOf } from './growth/fit.ts';
import { cleanerSubjects, lookupSubject } from './growth/key-subjects.ts';
import { manySubjects } from './growth/many-subjects.ts';
import type { Cost, Round, Subject } from './growth/measuring.ts';
import { fullTable, shortTable } from './growth/report.ts';
import { sessionSubjects } from './growth/session-subjects.ts';
import { startSubjects } from './growth/start-subjects.ts';
import { upkeepSubjects } from './growth/upkeep-subjects.ts';
import { cleanEnvironment } from './side-by-side/broker-processes.ts';
import { compileClient } from './side-by-side/raw.ts';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    sizes: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);
const scale = Number(flags.scale);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds: a whole number, at least 1');
if (!(scale > 0 && scale <= 1)) throw new Error('--scale: above 0, at most 1');
const sizesMost = Number(flags.sizes);
if (!Number.isInteger(sizesMost) || sizesMost < 2) throw new Error('--sizes: a whole number, at least 2');
const subjects = [
  ...dataSubjects,
  ...sessionSubjects,
  ...startSubjects,
  ...cleanerSubjects,
  lookupSubject,
  ...manySubjects,
  ...upkeepSubjects,
];
const names = [...new Set(subjects.map(({ name }) => name))];
const wanted = flags.only?.split(',') ?? names;
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0)
  throw new Error(`--only: there is no ${unknown.join(', ')}; there are ${names.join(', ')}`);

/** All sizes in each round, the smallest first. */
async function measure(subject: Subject, parent: string): Promise<MeasuredCurve[]> {
  const scaled = new Set(subject.sizes.map((size) => Math.max(1, Math.round(size * scale))));
  if (scaled.size < 2) throw new Error(`--scale: ${subject.name} over ${subject.of} has one size left`);
  const sizes = [...scaled].slice(0, sizesMost);
  const directory = mkdtempSync(join(parent, `${subject.name}-`));
  try {
    const places: { readonly size: number; readonly round: Round; readonly found: Record<string, Cost>[] }[] =
      [];
    for (const size of sizes) {
      const place = mkdtempSync(join(directory, `${size}-`));
      places.push({ size, round: await subject.begin(place, size), found: [] });
    }
    for (let n = 0; n < rounds; n++) for (const { round, found } of places) found.push(await round());
    return subject.curves.map((curve) => ({
      ...curve,
      name: subject.name,
      of: subject.of,
      points: places.map(({ size, found }) =>
        pointOf(
          size,
          found.map((costs) => costs[curve.row]!),
        ),
      ),
    }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

cleanEnvironment();
const parent = mkdtempSync(join(tmpdir(), 'growth-'));
process.on('exit', () => rmSync(parent, { recursive: true, force: true }));
compileClient(parent);
const packageFile = fileURLToPath(new URL('../package.json', import.meta.url));
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
const caption = (): string =>
  `Kompakt ${version}, Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}; ` +
  `${new Date().toISOString().slice(0, 10)}, medians of ${rounds}, load ${loadavg()[0]!.toFixed(1)}`;
const curves: MeasuredCurve[] = [];
for (const subject of subjects.filter(({ name }) => wanted.includes(name))) {
  const startMs = performance.now();
  const found = await measure(subject, parent);
  curves.push(...found);
  keep();
  const words = found.map((curve) => complaintOf(curve) ?? 'well').join('; ');
  const seconds = Math.round((performance.now() - startMs) / 1e3);
  console.error(`${subject.name} over ${subject.of}: ${words} (${seconds} s)`);
}
console.log(`${caption()}\n\n${shortTable(curves)}\n\n${fullTable(curves)}`);

/** After each subject: a run that is ended before its time has not been for nothing. */
function keep(): void {
  if (flags.out === undefined) return;
  mkdirSync(flags.out, { recursive: true });
  const text = JSON.stringify({ caption: caption(), curves }, null, 2);
  writeFileSync(join(flags.out, 'growth.json'), `${text}\n`);
  writeFileSync(join(flags.out, 'growth.svg'), chartOf(curves, caption()));
}
