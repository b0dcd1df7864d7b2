/** What the side-by-side bench makes of its figures: the ratio round by round, the marks, and the picture. */
import { describe, expect, test } from 'vitest';
import type { BrokerName } from '../../bench/side-by-side/broker-processes.ts';
import { headlineChart, wholeChart } from '../../bench/side-by-side/chart.ts';
import { rowsOf, type TurnFigures, tableOf } from '../../bench/side-by-side/report.ts';
import type { Disturbance, Figure } from '../../bench/side-by-side/stage.ts';

type What = Pick<Figure, 'row' | 'unit' | 'better'>;

const startRow: What = { row: 'process start to first acknowledged record', unit: 'ms', better: 'less' };
const consumerRow: What = { row: 'kafkajs consumer', unit: 'messages/s', better: 'more' };

/** One figure for each round. */
function turnsOf(
  what: What,
  broker: BrokerName,
  values: readonly number[],
  disturbance: Disturbance = {},
): TurnFigures[] {
  return values.map((value, round) => ({
    scenario: 'all',
    broker,
    round,
    figures: [{ ...what, value, ...disturbance }],
  }));
}

describe('the table', () => {
  test('has the median of each, and the ratio to each as it was round by round', () => {
    const rows = rowsOf([
      ...turnsOf(startRow, 'kafka', [2000, 3000, 8000]),
      ...turnsOf(startRow, 'kfake', [5, 5, 10]),
      ...turnsOf(startRow, 'kompakt', [100, 100, 200]),
    ]);
    expect(rows[0]!.ratios.kafka).toEqual([0.05, 100 / 3000, 0.025]);
    expect(tableOf(rows).split('\n')).toEqual([
      '| what | unit | Apache Kafka | kfake | Kompakt | Kompakt / Kafka | Kompakt / kfake |',
      '|---|---|---|---|---|---|---|',
      `| ${startRow.row} | ms | 3000 (2000–8000) | 5.00 (5.00–10.0) | 100 (100–200) | 0.0333 (0.0250–0.0500) | 20.0 (20.0–20.0) |`,
    ]);
  });

  test('has a dash where a broker cannot do it, and no column for one that was not there', () => {
    const rows = rowsOf([
      ...turnsOf(startRow, 'kafka', [2000]),
      ...turnsOf(startRow, 'kompakt', [100]),
      ...turnsOf(consumerRow, 'kompakt', [1000]),
    ]);
    expect(tableOf(rows).split('\n').slice(2)).toEqual([
      `| ${startRow.row} | ms | 2000 | 100 | 0.0500 |`,
      '| kafkajs consumer | messages/s | – | 1000 | – |',
    ]);
  });

  test('compares the rounds that both have, whatever failed in others', () => {
    const kafka = turnsOf(startRow, 'kafka', [2000, 4000, 3000]).filter(({ round }) => round !== 1);
    const [row] = rowsOf([...kafka, ...turnsOf(startRow, 'kompakt', [100, 100, 100])]);
    expect(row!.values.kafka).toEqual([2000, null, 3000]);
    expect(row!.ratios.kafka).toEqual([0.05, null, 100 / 3000]);
  });

  test('marks a client at its limit, and a disturbed round', () => {
    const rows = rowsOf([
      ...turnsOf(consumerRow, 'kafka', [800], { isClientBound: true, otherCores: 0.1 }),
      ...turnsOf(consumerRow, 'kompakt', [1000], { isClientBound: false, otherCores: 0.4 }),
    ]);
    expect(tableOf(rows)).toContain('| kafkajs consumer † ‡ | messages/s | 800 | 1000 | 1.25 |');
  });

  test('a figure below the tick of the clock is no ratio', () => {
    const cpu: What = { row: 'fetch, broker CPU', unit: 's/GB', better: 'less' };
    const rows = rowsOf([...turnsOf(cpu, 'kafka', [0.1]), ...turnsOf(cpu, 'kompakt', [0])]);
    expect(rows[0]!.ratios.kafka).toEqual([null]);
    expect(tableOf(rows)).toContain('| fetch, broker CPU | s/GB | 0.100 | 0 | – |');
  });
});

describe('the picture', () => {
  const rows = rowsOf([
    ...turnsOf(startRow, 'kafka', [2000]),
    ...turnsOf(startRow, 'kompakt', [100]),
    ...turnsOf(consumerRow, 'kafka', [1000]),
    ...turnsOf(consumerRow, 'kompakt', [800]),
    ...turnsOf({ row: 'a <row> of no fame', unit: 'ms', better: 'less' }, 'kafka', [1]),
    ...turnsOf({ row: 'a <row> of no fame', unit: 'ms', better: 'less' }, 'kompakt', [2]),
  ]);

  test('says how many times better or worse, with both figures', () => {
    const svg = headlineChart(rows, 'two brokers; one machine');
    expect(svg).toMatch(/class="better".*>20\.0×<.*>100 ms · 2\.00 s</);
    expect(svg).toMatch(/class="worse".*>0\.800×<.*>800 · 1\.00k messages\/s</);
    expect(svg).not.toContain('no fame');
  });

  test('of all rows leaves none out, and no name is taken for a tag', () => {
    const svg = wholeChart(rows, 'two brokers');
    expect(svg.match(/<rect class="(better|worse)"/g)).toHaveLength(3);
    expect(svg).toContain('a &lt;row> of no fame');
  });
});
