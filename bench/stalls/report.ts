/** What was found, in words. */
import { figure } from '../table.ts';
import type { Block, Garbage, PhaseFigures } from './probed-broker.ts';

/** Where the time of a block went, the largest part first. */
export function causeOf(block: Block): string {
  const { lateMs, ownMs, cpuMs, queuedMs, gcMs, calls, longest } = block;
  const parts: string[] = [`${ms(ownMs)} of ${ms(lateMs)}`];
  const waitedMs = Math.max(0, lateMs - cpuMs - queuedMs);
  if (cpuMs >= 1) parts.push(`${ms(cpuMs)} computing`);
  if (waitedMs >= 1) parts.push(`${ms(waitedMs)} waiting`);
  if (block.majorFaults > 0) parts.push(`${block.majorFaults} pages of the process read from the disk`);
  if (gcMs >= 1) parts.push(`${ms(gcMs)} collecting garbage`);
  const dear = calls.filter((call) => call.ms >= 1);
  for (const { name, count, ms: tookMs } of dear) parts.push(`${count} × ${name} ${ms(tookMs)}`);
  if (longest !== null) parts.push(`longest in ${longest.stack.slice(0, 4).join(' < ')}`);
  return parts.join(', ');
}

const ms = (value: number): string => `${figure(value)} ms`;

export interface FoundPhase {
  readonly phase: string;
  readonly figures: PhaseFigures;
  readonly note: string | null;
}

/** Those that are made in steps are rare, and counted with the others. */
function pausesOf(garbage: readonly Garbage[], name: Garbage['name']): string {
  const wanted = garbage.filter(
    (each) => each.name === name || (name !== 'scavenge' && each.name !== 'scavenge'),
  );
  const count = wanted.reduce((sum, each) => sum + each.count, 0);
  if (count === 0) return '0';
  const ownMaxMs = Math.max(...wanted.map((each) => each.ownMaxMs));
  const maxMs = Math.max(...wanted.map((each) => each.maxMs));
  return `${count}, ${figure(ownMaxMs)} (${figure(maxMs)} by the clock)`;
}

export function phaseTable(found: readonly FoundPhase[]): string {
  const head =
    '| while | own p50, ms | own p99 | own p99.9 | own longest | scavenges, longest, ms | mark-compacts, longest | by the clock: p99.9, longest |';
  const lines = [head, `|${'---|'.repeat(8)}`];
  for (const { phase, figures } of found) {
    const { ownP50Ms, ownP99Ms, ownP999Ms, ownMaxMs, garbage, clockP999Ms, clockMaxMs } = figures;
    const own = [ownP50Ms, ownP99Ms, ownP999Ms, ownMaxMs].map(figure).join(' | ');
    lines.push(
      `| ${phase} | ${own} | ${pausesOf(garbage, 'scavenge')} | ${pausesOf(garbage, 'mark-compact')} | ${figure(clockP999Ms)}, ${figure(clockMaxMs)} |`,
    );
  }
  lines.push('', 'What was done:', '');
  for (const { phase, note } of found) lines.push(`- ${phase}: ${note}`);
  lines.push('', 'The longest blocks:', '');
  for (const { phase, figures } of found)
    for (const block of figures.blocks.slice(0, 2)) lines.push(`- ${phase}: ${causeOf(block)}`);
  return lines.join('\n');
}
