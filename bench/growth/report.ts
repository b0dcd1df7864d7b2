/** What was found, as a table: a row for each size of each curve. */
import { figure, median } from '../table.ts';
import { complaintOf, exponentOf, type MeasuredCurve, stepsOf } from './fit.ts';

/** With a unit in which it has one to three digits before the point. */
export function duration(seconds: number): string {
  if (seconds >= 1) return `${figure(seconds)} s`;
  if (seconds >= 1e-3) return `${figure(seconds * 1e3)} ms`;
  return seconds >= 1e-6 ? `${figure(seconds * 1e6)} µs` : `${figure(seconds * 1e9)} ns`;
}

export const sizeText = (size: number): string => size.toLocaleString('en');

/** The whole of it, Markdown. */
export function fullTable(curves: readonly MeasuredCurve[]): string {
  const lines = [
    '| what | size | CPU | by the clock | CPU for each | exponent from the size before |',
    `|${'---|'.repeat(6)}`,
  ];
  for (const curve of curves) {
    const steps = stepsOf(curve.points);
    for (const [i, { size, cpuSeconds, wallSeconds }] of curve.points.entries()) {
      const [cpu, wall] = [median(cpuSeconds), median(wallSeconds)];
      const step = i === 0 ? '' : steps[i - 1]!.toFixed(2);
      const cells = [
        curve.row,
        `${sizeText(size)} ${curve.of}`,
        duration(cpu),
        duration(wall),
        curve.work === 'size' ? duration(cpu / size) : '–',
        step,
      ];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  }
  return lines.join('\n');
}

/** A row for each curve: its ends, and how it grows between. */
export function shortTable(curves: readonly MeasuredCurve[]): string {
  const lines = [
    '| what | over | CPU, smallest to largest | by the clock, largest | exponent | steepest step | |',
    `|${'---|'.repeat(7)}`,
  ];
  for (const curve of curves) {
    const [first, last] = [curve.points[0]!, curve.points.at(-1)!];
    const ends = [first, last].map(({ cpuSeconds }) => duration(median(cpuSeconds)));
    const cells = [
      curve.row,
      `${sizeText(first.size)} to ${sizeText(last.size)} ${curve.of}`,
      ends.join(' to '),
      duration(median(last.wallSeconds)),
      exponentOf(curve.points).toFixed(2),
      Math.max(...stepsOf(curve.points)).toFixed(2),
      complaintOf(curve) ?? '',
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}
