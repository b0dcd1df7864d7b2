/** The package as a dependant gets it: packed, and installed from the tarball with its dependencies into a directory of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
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

/** How a program ended that was run in a project, and what it wrote. */
export interface ProjectRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Lays a project down below `path`, and says how to run a program of Node's in it. */
export function layProject(
  dependant: PackedPackage,
  name: string,
  files: Readonly<Record<string, string>>,
): (...args: string[]) => ProjectRun {
  for (const [file, content] of Object.entries(files)) dependant.write(`${name}/${file}`, content);
  return (...args) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: join(dependant.path, name),
      encoding: 'utf8',
      // Not that a vitest runs us, nor that this is a CI.
      env: { ...withoutNpm(process.env), NODE_ENV: '', VITEST: '', CI: '', NO_COLOR: '1' },
    });
    return { code: status, out: stdout, err: stderr };
  };
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
