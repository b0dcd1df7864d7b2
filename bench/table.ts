/** Figures of several rounds, and how they are printed: median with the spread, and the ratio of two medians. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Three significant digits, without an exponent. */
export function figure(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}

export function spread(values: readonly number[]): string {
  return `${figure(median(values))} (${figure(Math.min(...values))}–${figure(Math.max(...values))})`;
}

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly kafka: readonly number[];
  readonly kompakt: readonly number[];
}

/** A Markdown table; the ratio is Kompakt's median by Kafka's. */
export function ratioTable(rows: readonly Row[]): string {
  const lines = ['| what | unit | Apache Kafka | Kompakt | Kompakt / Kafka |', '|---|---|---|---|---|'];
  for (const { name, unit, kafka, kompakt } of rows) {
    const ratio = figure(median(kompakt) / median(kafka));
    lines.push(`| ${name} | ${unit} | ${spread(kafka)} | ${spread(kompakt)} | ${ratio} |`);
  }
  return lines.join('\n');
}

/** A row over any number of systems; a system that has no such figure has none. */
export interface WideRow {
  readonly name: string;
  readonly unit: string;
  readonly cells: readonly (readonly number[] | undefined)[];
}

/** A Markdown table: median and spread of each system. */
export function wideTable(columns: readonly string[], rows: readonly WideRow[]): string {
  const head = ['what', 'unit', ...columns];
  const lines = [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`];
  for (const { name, unit, cells } of rows) {
    const texts = cells.map((values) => (values === undefined || values.length === 0 ? '–' : spread(values)));
    lines.push(`| ${[name, unit, ...texts].join(' | ')} |`);
  }
  return lines.join('\n');
}

/** Round by round, so that what slows a whole round down is in neither. */
export function ratios(of: readonly number[] | undefined, to: readonly number[] | undefined): number[] {
  return (of ?? []).flatMap((value, round) => (to?.[round] === undefined ? [] : [value / to[round]]));
}
