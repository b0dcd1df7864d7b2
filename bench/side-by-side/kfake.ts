/** franz-go's kfake, a broker in memory for tests of Go programs: built on first need into a cache folder outside the checkout. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('kfake', import.meta.url));
const cacheHome = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');

export const hasGo = (): boolean => spawnSync('go', ['version']).status === 0;

/** The day of the commit that `go.mod` names; there are no releases of it. */
export function kfakeVersion(): string {
  const [, year, month, day] = /pkg\/kfake v0\.0\.0-(\d{4})(\d\d)(\d\d)/.exec(
    readFileSync(join(source, 'go.mod'), 'utf8'),
  )!;
  return `of ${year}-${month}-${day}`;
}

/** The program's path; throws with Go's own words where it cannot be built. */
export function kfakeProgram(): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(source, file)));
  const folder = join(cacheHome, 'kompakt', `kfake-${hash.digest('hex').slice(0, 12)}`);
  const program = join(folder, 'kfake');
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const built = `${program}.${process.pid}`;
  const done = spawnSync('go', ['build', '-trimpath', '-o', built, '.'], { cwd: source, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`go could not build kfake: ${done.error ?? done.stderr}`);
  renameSync(built, program);
  return program;
}
