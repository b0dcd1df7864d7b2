/** What a run has found, row by row over the rounds: as a table and as JSON. */
import { figure, median, spread } from '../table.ts';
import { type BrokerName, brokerNames } from './broker-processes.ts';
import { type Figure, otherCoresMax } from './stage.ts';

/** Of one turn of a broker in a scenario. */
export interface TurnFigures {
  readonly scenario: string;
  readonly broker: BrokerName;
  readonly round: number;
  readonly figures: readonly Figure[];
}

/** Null where a round has no such figure. */
type Rounds = readonly (number | null)[];

export interface ReportRow {
  readonly scenario: string;
  readonly row: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  /** Round by round; a broker that cannot do it has none. */
  readonly values: Readonly<Record<BrokerName, Rounds>>;
  /** Kompakt's by the other's, round by round. */
  readonly ratios: { readonly kafka: Rounds; readonly kfake: Rounds };
  readonly isClientBound: boolean;
  /** The most, in any round. */
  readonly otherCores: number;
}

export const present = (rounds: Rounds): number[] => rounds.filter((value) => value !== null);

/** Scenarios in the order of their first turns, the rows of each in the order in which they were found. */
export function rowsOf(turns: readonly TurnFigures[]): ReportRow[] {
  const scenarios = [...new Set(turns.map(({ scenario }) => scenario))];
  return scenarios.flatMap((scenario) => rowsOfScenario(turns.filter((turn) => turn.scenario === scenario)));
}

function rowsOfScenario(turns: readonly TurnFigures[]): ReportRow[] {
  const named = new Map<string, Figure>();
  for (const { figures } of turns) for (const each of figures) named.set(`${each.row}|${each.unit}`, each);
  const roundCount = Math.max(...turns.map(({ round }) => round)) + 1;
  return [...named.values()].map(({ row, unit, better }) => {
    const found = turns.flatMap(({ figures, broker, round }) =>
      figures
        .filter((each) => each.row === row && each.unit === unit)
        .map((each) => ({ ...each, broker, round })),
    );
    const valuesOf = (broker: BrokerName): Rounds => {
      const own = found.filter((each) => each.broker === broker);
      if (own.length === 0) return [];
      return Array.from(
        { length: roundCount },
        (_, i) => own.find(({ round }) => round === i)?.value ?? null,
      );
    };
    const values = { kafka: valuesOf('kafka'), kfake: valuesOf('kfake'), kompakt: valuesOf('kompakt') };
    return {
      scenario: turns[0]!.scenario,
      row,
      unit,
      better,
      values,
      ratios: {
        kafka: ratiosOf(values.kompakt, values.kafka),
        kfake: ratiosOf(values.kompakt, values.kfake),
      },
      isClientBound: found.some(({ isClientBound }) => isClientBound),
      otherCores: Math.max(0, ...found.map(({ otherCores }) => otherCores ?? 0)),
    };
  });
}

/** Round by round, so that what slows a whole round down is in neither. */
export function ratiosOf(of: Rounds, to: Rounds): Rounds {
  if (of.length === 0 || to.length === 0) return [];
  return of.map((value, round) => {
    const other = to[round] ?? null;
    // 0: less than a tick of Linux's clock, which says nothing.
    return value === null || other === null || value * other === 0 ? null : value / other;
  });
}

const titles = { kafka: 'Apache Kafka', kfake: 'kfake', kompakt: 'Kompakt' };

/** † where a client used more than nine tenths of a core, ‡ where others used more than three tenths of one. */
export const marksOf = ({ isClientBound, otherCores }: ReportRow): string =>
  `${isClientBound ? ' †' : ''}${otherCores > otherCoresMax ? ' ‡' : ''}`;

/** In Markdown. */
export function tableOf(rows: readonly ReportRow[]): string {
  const shown = brokerNames.filter((name) => rows.some(({ values }) => values[name].length > 0));
  const others = shown.includes('kompakt') ? shown.filter((name) => name !== 'kompakt') : [];
  const heads = ['what', 'unit', ...shown.map((name) => titles[name])];
  heads.push(...others.map((name) => `Kompakt / ${name === 'kafka' ? 'Kafka' : titles[name]}`));
  const lines = [`| ${heads.join(' | ')} |`, `|${'---|'.repeat(heads.length)}`];
  for (const each of rows) {
    const { row, unit, values, ratios } = each;
    const cells = [...shown.map((name) => cellOf(values[name]))];
    for (const name of others) cells.push(cellOf(ratios[name as 'kafka']));
    lines.push(`| ${row}${marksOf(each)} | ${unit} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

function cellOf(rounds: Rounds): string {
  const values = present(rounds);
  if (values.length === 0) return '–';
  return values.length === 1 ? figure(values[0]!) : spread(values);
}

/** How many times better than the other: above 1 better, whatever the unit. */
export function timesBetter({ better }: ReportRow, ratios: Rounds): number | null {
  const values = present(ratios);
  if (values.length === 0) return null;
  const ratio = median(values);
  return better === 'more' ? ratio : 1 / ratio;
}
