/** Rows of an answer as values of JSON, and as tables and CSV. */
import { table } from '../quantities.ts';
import { visible } from '../record-text.ts';
import type { DuckDbType } from './duckdb.ts';

/** Numbers that DuckDB's package writes as text, since JavaScript's have fewer digits. */
const numbers = /^(HUGE|UHUGE|BIG|UBIG)INT$|^DECIMAL\(/;

/** What DuckDB's package gives for JSON, as one would write it: numbers as numbers, maps as objects, JSON as it is. */
export function plain(value: unknown, type: DuckDbType): unknown {
  if (value === null) return null;
  const { alias, valueType, keyType, entryNames, entryTypes } = type;
  if (alias === 'JSON') return parsed(value as string);
  if (keyType !== undefined) {
    const entries = (value as { key: unknown; value: unknown }[]).map((entry) => [
      `${entry.key}`,
      plain(entry.value, valueType!),
    ]);
    return Object.fromEntries(entries);
  }
  if (valueType !== undefined) return (value as unknown[]).map((one) => plain(one, valueType));
  if (entryNames !== undefined && entryTypes !== undefined && `${type}`.startsWith('STRUCT')) {
    const fields = value as Record<string, unknown>;
    return Object.fromEntries(entryNames.map((name, i) => [name, plain(fields[name], entryTypes[i]!)]));
  }
  return numbers.test(`${type}`) ? numberOf(value as string) : value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** As text where it would lose digits. */
function numberOf(text: string): number | string {
  const number = Number(text);
  const digits = text.replace(/^-|\./g, '');
  return digits.length <= 15 || Number.isSafeInteger(number) ? number : text;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** RFC 4180, with the line ends of everything else here. */
export function csvLine(values: readonly unknown[]): string {
  const cells = values.map((value) => {
    const text = cell(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(',')}\n`;
}

export function jsonLine(names: readonly string[], values: readonly unknown[]): string {
  return `${JSON.stringify(Object.fromEntries(names.map((name, i) => [name, values[i]])))}\n`;
}

/** Rows under their names; each is cut where the terminal ends. */
export function tableText(
  names: readonly string[],
  types: readonly DuckDbType[],
  rows: readonly (readonly unknown[])[],
  width: number | undefined,
): string {
  const toTheRight = types.flatMap((type, i) => (isNumber(type) ? [i] : []));
  const cells = rows.map((row) => row.map((value) => (value === null ? 'null' : visible(cell(value)))));
  return table([names.map((name) => visible(name)), ...cells], toTheRight)
    .map((line) => `${width === undefined || line.length <= width ? line : `${line.slice(0, width - 1)}…`}\n`)
    .join('');
}

function isNumber(type: DuckDbType): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(`${type}`);
}
