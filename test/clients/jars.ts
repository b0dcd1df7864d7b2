/** Published jars that tests and benches run, fetched by Maven on first need into a cache folder outside the checkout. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cacheHome = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');

/**
 * The folder with the jars that a POM asks for; throws with Maven's own words where they cannot be had. `name` says what and
 * which version of it.
 */
export function jarsOf(name: string, pom: string, properties: Readonly<Record<string, string>> = {}): string {
  const libs = join(cacheHome, 'kompakt', name);
  const complete = join(libs, '.complete');
  if (existsSync(complete)) return libs;
  mkdirSync(libs, { recursive: true });
  const sets = Object.entries(properties).map(([key, value]) => `-D${key}=${value}`);
  const goal = ['-q', '-B', '-f', pom, ...sets, 'dependency:copy-dependencies'];
  const done = spawnSync('mvn', [...goal, `-DoutputDirectory=${libs}`], { encoding: 'utf8' });
  if (done.status !== 0)
    throw new Error(`mvn could not fetch ${name}: ${done.error ?? done.stdout.slice(-2000)}`);
  writeFileSync(complete, '');
  return libs;
}
