/**
 * What the single pieces cost, each by itself in this process: nanoseconds of the clock in the best and in the median sample, and of the
 * processor over all of them.
 *
 *     npm run bench [-- --only crc,append] [--out DIR]
 *
 * `--only` takes names of groups, or parts of names of cases; `--out` writes the figures as JSON. The first and the last result of each
 * case are checked, so that nothing is measured that V8 left out or that is wrong. On a shared machine the processor's time is the one to compare.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { add, cycle, suite } from 'benny';
import { codec } from './micro/codec.ts';
import { cleaner, keys } from './micro/keys.ts';
import { append, index } from './micro/log.ts';
import type { MicroCase, MicroGroup } from './micro/micro-case.ts';
import { crc, records } from './micro/records.ts';
import { figure } from './table.ts';

const groups: readonly MicroGroup[] = [codec, records, crc, append, index, keys, cleaner];
/** Seconds; a sample is long enough for the clock, and there are enough of them for a median. */
const sampling = { delay: 0, minTime: 0.005, maxTime: 0.06, minSamples: 8 };

const { values: flags } = parseArgs({ options: { only: { type: 'string' }, out: { type: 'string' } } });
const wanted = flags.only?.split(',') ?? null;

interface Found {
  readonly group: string;
  readonly name: string;
  readonly per: string;
  readonly bestNs: number;
  readonly medianNs: number;
  readonly cpuNs: number;
  readonly megabytesPerSecond: number | null;
}

function wantedOf({ name }: MicroGroup, cases: readonly MicroCase[]): readonly MicroCase[] {
  if (wanted === null || wanted.includes(name)) return cases;
  const parts = wanted.map((part) => part.toLowerCase());
  return cases.filter((each) => parts.some((part) => each.name.toLowerCase().includes(part)));
}

async function measure(group: MicroGroup, scratch: string): Promise<Found[]> {
  const isAsked = wanted === null || wanted.some((part) => !groups.some(({ name }) => name === part));
  if (!isAsked && !wanted!.includes(group.name)) return [];
  const cases = wantedOf(group, await group.cases(scratch));
  if (cases.length === 0) return [];
  const sink: unknown[] = [];
  const runs = cases.map(() => 0);
  const cpuNs: number[] = [];
  for (const each of cases) each.check(each.run() as never);
  let before = process.cpuUsage();
  const { results } = await suite(
    group.name,
    ...cases.map((each, i) =>
      // The result is kept where others can see it, so that the work must be done.
      add(
        each.name,
        () => {
          runs[i]!++;
          sink[i] = each.run();
        },
        sampling,
      ),
    ),
    cycle(() => {
      const { user, system } = process.cpuUsage(before);
      const i = cpuNs.length;
      cpuNs.push(((user + system) * 1e3) / runs[i]!);
      before = process.cpuUsage();
    }),
  );
  const found = cases.map((each, i): Found => {
    if (sink[i] === undefined) throw new Error(`${each.name} has not run`);
    each.check(each.run() as never);
    const { min, median } = results[i]!.details;
    const { name, items = 1, bytes } = each;
    return {
      group: group.name,
      name,
      per: group.per,
      bestNs: (min * 1e9) / items,
      medianNs: (median * 1e9) / items,
      cpuNs: cpuNs[i]! / items,
      megabytesPerSecond: bytes === undefined ? null : (bytes * 1e3) / cpuNs[i]!,
    };
  });
  for (const each of cases) await each.close?.();
  return found;
}

const scratch = mkdtempSync(join(tmpdir(), 'bench-micro-'));
const found: Found[] = [];
try {
  for (const group of groups) {
    const own = join(scratch, group.name);
    mkdirSync(own);
    found.push(...(await measure(group, own)));
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (found.length === 0)
  throw new Error(`--only: nothing is named so; groups: ${groups.map(({ name }) => name).join(', ')}`);
const caption = `Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}, load ${loadavg()[0]!.toFixed(1)}`;
console.log(`\n${caption}\n`);
console.log(
  '| what | best, ns | median, ns | CPU, ns | for each | MB a CPU second |\n|---|---|---|---|---|---|',
);
for (const { name, per, bestNs, medianNs, cpuNs, megabytesPerSecond } of found)
  console.log(
    `| ${name} | ${figure(bestNs)} | ${figure(medianNs)} | ${figure(cpuNs)} | ${per} | ${megabytesPerSecond === null ? '' : figure(megabytesPerSecond)} |`,
  );
if (flags.out !== undefined) {
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(join(flags.out, 'micro.json'), `${JSON.stringify({ caption, found }, null, 2)}\n`);
}
