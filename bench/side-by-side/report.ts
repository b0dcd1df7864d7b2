/** What a run has found: as a table, as JSON, and as a picture. */
import { figure, median, ratios, spread } from '../table.ts';
import type { BrokerName } from './broker-processes.ts';
import type { Figure } from './stage.ts';

export interface RoundFigures {
  readonly broker: BrokerName;
  readonly round: number;
  readonly figures: readonly Figure[];
}

export interface ReportRow {
  readonly row: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly kafka: readonly number[];
  readonly kompakt: readonly number[];
  /** Kompakt's by Kafka's, round by round. */
  readonly ratios: readonly number[];
  readonly isClientBound: boolean;
  /** The most, in any round. */
  readonly otherCores: number;
}

export function rowsOf(rounds: readonly RoundFigures[]): ReportRow[] {
  const rows = new Map<string, Figure>();
  for (const { figures } of rounds) for (const each of figures) rows.set(`${each.row}|${each.unit}`, each);
  const valuesOf = (broker: BrokerName, { row, unit }: Figure): Figure[] =>
    rounds
      .filter((round) => round.broker === broker)
      .sort((a, b) => a.round - b.round)
      .flatMap(({ figures }) => figures.filter((each) => each.row === row && each.unit === unit));
  return [...rows.values()].map((one) => {
    const [kafka, kompakt] = [valuesOf('kafka', one), valuesOf('kompakt', one)];
    const both = [...kafka, ...kompakt];
    return {
      row: one.row,
      unit: one.unit,
      better: one.better,
      kafka: kafka.map(({ value }) => value),
      kompakt: kompakt.map(({ value }) => value),
      ratios: ratios(
        kompakt.map(({ value }) => value),
        kafka.map(({ value }) => value),
      ),
      isClientBound: both.some(({ isClientBound }) => isClientBound),
      otherCores: Math.max(0, ...both.map(({ otherCores }) => otherCores ?? 0)),
    };
  });
}

/** Markdown; † where a client used more than nine tenths of a core, ‡ where others used more than three tenths of one. */
export function tableOf(rows: readonly ReportRow[]): string {
  const lines = ['| what | unit | Apache Kafka | Kompakt | Kompakt / Kafka |', '|---|---|---|---|---|'];
  for (const { row, unit, kafka, kompakt, ratios: all, isClientBound, otherCores } of rows) {
    const marks = `${isClientBound ? ' †' : ''}${otherCores > 0.3 ? ' ‡' : ''}`;
    const cell = (values: readonly number[]): string => (values.length === 0 ? '–' : spread(values));
    lines.push(`| ${row}${marks} | ${unit} | ${cell(kafka)} | ${cell(kompakt)} | ${cell(all)} |`);
  }
  return lines.join('\n');
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/**
 * Bars on a logarithmic scale, one a row: how many times better than Kafka, to the right; worse, to the left. Rows without both are
 * left out; none is left out because it is bad.
 */
export function chartOf(rows: readonly ReportRow[], caption: string): string {
  const bars = rows
    .filter(({ ratios: all }) => all.length > 0)
    .map(({ row, unit, better, ratios: all }) => {
      const ratio = median(all);
      return { text: `${row} (${unit})`, times: better === 'more' ? ratio : 1 / ratio };
    });
  const [labelWidth, barWidth, rowHeight, top] = [520, 360, 22, 56];
  const most = Math.max(2, ...bars.map(({ times }) => Math.max(times, 1 / times)));
  const scale = barWidth / 2 / Math.log(most);
  const middle = labelWidth + barWidth / 2;
  const height = top + bars.length * rowHeight + 16;
  const drawn = bars.map(({ text, times }, i) => {
    const y = top + i * rowHeight;
    const width = Math.max(1, Math.abs(Math.log(times)) * scale);
    const x = times >= 1 ? middle : middle - width;
    const colour = times >= 1 ? '#2a7de1' : '#c2410c';
    const at = times >= 1 ? middle + width + 6 : middle - width - 6;
    return [
      `<text x="${labelWidth - 10}" y="${y + 14}" text-anchor="end">${escaped(text)}</text>`,
      `<rect x="${x.toFixed(1)}" y="${y + 4}" width="${width.toFixed(1)}" height="13" fill="${colour}"/>`,
      `<text x="${at.toFixed(1)}" y="${y + 15}" text-anchor="${times >= 1 ? 'start' : 'end'}">${figure(times)}×</text>`,
    ].join('');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${labelWidth + barWidth + 80}" height="${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="10" y="20" font-size="15" font-weight="bold">How many times better than Apache Kafka (right), or worse (left)</text>`,
    `<text x="10" y="40" fill="#555">${escaped(caption)}</text>`,
    `<line x1="${middle}" y1="${top - 6}" x2="${middle}" y2="${height - 8}" stroke="#888"/>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}
