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
