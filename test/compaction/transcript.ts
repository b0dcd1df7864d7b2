import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A file in test/cases that a person can read: what there is, a line of dashes, and what comes of it; then perhaps more of both.
 *
 *    # What it shows.
 *    delete.retention.ms: 100
 *    …
 *    ---- at 1000
 *    …
 *
 * `UPDATE=1` writes what comes of it instead of comparing it.
 */
export interface Section {
  /** Behind the dashes; empty for the first. */
  readonly title: string;
  readonly lines: readonly string[];
}

const cases = fileURLToPath(new URL('../cases/', import.meta.url));

/** The names of the cases in a folder of test/cases. */
export function caseNames(folder: string): string[] {
  return fs
    .readdirSync(path.join(cases, folder))
    .filter((name) => name.endsWith('.txt'))
    .map((name) => name.slice(0, -'.txt'.length));
}

/** Compares a case with what `replay` makes of it: for each section but the first its lines. */
export async function checkCase(
  folder: string,
  name: string,
  replay: (sections: readonly Section[]) => Promise<readonly (readonly string[])[]>,
): Promise<void> {
  const file = path.join(cases, folder, `${name}.txt`);
  const text = fs.readFileSync(file, 'utf8');
  const sections = sectionsOf(text);
  const results = await replay(sections);
  const parts = sections.slice(1).flatMap(({ title }, n) => [`---- ${title}`.trimEnd(), ...results[n]!]);
  const expected = [...sections[0]!.lines, ...parts, ''].join('\n');
  if (process.env['UPDATE']) fs.writeFileSync(file, expected);
  else assert.equal(text, expected);
}

function sectionsOf(text: string): Section[] {
  const sections: { title: string; lines: string[] }[] = [{ title: '', lines: [] }];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('----')) sections.push({ title: line.slice(4).trim(), lines: [] });
    else sections.at(-1)!.lines.push(line);
  }
  return sections;
}

/** `name: value` lines, and all others. Comments and empty lines are left out. */
export function settingsIn(lines: readonly string[]): { settings: Map<string, string>; rest: string[] } {
  const settings = new Map<string, string>();
  const rest: string[] = [];
  for (const line of lines) {
    const setting = /^([a-z][a-z. ]*): (.*)$/.exec(line);
    if (setting) settings.set(setting[1]!, setting[2]!);
    else if (line !== '' && !line.startsWith('#')) rest.push(line);
  }
  return { settings, rest };
}
