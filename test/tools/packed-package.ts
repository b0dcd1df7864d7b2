/** The package as a dependant gets it: packed, and installed from the tarball with its dependencies into a directory of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freshDirectory, repository } from './program.ts';

export interface PackedPackage {
  /** Where projects that depend on it lie; `node_modules` is there. */
  readonly path: string;
  /** The package, installed. */
  readonly installed: string;
  readonly tarball: string;
  /** Writes a file below `path`, with its directories; gives its path. */
  write(file: string, content: string): string;
  npm(...args: string[]): string;
  remove(): void;
}

/** `npm install`s the tarball and what else is named. */
export function installPackage(flags: readonly string[] = [], others: readonly string[] = []): PackedPackage {
  const directory = freshDirectory();
  const npm = (...args: string[]) => runNpm(directory.path, ...args);
  const write = (file: string, content: string): string => {
    const path = join(directory.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  write('package.json', '{"name":"dependant","version":"1.0.0","type":"module"}');
  npm('pack', repository, '--pack-destination', directory.path);
  const tarball = readdirSync(directory.path).find((name) => name.endsWith('.tgz'))!;
  npm('install', ...flags, `./${tarball}`, ...others);
  return {
    path: directory.path,
    installed: join(directory.path, 'node_modules/kompakt'),
    tarball: join(directory.path, tarball),
    write,
    npm,
    remove: directory.remove,
  };
}

function runNpm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    // npm gives its scripts its own settings, and this directory must not take those of ours.
    env: withoutNpm(process.env),
  });
}

export function withoutNpm(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('npm_')));
}

/** Bytes of all files at or below a path. */
export function bytesBelow(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + readFileSync(join(entry.parentPath, entry.name)).length, 0);
}
