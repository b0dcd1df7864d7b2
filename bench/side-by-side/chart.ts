/**
 * The run as a picture: a bar for each row, how many times better than Apache Kafka (to the right of 1) or worse (to the left), on a
 * logarithmic scale; where kfake stands, a diamond. Readable on a light page and on a dark one.
 */
import { figure, median } from '../table.ts';
import { marksOf, present, type ReportRow, ratiosOf, timesBetter } from './report.ts';

/** For the README: what a user of a laptop or a CI feels, and what the broker is worst at; `$1` as in `replace`. */
const headlines: readonly (readonly [title: string, rows: readonly (readonly [RegExp, string])[]])[] = [
  [
    'Start',
    [
      [/^process start to first acknowledged record$/, 'process start to first acknowledged record'],
      [/^start with (.*) after a clean stop$/, 'start with $1'],
      [/^start after kill -9 with (.*) unflushed.*/, 'start after kill -9, $1 unflushed'],
    ],
  ],
  [
    'Memory and size',
    [
      [/^memory idle,.*\(VmRSS\)$/, 'memory when idle'],
      [/^memory after (.*) written and read .*\(VmRSS\)$/, 'memory after $1, read 20 times'],
      [/^installed size.*/, 'installed size without the runtime'],
    ],
  ],
  [
    'Write',
    [
      [/^produce 1 KiB, 6 partitions$/, '1 KiB records, 6 partitions'],
      [/^produce 1 KiB, 6 partitions, broker CPU$/, 'the same, broker CPU'],
      [/^produce 1 KiB lz4, 1 partition, broker CPU$/, 'lz4, records checked, broker CPU'],
      [/^requests of one 1 KiB record, 1 in flight$/, 'one-record requests, 1 in flight'],
      [/^requests of one 1 KiB record, 64 in flight$/, 'one-record requests, 64 in flight'],
    ],
  ],
  [
    'Read',
    [
      [/^fetch from the page cache, 1 partition$/, 'fetch from the page cache'],
      [/^fetch from the page cache, 1 partition, broker CPU$/, 'the same, broker CPU'],
      [/^20 consumers of the same data$/, '20 consumers of the same data'],
      [/^1 KiB at 1000\/s, produce to consume, p99$/, 'produce to consume at 1,000/s, p99'],
    ],
  ],
  [
    'Clients',
    [
      [/^kafkajs, a message a send, one after the other$/, 'kafkajs, one send after the other'],
      [/^kafkajs, a message a send, 64 in flight$/, 'kafkajs, 64 sends in flight'],
      [/^kafkajs consumer$/, 'kafkajs consumer'],
      [/^kafkajs, from connect.*/, 'kafkajs, connect to first message'],
      [/^platformatic, a message a send, 64 in flight$/, '@platformatic/kafka, 64 sends in flight'],
      [/^platformatic consumer$/, '@platformatic/kafka consumer'],
      [/^librdkafka producer, linger 5 ms$/, 'librdkafka producer'],
      [/^librdkafka consumer$/, 'librdkafka consumer'],
    ],
  ],
  [
    'Many, and compaction',
    [
      [/^(.*) topics created and written to$/, '$1 topics created and written to'],
      [/^Metadata of all of .* topics, p50$/, 'Metadata of all of them, p50'],
      [/^cleaner, .* plain$/, 'cleaner'],
      [/^cleaner, .* lz4$/, 'cleaner, lz4'],
    ],
  ],
];

interface Bar {
  readonly label: string;
  readonly times: number;
  /** Of the rounds: the worst and the best. */
  readonly range: readonly [number, number];
  readonly kfakeTimes: number | null;
  /** Kompakt's and Kafka's own figures. */
  readonly figures: string;
}

type Group = readonly [title: string, bars: readonly Bar[]];

/** A chosen few; those of which the run has nothing are left out. */
export function headlineChart(rows: readonly ReportRow[], caption: string): string {
  const groups = headlines.map(
    ([title, wanted]): Group => [
      title,
      wanted.flatMap(([pattern, label]) => {
        const row = rows.find((each) => pattern.test(each.row));
        return row === undefined ? [] : barsOf(row, row.row.replace(pattern, label));
      }),
    ],
  );
  return drawn(groups, caption);
}

/** Every row that both have, none left out because it is bad. */
export function wholeChart(rows: readonly ReportRow[], caption: string): string {
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))];
  const groups = scenarios.map(
    (scenario): Group => [
      scenario,
      rows.filter((row) => row.scenario === scenario).flatMap((row) => barsOf(row, row.row)),
    ],
  );
  return drawn(groups, caption);
}

function barsOf(row: ReportRow, label: string): Bar[] {
  const times = timesBetter(row, row.ratios.kafka);
  if (times === null) return [];
  const kfakeByKafka = ratiosOf(row.values.kfake, row.values.kafka);
  const [kompakt, kafka] = [row.values.kompakt, row.values.kafka].map((values) => median(present(values)));
  const ratios = present(row.ratios.kafka).map((ratio) => (row.better === 'more' ? ratio : 1 / ratio));
  const marked = `${label}${marksOf(row)}`;
  return [
    {
      label: marked,
      times,
      range: [Math.min(...ratios), Math.max(...ratios)],
      kfakeTimes: timesBetter(row, kfakeByKafka),
      figures: bothOf(kompakt!, kafka!, row.unit),
    },
  ];
}

const steps: Readonly<Record<string, readonly [by: number, unit: string]>> = {
  ms: [1e3, 's'],
  MB: [1e3, 'GB'],
  'MB/s': [1e3, 'GB/s'],
};

/** The unit once where it is the same. */
function bothOf(kompakt: number, kafka: number, unit: string): string {
  const [[ours, ourUnit], [theirs, theirUnit]] = [inUnit(kompakt, unit), inUnit(kafka, unit)];
  return ourUnit === theirUnit
    ? `${ours} · ${theirs} ${ourUnit}`
    : `${ours} ${ourUnit} · ${theirs} ${theirUnit}`;
}

function inUnit(value: number, unit: string): [value: string, unit: string] {
  const step = steps[unit];
  if (step !== undefined && value >= step[0]) return [figure(value / step[0]), step[1]];
  return value >= 1_000 ? [`${figure(value / 1e3)}k`, unit] : [figure(value), unit];
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const pageWidth = 900;
/** Of the text at 13 px, at most. */
const letterWidth = 7.4;
const [rowHeight, groupHeight, top] = [22, 32, 98];

/** Columns from the left: labels, bars, how many times, both figures. */
interface Layout {
  readonly width: number;
  readonly barsLeft: number;
  readonly barsRight: number;
  readonly timesRight: number;
  readonly figuresRight: number;
  x(times: number): number;
}

function layoutOf(bars: readonly Bar[]): Layout {
  const labelWidth = Math.max(...bars.map(({ label }) => label.length)) * letterWidth;
  const barsLeft = Math.max(290, Math.round(labelWidth) + 28);
  const width = pageWidth + barsLeft - 290;
  const [barsRight, timesRight, figuresRight] = [width - 290, width - 222, width - 16];
  const all = bars.flatMap(({ range, kfakeTimes }) => [...range, kfakeTimes ?? 1]);
  const [from, to] = [Math.log(Math.min(0.5, ...all)) - 0.15, Math.log(Math.max(2, ...all)) + 0.15];
  const x = (times: number): number =>
    barsLeft + ((Math.log(times) - from) / (to - from)) * (barsRight - barsLeft);
  return { width, barsLeft, barsRight, timesRight, figuresRight, x };
}

const ticks = [1 / 100, 1 / 30, 1 / 10, 1 / 3, 1, 3, 10, 30, 100, 300, 1000];

const style = `
text { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; fill: #1f2328 }
.page { fill: #fff } .title { font-size: 16px; font-weight: 600 } .group { font-weight: 600 }
.quiet { fill: #59636e } .small { font-size: 11px } .grid { stroke: #d1d9e0 } .one { stroke: #59636e } .range { stroke: #1f2328 }
.times { font-weight: 600 } .better { fill: #1f7a4d } .worse { fill: #c2410c } .kfake { fill: #fff; stroke: #7048c8; stroke-width: 1.8 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .page { fill: #0d1117 } .quiet { fill: #9198a1 } .grid { stroke: #3d444d } .one { stroke: #9198a1 } .range { stroke: #f0f6fc }
  .better { fill: #3fb27f } .worse { fill: #f0883e } .kfake { fill: #0d1117; stroke: #b69aff }
}`;

function drawn(groups: readonly Group[], caption: string): string {
  const shown = groups.filter(([, bars]) => bars.length > 0);
  const bars = shown.flatMap(([, some]) => some);
  const layout = layoutOf(bars);
  const { width, timesRight, figuresRight } = layout;
  const height = top + shown.length * groupHeight + bars.length * rowHeight + 16;
  const body: string[] = [];
  let y = top;
  for (const [title, some] of shown) {
    body.push(`<text class="group" x="16" y="${y + 22}">${escaped(title)}</text>`);
    y += groupHeight;
    for (const bar of some) {
      body.push(barAt(bar, y, layout));
      y += rowHeight;
    }
  }
  const words = 'Kompakt and Apache Kafka on one machine: how many times better (right of 1×) or worse';
  const hasKfake = bars.some(({ kfakeTimes }) => kfakeTimes !== null);
  const marks = 'line: all rounds · † a client’s limit · ‡ others were busy';
  const key = [
    hasKfake ? `<path class="kfake" d="${diamond(22, 78)}"/>` : '',
    `<text class="quiet small" x="34" y="82">${hasKfake ? 'kfake (Go, in memory) · ' : ''}${marks}</text>`,
  ].join('');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(words)}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
    `<text class="title" x="16" y="26">${escaped(words)}</text>`,
    ...caption
      .split('; ')
      .map((line, i) => `<text class="quiet small" x="16" y="${44 + 15 * i}">${escaped(line)}</text>`),
    key,
    `<text class="quiet" x="${timesRight}" y="82" text-anchor="end">times</text>`,
    `<text class="quiet" x="${figuresRight}" y="82" text-anchor="end">Kompakt · Kafka</text>`,
    ...gridOf(layout, bars, height),
    ...body,
    '</svg>\n',
  ].join('\n');
}

function gridOf({ x }: Layout, bars: readonly Bar[], height: number): string[] {
  const all = bars.flatMap(({ times, kfakeTimes }) => [times, kfakeTimes ?? 1]);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return ticks
    .filter((times) => times === 1 || (times >= least && times <= most))
    .map((times) => {
      const at = x(times).toFixed(1);
      const label = times >= 1 ? `${times}×` : `1/${Math.round(1 / times)}`;
      const line = `<line class="${times === 1 ? 'one' : 'grid'}" x1="${at}" y1="${top}" x2="${at}" y2="${height - 12}"/>`;
      return `${line}<text class="quiet small" x="${at}" y="${top - 5}" text-anchor="middle">${label}</text>`;
    });
}

function barAt({ label, times, range, kfakeTimes, figures }: Bar, y: number, layout: Layout): string {
  const { barsLeft, timesRight, figuresRight, x } = layout;
  const [one, end] = [x(1), x(times)];
  const [left, wide] = [Math.min(one, end), Math.max(1, Math.abs(end - one))];
  const parts = [
    `<text x="${barsLeft - 12}" y="${y + 15}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="${times >= 1 ? 'better' : 'worse'}" x="${left.toFixed(1)}" y="${y + 4}" width="${wide.toFixed(1)}" height="14" rx="2"/>`,
  ];
  const [worst, best] = range.map((each) => x(each).toFixed(1));
  if (worst !== best)
    parts.push(`<line class="range" x1="${worst}" y1="${y + 11}" x2="${best}" y2="${y + 11}"/>`);
  if (kfakeTimes !== null) parts.push(`<path class="kfake" d="${diamond(x(kfakeTimes), y + 11)}"/>`);
  parts.push(
    `<text class="times" x="${timesRight}" y="${y + 15}" text-anchor="end">${figure(times)}×</text>`,
    `<text class="quiet" x="${figuresRight}" y="${y + 15}" text-anchor="end">${escaped(figures)}</text>`,
  );
  return parts.join('');
}

function diamond(x: number, y: number): string {
  return `M${x.toFixed(1)} ${y - 5}l5 5-5 5-5-5z`;
}
