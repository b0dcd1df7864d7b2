/**
 * The run as a picture: a bar for each row, how many times better than Apache Kafka (to the right of 1) or worse (to the left), on a
 * logarithmic scale; where kfake stands, a diamond. Readable on a light page and on a dark one.
 */
import { figure, median } from '../table.ts';
import { present, type ReportRow, ratiosOf, timesBetter } from './report.ts';

/** For the README: what a user of a laptop or a CI feels, and what the broker is worst at. */
const headlines: readonly (readonly [title: string, rows: readonly (readonly [RegExp, string])[]])[] = [
  [
    'Start',
    [
      [/^process start to first acknowledged record/, 'process start to first acknowledged record'],
      [/^start with .* after a clean stop/, 'start with 1,000 partitions and 1 GB'],
      [/^start after kill -9/, 'start after kill -9, 1 GB unflushed'],
    ],
  ],
  [
    'Memory and size',
    [
      [/^memory idle,.*\(VmRSS\)$/, 'memory when idle'],
      [/^memory after .* written and read .*\(VmRSS\)$/, 'memory after 500 MB in, read 20 times'],
      [/^installed size/, 'installed size without the runtime'],
    ],
  ],
  [
    'Write',
    [
      [/^produce 1 KiB, 6 partitions$/, '1 KiB records, 6 partitions'],
      [/^produce 1 KiB, 6 partitions, broker CPU/, 'the same, broker CPU'],
      [/^produce 1 KiB lz4, 1 partition, broker CPU/, 'lz4, records checked, broker CPU'],
      [/^requests of one 1 KiB record, 1 in flight$/, 'one-record requests, 1 in flight'],
      [/^requests of one 1 KiB record, 64 in flight$/, 'one-record requests, 64 in flight'],
    ],
  ],
  [
    'Read',
    [
      [/^fetch from the page cache, 1 partition$/, 'fetch from the page cache'],
      [/^fetch from the page cache, 1 partition, broker CPU/, 'the same, broker CPU'],
      [/^20 consumers of the same data$/, '20 consumers of the same data'],
      [/^1 KiB at 1000\/s, produce to consume, p99$/, 'produce to consume at 1,000/s, p99'],
    ],
  ],
  [
    'Clients',
    [
      [/^kafkajs, a message a send, one after/, 'kafkajs, one send after the other'],
      [/^kafkajs, a message a send, 64 in flight$/, 'kafkajs, 64 sends in flight'],
      [/^kafkajs consumer$/, 'kafkajs consumer'],
      [/^kafkajs, from connect/, 'kafkajs, connect to first message'],
      [/^platformatic, a message a send, 64 in flight$/, '@platformatic/kafka, 64 sends in flight'],
      [/^platformatic consumer$/, '@platformatic/kafka consumer'],
      [/^librdkafka producer[^U]*$/, 'librdkafka producer'],
      [/^librdkafka consumer$/, 'librdkafka consumer'],
    ],
  ],
  [
    'Many, and compaction',
    [
      [/ topics created and written to$/, '1,000 topics created and written to'],
      [/^Metadata of all of .* topics/, 'Metadata of all of them, p50'],
      [/^cleaner, .* plain$/, 'cleaner'],
      [/^cleaner, .* lz4$/, 'cleaner, lz4'],
    ],
  ],
];

interface Bar {
  readonly label: string;
  readonly times: number;
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
        return row === undefined ? [] : barsOf(row, label);
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
  const figures = `${withUnit(kompakt!, row.unit)} · ${withUnit(kafka!, row.unit)}`;
  return [{ label, times, kfakeTimes: timesBetter(row, kfakeByKafka), figures }];
}

const steps: Readonly<Record<string, readonly [by: number, unit: string]>> = {
  ms: [1e3, 's'],
  MB: [1e3, 'GB'],
  'MB/s': [1e3, 'GB/s'],
};

function withUnit(value: number, unit: string): string {
  const step = steps[unit];
  if (step !== undefined && value >= step[0]) return `${figure(value / step[0])} ${step[1]}`;
  const [of, each] = unit.split('/');
  if (value >= 10_000 && each !== undefined) return `${figure(value / 1e3)}k ${of}/${each}`;
  return `${figure(value)} ${unit}`;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const width = 900;
const [barsLeft, barsRight, figuresRight] = [330, 690, width - 16];
const [rowHeight, groupHeight, top] = [22, 32, 84];
const ticks = [1 / 100, 1 / 30, 1 / 10, 1 / 3, 1, 3, 10, 30, 100, 300, 1000];

const style = `
text { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; fill: #1f2328 }
.page { fill: #fff } .title { font-size: 16px; font-weight: 600 } .group { font-weight: 600 }
.quiet { fill: #59636e } .small { font-size: 11px } .grid { stroke: #d1d9e0 } .one { stroke: #59636e }
.better { fill: #1f7a4d } .worse { fill: #c2410c } .kfake { fill: none; stroke: #7048c8; stroke-width: 1.8 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .page { fill: #0d1117 } .quiet { fill: #9198a1 } .grid { stroke: #3d444d } .one { stroke: #9198a1 }
  .better { fill: #3fb27f } .worse { fill: #f0883e } .kfake { stroke: #b69aff }
}`;

function drawn(groups: readonly Group[], caption: string): string {
  const shown = groups.filter(([, bars]) => bars.length > 0);
  const bars = shown.flatMap(([, some]) => some);
  const all = bars.flatMap(({ times, kfakeTimes }) => [times, kfakeTimes ?? 1]);
  const scale = scaleOf(Math.min(0.5, ...all), Math.max(2, ...all));
  const height = top + shown.length * groupHeight + bars.length * rowHeight + 16;
  const body: string[] = [];
  let y = top;
  for (const [title, some] of shown) {
    body.push(`<text class="group" x="16" y="${y + 22}">${escaped(title)}</text>`);
    y += groupHeight;
    for (const bar of some) {
      body.push(barAt(bar, y, scale));
      y += rowHeight;
    }
  }
  const words = 'Kompakt and Apache Kafka on one machine: how many times better (right of 1×) or worse';
  const key = bars.some(({ kfakeTimes }) => kfakeTimes !== null)
    ? `<path class="kfake" d="${diamond(22, 62)}"/><text class="quiet" x="34" y="66">kfake, which holds all in memory</text>`
    : '';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(words)}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
    `<text class="title" x="16" y="26">${escaped(words)}</text>`,
    `<text class="quiet small" x="16" y="44">${escaped(caption)}</text>`,
    key,
    `<text class="quiet" x="${figuresRight}" y="66" text-anchor="end">Kompakt · Kafka</text>`,
    ...gridOf(scale, all, height),
    ...body,
    '</svg>\n',
  ].join('\n');
}

type Scale = (times: number) => number;

function scaleOf(least: number, most: number): Scale {
  // Room at both ends for the number that stands beside a bar.
  const [from, to] = [Math.log(least) - 0.4, Math.log(most) + 0.9];
  return (times) => barsLeft + ((Math.log(times) - from) / (to - from)) * (barsRight - barsLeft);
}

function gridOf(scale: Scale, all: readonly number[], height: number): string[] {
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return ticks
    .filter((times) => times === 1 || (times >= least * 0.8 && times <= most * 1.25))
    .map((times) => {
      const x = scale(times).toFixed(1);
      const label = times >= 1 ? `${times}×` : `1/${Math.round(1 / times)}`;
      const line = `<line class="${times === 1 ? 'one' : 'grid'}" x1="${x}" y1="${top}" x2="${x}" y2="${height - 12}"/>`;
      return `${line}<text class="quiet small" x="${x}" y="${top - 5}" text-anchor="middle">${label}</text>`;
    });
}

function barAt({ label, times, kfakeTimes, figures }: Bar, y: number, scale: Scale): string {
  const [one, end] = [scale(1), scale(times)];
  const [x, wide] = [Math.min(one, end), Math.max(1, Math.abs(end - one))];
  const isBetter = times >= 1;
  const parts = [
    `<text x="${barsLeft - 12}" y="${y + 15}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="${isBetter ? 'better' : 'worse'}" x="${x.toFixed(1)}" y="${y + 4}" width="${wide.toFixed(1)}" height="14" rx="2"/>`,
  ];
  if (kfakeTimes !== null) parts.push(`<path class="kfake" d="${diamond(scale(kfakeTimes), y + 11)}"/>`);
  const beside = isBetter ? end + 9 : end - 9;
  parts.push(
    `<text x="${beside.toFixed(1)}" y="${y + 15}" text-anchor="${isBetter ? 'start' : 'end'}">${figure(times)}×</text>`,
    `<text class="quiet" x="${figuresRight}" y="${y + 15}" text-anchor="end">${escaped(figures)}</text>`,
  );
  return parts.join('');
}

function diamond(x: number, y: number): string {
  return `M${x.toFixed(1)} ${y - 5}l5 5-5 5-5-5z`;
}
