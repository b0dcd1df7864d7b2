/** What the rounds of the lookup bench measured, and the tables they become. */
import { ratios, type WideRow, wideTable } from '../table.ts';

export const systems = {
  postgres: 'PostgreSQL',
  redis: 'Redis',
  streams: 'GlobalKTable',
  http: 'Kompakt, HTTP',
  rpc: 'Kompakt, RPC',
} as const;

export type System = keyof typeof systems;

const compared: readonly (readonly [System, System])[] = [
  ['rpc', 'postgres'],
  ['http', 'postgres'],
  ['rpc', 'redis'],
  ['http', 'redis'],
  ['http', 'streams'],
];

export class Figures {
  readonly #rows = new Map<string, { unit: string; isCompared: boolean; cells: Map<System, number[]> }>();

  /** `isCompared`: it has a line in the table of ratios. */
  note(name: string, unit: string, system: System, value: number, isCompared = false): void {
    const row = this.#rows.get(name) ?? { unit, isCompared, cells: new Map<System, number[]>() };
    this.#rows.set(name, row);
    row.cells.set(system, [...(row.cells.get(system) ?? []), value]);
  }

  table(): string {
    const names = Object.keys(systems) as System[];
    const rows = [...this.#rows].map(
      ([name, { unit, cells }]): WideRow => ({ name, unit, cells: names.map((one) => cells.get(one)) }),
    );
    return wideTable(Object.values(systems), rows);
  }

  ratioTable(): string {
    const columns = compared.map(([of, to]) => `${systems[of]} / ${systems[to]}`);
    const rows = [...this.#rows]
      .filter(([, { isCompared }]) => isCompared)
      .map(
        ([name, { unit, cells }]): WideRow => ({
          name,
          unit,
          cells: compared.map(([of, to]) => ratios(cells.get(of), cells.get(to))),
        }),
      );
    return wideTable(columns, rows);
  }
}
