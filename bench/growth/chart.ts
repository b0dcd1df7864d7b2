/**
 * Curves as small drawings in a grid, both axes logarithmic: the median CPU time over the size with its spread, and the line that
 * linear growth from the first point would be. Colours and the surface are the viewer's, by day and by night.
 */
import { median } from '../table.ts';
import { exponentOf, type MeasuredCurve, type Point } from './fit.ts';
import { duration, sizeText } from './report.ts';

const columns = 4;
const panel = { width: 256, height: 210, left: 54, right: 24, top: 52, bottom: 34 };
const header = 66;

const style = `
.surface{fill:#fcfcfb}.frame{fill:none;stroke:#c9c8c4}.grid{stroke:#e8e7e3}
.ink{fill:#0b0b0b}.soft{fill:#52514e}.linear{stroke:#8a8985;stroke-dasharray:4 4;fill:none}
.curve{stroke:#2a78d6;stroke-width:2;fill:none;stroke-linejoin:round}.point{fill:#2a78d6;stroke:#fcfcfb;stroke-width:1.5}.spread{stroke:#2a78d6}
@media (prefers-color-scheme:dark){.surface{fill:#1a1a19}.frame{stroke:#4a4946}.grid{stroke:#2c2c2a}.ink{fill:#fff}.soft{fill:#c3c2b7}
.linear{stroke:#8a8985}.curve,.spread{stroke:#3987e5}.point{fill:#3987e5;stroke:#1a1a19}}`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

interface Scale {
  readonly x: (size: number) => number;
  readonly y: (seconds: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

/** Powers of ten that hold all of them. */
function decades(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10) as [number, number];
  const [first, last] = [Math.floor(low + 1e-9), Math.ceil(high - 1e-9)];
  return Array.from({ length: Math.max(2, last - first + 1) }, (_, i) => 10 ** (first + i));
}

function scaleOf(points: readonly Point[]): Scale {
  const xTicks = decades(points.map(({ size }) => size));
  const yTicks = decades(points.flatMap(({ cpuSeconds }) => cpuSeconds));
  const along = (ticks: readonly number[], from: number, to: number) => {
    const [low, high] = [Math.log(ticks[0]!), Math.log(ticks.at(-1)!)];
    return (value: number) => from + ((Math.log(value) - low) / (high - low)) * (to - from);
  };
  return {
    x: along(xTicks, panel.left, panel.width - panel.right),
    y: along(yTicks, panel.height - panel.bottom, panel.top),
    xTicks,
    yTicks,
  };
}

/** Breaks at words, two lines at most. */
function wrapped(text: string, most: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + word.length >= most) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

function drawPanel(curve: MeasuredCurve, n: number): string {
  const { points } = curve;
  const { x, y, xTicks, yTicks } = scaleOf(points);
  const [left, right, top, bottom] = [
    panel.left,
    panel.width - panel.right,
    panel.top,
    panel.height - panel.bottom,
  ];
  const at = (value: number): string => value.toFixed(1);
  const medians = points.map(({ size, cpuSeconds }) => ({ size, seconds: median(cpuSeconds) }));
  const [first, last] = [medians[0]!, medians.at(-1)!];
  const linear = first.seconds * (last.size / first.size);
  const grid = [
    ...xTicks.map(
      (tick) => `<line class="grid" x1="${at(x(tick))}" y1="${top}" x2="${at(x(tick))}" y2="${bottom}"/>`,
    ),
    ...yTicks.map(
      (tick) => `<line class="grid" x1="${left}" y1="${at(y(tick))}" x2="${right}" y2="${at(y(tick))}"/>`,
    ),
  ];
  const labels = [
    ...xTicks.map(
      (tick) =>
        `<text class="soft" x="${at(x(tick))}" y="${bottom + 14}" text-anchor="middle">${sizeText(tick)}</text>`,
    ),
    ...yTicks.map(
      (tick) =>
        `<text class="soft" x="${left - 6}" y="${at(y(tick) + 4)}" text-anchor="end">${duration(tick).replace(/\.0+ /, ' ')}</text>`,
    ),
    `<text class="soft" x="${at((left + right) / 2)}" y="${bottom + 28}" text-anchor="middle">${escaped(curve.of)}</text>`,
  ];
  const title = wrapped(curve.row, 42).map(
    (line, i) => `<text class="ink" x="10" y="${18 + i * 14}">${escaped(line)}</text>`,
  );
  const aim = curve.work === 'size' ? '' : ', to be flat';
  const path = medians
    .map(({ size, seconds }, i) => `${i === 0 ? 'M' : 'L'}${at(x(size))} ${at(y(seconds))}`)
    .join('');
  const marks = points.map(({ size, cpuSeconds }, i) => {
    const [low, high] = [Math.min(...cpuSeconds), Math.max(...cpuSeconds)];
    const hint = `${sizeText(size)} ${curve.of}: ${duration(medians[i]!.seconds)} (${duration(low)}–${duration(high)})`;
    return (
      `<line class="spread" x1="${at(x(size))}" y1="${at(y(low))}" x2="${at(x(size))}" y2="${at(y(high))}"/>` +
      `<circle class="point" cx="${at(x(size))}" cy="${at(y(medians[i]!.seconds))}" r="4"><title>${escaped(hint)}</title></circle>`
    );
  });
  const [column, row] = [n % columns, Math.floor(n / columns)];
  return [
    `<g transform="translate(${column * panel.width} ${header + row * panel.height})">`,
    ...title,
    ...grid,
    `<rect class="frame" x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/>`,
    `<clipPath id="p${n}"><rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/></clipPath>`,
    `<path class="linear" clip-path="url(#p${n})" d="M${at(x(first.size))} ${at(y(first.seconds))}L${at(x(last.size))} ${at(y(linear))}"/>`,
    `<path class="curve" d="${path}"/>`,
    ...marks,
    `<text class="soft" x="${left + 6}" y="${top + 14}">exponent ${exponentOf(points).toFixed(2)}${aim}</text>`,
    ...labels,
    '</g>',
  ].join('');
}

export function chartOf(curves: readonly MeasuredCurve[], caption: string): string {
  const rows = Math.ceil(curves.length / columns);
  const [width, height] = [columns * panel.width, header + rows * panel.height + 8];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="11">`,
    `<style>${style}</style>`,
    '<rect class="surface" width="100%" height="100%"/>',
    '<text class="ink" x="10" y="24" font-size="15" font-weight="bold">How cost grows: CPU time over size, both logarithmic; dashed: linear from the first point</text>',
    ...wrapped(caption, 150).map(
      (line, i) => `<text class="soft" x="10" y="${42 + i * 14}">${escaped(line)}</text>`,
    ),
    ...curves.map(drawPanel),
    '</svg>\n',
  ].join('\n');
}
