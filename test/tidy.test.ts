/** The project's own rules, read from its files: layering, banned globals, sizes, leftovers, links, dependencies. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { describe, expect, test } from 'vitest';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const self = 'test/tidy.test.ts';

/** Imports only point left; bench and test may import anything, nobody imports them. */
const layers = ['protocol', 'storage', 'compaction', 'broker', 'tools'];
const maxFileLines = 400;
/** One table each, which would not read better in two. */
const longTables = ['protocol/errors.ts'];
/** Only these touch the outside: time, disk, chance, network. `tools/` may, as the program around the broker. */
const doors = ['storage/environment/node.ts', 'broker/network/node-transport.ts', 'broker/http/node-http.ts'];
/** Threads are made in one place, and one file is what runs in them. */
const threadDoors = ['compaction/start-thread.ts', 'compaction/worker.ts'];
const bannedModules = [
  ...['fs', 'fs/promises', 'net', 'tls', 'dgram', 'http', 'http2', 'https'],
  ...['timers', 'timers/promises', 'perf_hooks'],
];
const bannedGlobals = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /(?<![.\w])performance\.(now|mark|measure|timeOrigin)\b/,
  /\bset(Timeout|Interval|Immediate)\b/,
  /\bqueueMicrotask\b/,
  /\bMath\.random\b/,
  /\bcrypto\.(random\w+|getRandomValues)\b/,
  /^import\b.*\brandom\w*.*\bfrom "(node:)?crypto"/,
  /\bprocess\.(env|hrtime|uptime|nextTick)\b/,
];

const text = (path: string): string => readFileSync(join(root, path), 'utf8');

function walk(path: string, ignored: RegExp): string[] {
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    const inside = path === '' ? entry.name : `${path}/${entry.name}`;
    if (ignored.test(inside)) return [];
    return entry.isDirectory() ? walk(inside, ignored) : [inside];
  });
}

const notOurs =
  /^(\.git|\.build|node_modules|dist|coverage|kompakt-data|package-lock\.json)$|^test\/(vectors|fixtures)$/;
const files = walk('', notOurs).filter((path) =>
  /\.(ts|mjs|js|json|md|proto|java|sh|xml|html|css|svg)$|\.ci\/run$/.test(path),
);
const scripts = files.filter((path) => /\.(ts|mjs)$/.test(path));
const sources = scripts.filter((path) => layers.includes(path.split('/')[0]!));

type Import = { from: string; specifier: string };

/** Every static, dynamic and re-exporting import. A doc comment's lines begin with a star, so they never match. */
function importsOf(path: string): Import[] {
  const patterns = [
    /^\s*(?:import|export)\b[^;'"`*]*?(?:\*\s*(?:as\s+\w+\s*)?)?from\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
    /\brequire(?:\.resolve)?\s*\(\s*['"]([^'"]+)['"]/g,
  ];
  const code = text(path);
  return patterns.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => ({ from: path, specifier: match[1]! })),
  );
}

const imports = scripts.filter((path) => path !== self).flatMap(importsOf);
const target = ({ from, specifier }: Import): string =>
  relative(root, resolve(root, dirname(from), specifier))
    .split(sep)
    .join('/');
const isRelative = ({ specifier }: Import): boolean => specifier.startsWith('.');
const packageOf = (specifier: string): string =>
  specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
const isBuiltin = (specifier: string): boolean =>
  specifier.startsWith('node:') || builtinModules.includes(specifier);
const arrow = ({ from, specifier }: Import): string => `${from} -> ${specifier}`;

/** All lines of all given files that match, as `path:line: text`. */
function linesWith(paths: string[], pattern: RegExp): string[] {
  return paths
    .filter((path) => path !== self)
    .flatMap((path) =>
      text(path)
        .split('\n')
        .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 100)}`] : [])),
    );
}

test('the walk finds the project', () => {
  expect(sources.length).toBeGreaterThan(20);
  expect(imports.length).toBeGreaterThan(sources.length);
  expect(files).toContain('README.md');
});

describe('layers', () => {
  test('imports only point left', () => {
    const wrong = imports.filter(isRelative).filter((one) => {
      const from = layers.indexOf(one.from.split('/')[0]!);
      const to = target(one).split('/')[0]!;
      if (from < 0) return false;
      return layers.indexOf(to) < 0 ? to !== 'package.json' : layers.indexOf(to) > from;
    });
    expect(wrong.map(arrow)).toEqual([]);
  });

  test('tools use what the broker shows, not its rooms, unless they assemble one', () => {
    const shown = /^broker\/([\w-]+\.ts|apis\/index\.ts|(config|control|observe)\/.*)$/;
    const wrong = imports.filter(
      (one) =>
        /^tools\/(?!broker-process\.ts|testing\/)/.test(one.from) &&
        isRelative(one) &&
        target(one).startsWith('broker/') &&
        !shown.test(target(one)),
    );
    expect(wrong.map(arrow)).toEqual([]);
  });

  test('relative imports name a file that exists, with its ending', () => {
    expect(
      imports
        .filter(isRelative)
        .filter((one) => !existsSync(join(root, target(one))) || !/\.\w+$/.test(one.specifier))
        .map(arrow),
    ).toEqual([]);
  });

  test('no folder or file is a drawer for the rest', () => {
    expect(
      sources.filter((path) => /(^|[/.-])(utils?|common|lib|helpers?|misc)([/.-]|$)/i.test(path)),
    ).toEqual([]);
  });

  test('what is exported stays what it was: chunks of the bundle take it once', () => {
    // The kernel is AssemblyScript, and no part of the bundle as it stands.
    const bundled = sources.filter((path) => !path.startsWith('compaction/kernel/'));
    expect(linesWith(bundled, /^export (?:let|var)\b/)).toEqual([]);
  });

  test('nothing is exported as default', () => {
    expect(linesWith(sources, /^\s*export\s+default\b|\bas\s+default\b/)).toEqual([]);
  });
});

describe('the outside', () => {
  const inside = sources.filter((path) => !path.startsWith('tools/') && !doors.includes(path));

  test('time, disk, network and chance come in by three doors', () => {
    const wrong = imports.filter(
      (one) => inside.includes(one.from) && bannedModules.includes(one.specifier.replace(/^node:/, '')),
    );
    expect(wrong.map(arrow)).toEqual([]);
  });

  test('one file starts threads, one runs in them', () => {
    const threads = imports.filter((one) => /^(node:)?worker_threads$/.test(one.specifier));
    const wrong = threads.filter((one) => sources.includes(one.from) && !threadDoors.includes(one.from));
    expect(wrong.map(arrow)).toEqual([]);
  });

  test('no global gives time, chance or environment', async () => {
    const wrong: string[] = [];
    for (const path of inside) {
      // Comments and types are gone after this; a word in a string would be a false alarm that nobody needs.
      const { code } = await transform(text(path), { loader: 'ts', legalComments: 'none' });
      for (const line of code.split('\n'))
        for (const pattern of bannedGlobals) if (pattern.test(line)) wrong.push(`${path}: ${line.trim()}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe('files', () => {
  test(`no file has more than ${maxFileLines} lines`, () => {
    const long = scripts
      .filter((path) => !longTables.includes(path))
      .map((path) => ({ path, lines: text(path).split('\n').length - 1 }));
    expect(long.filter(({ lines }) => lines > maxFileLines)).toEqual([]);
  });

  test('every source opens with a comment that says what it owns', () => {
    const head = (path: string) => text(path).split('\n').slice(0, 70).join('\n');
    expect(sources.filter((path) => !/^(\/\*|\/\/ )/m.test(head(path)))).toEqual([]);
  });

  test('nothing is left unfinished', () => {
    expect(linesWith(files, /\b(TODO|FIXME|XXX|HACK)\b|\bnot implemented\b/)).toEqual([]);
  });

  test('every test runs', () => {
    const switchedOff = /\b(it|test|describe)\.(skip|todo|only|fails)\b|\b(xit|xdescribe|fit)\(/;
    expect(linesWith(scripts, switchedOff)).toEqual([]);
  });

  test('only a file that has modules of its own puts another in their place', () => {
    const shares = scripts.filter(
      (path) => /test\.ts$/.test(path) && !/(\.ci|\/fallback[\w-]*)\.test\.ts$/.test(path),
    );
    expect(linesWith(shares, /\bvi\.(mock|doMock|resetModules)\(/)).toEqual([]);
  });

  test('no path of one machine and no host of a package registry', () => {
    const path = /(^|[^\w./-])\/(work|root|home|Users)\/\w/;
    const host = /https?:\/\/(registry|repo\d?|proxy|deb|static|files|index)\./;
    expect(linesWith(files, path)).toEqual([]);
    expect(linesWith(files, host)).toEqual([]);
  });
});

describe('documents', () => {
  const documents = files.filter((path) => path.endsWith('.md'));
  const links = documents.flatMap((path) =>
    [...text(path).matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map((match) => ({
      from: path,
      specifier: match[1] ?? match[2]!,
    })),
  );

  test('links lead somewhere', () => {
    const anchor = (heading: string) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .trim()
        .replaceAll(' ', '-');
    const isBroken = (one: Import): boolean => {
      if (/^[a-z]+:/.test(one.specifier)) return false;
      const [file = '', fragment] = one.specifier.split('#');
      const path = file === '' ? one.from : target({ ...one, specifier: file });
      if (!existsSync(join(root, path))) return true;
      if (fragment === undefined || !path.endsWith('.md')) return false;
      return ![...text(path).matchAll(/^#+ (.+)$/gm)].some((match) => anchor(match[1]!) === fragment);
    };
    expect(links.filter(isBroken).map(arrow)).toEqual([]);
  });

  test('ARCHITECTURE.md gives a reason for each dependency, and for nothing else', () => {
    const section =
      /^#+ Dependencies\n([\s\S]*?)(?=^# |^## |(?![\s\S]))/m.exec(text('ARCHITECTURE.md'))?.[1] ?? '';
    const named = [...section.matchAll(/^\|\s*`([^`]+)`\s*\|\s*\S/gm)].map((match) => match[1]!);
    const manifest = JSON.parse(text('package.json'));
    expect(named.sort()).toEqual(
      Object.keys({
        ...manifest.dependencies,
        ...manifest.devDependencies,
        ...manifest.peerDependencies,
      }).sort(),
    );
  });
});

describe('packages', () => {
  const manifest = JSON.parse(text('package.json'));
  const bare = imports.filter((one) => !isRelative(one) && !isBuiltin(one.specifier));

  test('every imported package is a dependency, and no source leans on a development one that is not bundled', () => {
    const bundled = /const bundled = \[(.*)\]/.exec(text('build.mjs'))![1]!.match(/[\w-]+/g)!;
    const allowed = (one: Import): boolean => {
      const name = packageOf(one.specifier);
      if (name in manifest.dependencies || bundled.includes(name)) return true;
      return !sources.includes(one.from) && (name in manifest.devDependencies || name === manifest.name);
    };
    expect(bare.filter((one) => !allowed(one)).map(arrow)).toEqual([]);
  });

  test('a dependant installs us without running a script of ours', () => {
    const hooks = [
      'preinstall',
      'install',
      'postinstall',
      'prepare',
      'preprepare',
      'postprepare',
      'dependencies',
    ];
    expect(Object.keys(manifest.scripts).filter((name) => hooks.includes(name))).toEqual([]);
  });

  test('its scripts are for every shell: words alone, and `exec` only where exec.cmd stands for it on Windows', () => {
    const commands: string[] = Object.values(manifest.scripts);
    expect(
      commands.filter((command) => !/^(exec )?(node|tsc|tsx|biome)( [\w./:=-]+)*$/.test(command)),
    ).toEqual([]);
    expect(existsSync(join(root, 'exec.cmd'))).toBe(true);
  });

  test('built-in modules carry their prefix', () => {
    expect(
      imports
        .filter(
          (one) =>
            !isRelative(one) && !one.specifier.startsWith('node:') && builtinModules.includes(one.specifier),
        )
        .map(arrow),
    ).toEqual([]);
  });
});
