/** README.md as its reader meets it: every code block runs, from top to bottom, and its tables say what the code says. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { brokerKeys } from '../../broker/config/broker-keys.ts';
import { differences, otherWays } from '../../broker/config/differences.ts';
import { formatValue } from '../../storage/config/define.ts';
import { skipUnless } from '../skip.ts';
import {
  type Ended,
  freshDirectory,
  type RunningBroker,
  repository,
  runNode,
  startProgram,
} from './program.ts';

const readme = readFileSync(join(repository, 'README.md'), 'utf8');
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map((match) => ({
  language: match[1]!,
  code: match[2]!.trim(),
}));

const hasCurl = process.platform !== 'win32' && spawnSync('curl', ['--version']).status === 0;
const data = freshDirectory();
const other = freshDirectory();
let broker: RunningBroker | undefined;
afterAll(async () => {
  await broker?.stop();
  data.remove();
  other.remove();
});

const start = async () => {
  broker = await startProgram([
    'run.mjs',
    'start',
    '--port',
    '0',
    '--http-port',
    '0',
    '--data-dir',
    data.path,
  ]);
};
const quickstart = () => runNode(['examples/quickstart.mjs'], { KAFKA_BROKERS: broker!.address }).ended;
const linesRead = ({ out }: Ended) => out.match(/^read /gm)?.length;

/** By the last example: what the README shows of it is in there, but for sizes and times. */
let printedByExample = '';
const withoutMeasures = (text: string) =>
  text
    .replace(/localhost:\d+/g, 'HOST:PORT')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/[\d.]+ (ms|s|KB|MB)\b/g, 'MEASURE')
    .replace(/(?<![\w-])[\w-]{22}(?=-\d+-\d+\b)/g, 'TOPIC')
    .replace(/ +/g, ' ');

/** Words as a shell splits them, with single quotes. */
const words = (line: string) =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);

/** Commands of the key/value store are run, as on a terminal, one after the other. */
const isLookup = (part: string) => /^\$ kompakt (get|put|delete|scan|watch) /.test(part);
let etag = '';
async function runLookup(part: string): Promise<void> {
  const [line, ...shown] = part.split('\n');
  const args = words(
    line!.replace('localhost:9092', broker!.address).replace(/[\w-]{22}-\d+-\d+/, etag),
  ).slice(2);
  const { out, err } = await runNode(['dist/kompakt.js', ...args, '--text']).ended;
  expect(withoutMeasures(out + err).trim()).toBe(withoutMeasures(shown.join('\n')).trim());
  etag = /[\w-]{22}-\d+-\d+/.exec(out)?.[0] ?? etag;
}

/** What stands for each command that the README has: the same on a free port and a fresh directory. */
const commands: Record<string, () => Promise<void>> = {
  async 'npm start'() {
    expect(manifest.scripts.start).toBe('exec node run.mjs start');
    await start();
  },
  /** As the text goes on: stopped, started again, run once more. */
  async 'node examples/quickstart.mjs'() {
    expect(linesRead(await quickstart())).toBe(3);
    expect(await broker!.stop()).toMatchObject({ code: 0 });
    await start();
    expect(linesRead(await quickstart())).toBe(6);
  },
  async 'node examples/compaction.mjs'() {
    const environment = { KAFKA_BROKERS: broker!.address, NODE_NO_WARNINGS: '1' };
    const { code, out, err } = await runNode(['examples/compaction.mjs'], environment).ended;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    printedByExample = out;
  },
  async 'npm test'() {
    expect(manifest.scripts.test).toBe('node run.mjs test'); // we are in it
  },
  async 'npm install kafkajs'() {
    expect(manifest.devDependencies).toHaveProperty('kafkajs'); // the next block runs with this one
  },
  async 'kompakt exec -- pytest'() {
    // With pytest in exec.ci.test.ts; here as a command that tells what it was given.
    const command = [process.execPath, '-p', 'process.env.KAFKA_BROKERS'];
    const { code, out } = await runNode(['dist/kompakt.js', 'exec', '--', ...command]).ended;
    expect(code).toBe(0);
    expect(out).toMatch(/^127\.0\.0\.1:\d+\n$/);
  },
  async 'node dist/kompakt.js serve --host 0.0.0.0 --set advertised.listeners=PLAINTEXT://localhost:9092'() {
    const listeners = 'advertised.listeners=PLAINTEXT://localhost:9092';
    const place = ['--port', '0', '--no-http', '--data-dir', other.path];
    const mapped = await startProgram([
      'dist/kompakt.js',
      'serve',
      '--host',
      '0.0.0.0',
      '--set',
      listeners,
      ...place,
    ]);
    expect(await mapped.stop()).toMatchObject({ code: 0 });
  },
};

/** What curl prints for each request of the README; the last one ends when it has printed that. */
const answered: Record<string, RegExp> = {
  'localhost:9080/topics/articles/keys/471104': /^\{"name":"Bike Helmet 5","brand":"Nordlauf","skus":\[.*\}$/,
  "'localhost:9080/topics/articles/keys/471104?at=/shops/Berlin/price'": /^[\d.]+$/,
  '-X PUT -H \'Content-Type: application/json\' -d \'{"name":"Trail Shoe 9"}\' localhost:9080/topics/articles/keys/471999':
    /^\{"partition":0,"offset":\d+,"timestampMs":\d+,"etag":".*"\}$/,
  'localhost:9080/topics/articles/keys/471999/history': /"json":\{"name":"Trail Shoe 9"\}/,
  '-X DELETE localhost:9080/topics/articles/keys/471999': /^\{"partition":0,"offset":\d+/,
  "'localhost:9080/topics/articles/keys?prefix=4711&limit=2'": /^\{"records":\[.*\],"next":".+"\}$/,
  "-N 'localhost:9080/topics/articles/changes?prefix=4711'": /^event: live$/m,
};

async function runCurl(line: string): Promise<void> {
  const wanted = answered[line.slice('curl '.length)];
  expect(wanted, `a new request: say in this test what it answers: ${line}`).toBeDefined();
  const here = broker!.httpUrl!.slice('http://'.length);
  const child = spawn('sh', ['-c', `exec ${line.replace('localhost:9080', here)}`]);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (line.includes('-N') && wanted!.test(out)) child.kill();
  });
  await new Promise((done) => child.once('close', done));
  expect(out).toMatch(wanted!);
}

/** What the programs of the README print, by their first line. */
const printed: Record<string, RegExp> = {
  '// hello.mjs: run it with node hello.mjs': /^hello, world$/m,
  "import { startBroker } from 'kompakt';": /^127\.0\.0\.1:\d+$/m,
  '// A test that knows when: no sleeping, no polling.': /^4711: a shoe$/m,
  '// Prices without a database.':
    /^\{ name: 'Trail Shoe', price: 79\.9 \} undefined\n4711 79\.9\n4711 69\.9\n4711 \{ name: 'Trail Shoe', price: 69\.9 \} 1$/m,
  '// No waiting for the cleaner: the test says when.':
    /^2 superseded\noffset 2: the newest value of its key: it stays until a newer one comes$/m,
};

/** A file inside the repository, so that `kompakt` and `kafkajs` mean what they mean in a project that has them. */
async function runScript(code: string): Promise<Ended> {
  mkdirSync(join(repository, '.build'), { recursive: true });
  const folder = mkdtempSync(join(repository, '.build', 'readme-'));
  try {
    const file = join(folder, 'block.mjs');
    writeFileSync(file, code.replaceAll('localhost:9092', broker!.address));
    return await runNode([file]).ended;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('every code block runs', () => {
  for (const [i, { language, code }] of blocks.entries()) {
    test(`${i + 1}: ${language}: ${code.split('\n')[0]}`, async (context) => {
      if (code.startsWith('curl ')) {
        skipUnless(context, hasCurl, 'no curl here');
        for (const line of code.split('\n')) await runCurl(line);
      } else if (language === 'bash') {
        for (const line of code.split('\n')) {
          const command = commands[line];
          expect(command, `a new command: say in this test how it is run: ${line}`).toBeDefined();
          await command!();
        }
      } else if (language === 'js') {
        const wanted = printed[code.split('\n')[0]!];
        expect(wanted, 'a new program: say in this test what it prints').toBeDefined();
        const { code: exitCode, out } = await runScript(code);
        expect(exitCode).toBe(0);
        expect(out).toMatch(wanted!);
      } else if (language === 'console') {
        for (const part of code.split(/\n(?=\$ )/)) {
          if (isLookup(part)) await runLookup(part);
          // With DuckDB, in sql.ci.test.ts.
          else if (!part.startsWith('$ kompakt sql '))
            expect(withoutMeasures(printedByExample)).toContain(withoutMeasures(part.trim()));
        }
      } else if (['python', 'go'].includes(language)) {
        // In exec.ci.test.ts, which finds a block by the name of its file.
        expect(code).toMatch(/^(#|\/\/) \w+\.\w+: run it with kompakt exec -- /);
      } else if (language === 'json') {
        const readyFile = join(other.path, 'ready.json');
        const serve = ['serve', '--memory', '--port', '0', '--http-port', '0', '--ready-file', readyFile];
        const served = await startProgram(['dist/kompakt.js', ...serve]);
        const written = JSON.parse(readFileSync(readyFile, 'utf8'));
        await served.stop();
        expect(Object.keys(written)).toEqual(Object.keys(JSON.parse(code)));
      } else if (language === 'text') {
        for (const usage of code.split(/^kompakt /m).slice(1)) {
          const help = await runNode(['dist/kompakt.js', usage.split(' ')[0]!, '--help']).ended;
          const inHelp = new Set(help.out.match(/--[a-z-]+/g));
          inHelp.delete('--help');
          expect(new Set(usage.match(/--[a-z-]+/g))).toEqual(inHelp);
        }
      } else {
        expect(language).toBe('mermaid');
      }
    });
  }
});

describe("the differences from Kafka's defaults are those of the code, all of them", () => {
  const section = readme.split("## Differences from Apache Kafka's defaults")[1]!.split('\n## ')[0]!;
  const [keyRows, wayRows] = section.split('And these ways:').map((part) =>
    part
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (key|what) \|/.test(line))
      .map((line) => line.slice(2, -2).split(' | ')),
  ) as [string[][], string[][]];
  /** What the table says in words. */
  const inWords: Record<string, readonly [kafka: string, ours: string]> = {
    'metric.reporters': ['the JMX reporter', 'none'],
  };

  test('keys', () => {
    const told: Record<string, readonly string[]> = {};
    for (const [keys, kafka, ours] of keyRows) {
      const names = keys!.match(/[a-z.]+/g)!;
      const defaults = [kafka!, ours!].map((cell) => (names.length === 1 ? [cell] : cell.split(', ')));
      for (const [i, name] of names.entries()) {
        told[name] = defaults.map((cells) => (cells[i] ?? cells[0]!).replaceAll('`', ''));
      }
    }
    const real = Object.entries(differences).map(([name, { kafka }]) => {
      const ours = formatValue(brokerKeys[name]!, brokerKeys[name]!.default);
      return [name, inWords[name] ?? [kafka ?? 'required', ours]];
    });
    expect(told).toEqual(Object.fromEntries(real));
  });

  test('ways', () => {
    expect(wayRows).toEqual(
      otherWays.map(({ what, kafka, kompakt, because }) => [what, kafka, kompakt, because]),
    );
  });
});
