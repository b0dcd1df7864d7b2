/** `kompakt serve`, `status` and `stop` as processes: what is printed, how they end, what they leave behind. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { skipUnless } from '../skip.ts';
import { buildProgram, freshDirectory, type Program, runNode } from './program.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

let built: { path: string; remove(): void };
beforeAll(async () => {
  built = await buildProgram('serve-test');
});
afterAll(() => built.remove());

let directory: { path: string; remove(): void };
let running: Program[];
/** Not there yet: the broker makes it. */
let data: string;

beforeEach(() => {
  directory = freshDirectory();
  data = join(directory.path, 'data');
  running = [];
});
afterEach(async () => {
  for (const program of running) program.signal('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  directory.remove();
});

function kompakt(...args: string[]): Program {
  const program = runNode([built.path, ...args]);
  running.push(program);
  return program;
}

/** Without HTTP, unless a test is about it: its default port may be somebody's. */
const serve = (...args: string[]): Program => {
  const isAboutHttp = args.some((arg) => arg.includes('http'));
  return kompakt('serve', '--port', '0', ...(isAboutHttp ? [] : ['--no-http']), ...args);
};

interface ReadyLine {
  readonly host: string;
  readonly port: number;
  readonly http: string | null;
  readonly data: string;
}

async function ready(program: Program): Promise<ReadyLine> {
  const line = await program.firstLine;
  const match =
    /^kompakt (\S+) ready on (\S+):(\d+), (?:(http:\S+), )?(in memory|data in (.+)), (\d+) ms$/.exec(line);
  expect(match, line).not.toBeNull();
  expect(match![1]).toBe(version);
  return { host: match![2]!, port: Number(match![3]), http: match![4] ?? null, data: match![6] ?? '' };
}

/** The one line on stderr of a command that fails, without its prefix. */
async function failure(program: Program): Promise<string> {
  const { code, out, err } = await program.ended;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^kompakt: .*\n$/);
  return err.slice('kompakt: '.length, -1);
}

describe('a broker', () => {
  test('says when it is ready, logs JSON lines, and ends cleanly on SIGTERM', async () => {
    const readyFile = join(directory.path, 'ready file');
    const program = serve('--data-dir', data, '--ready-file', readyFile, '--log-level', 'debug');
    const line = await ready(program);
    expect(line).toMatchObject({ host: 'localhost', data });
    expect(JSON.parse(readFileSync(readyFile, 'utf8'))).toEqual({
      bootstrapServers: `localhost:${line.port}`,
      httpUrl: null,
      dataDir: data,
      processId: program.pid,
      version,
    });
    program.signal('SIGTERM');
    const { code, signal, out, err } = await program.ended;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(out).toBe(`${await program.firstLine}\n`);
    for (const text of err.split('\n').filter((one) => one !== ''))
      expect(JSON.parse(text)).toMatchObject({ time: expect.any(Number), msg: expect.any(String) });
    expect(readdirSync(directory.path)).toEqual(['data']);
    expect(existsSync(join(data, '.kafka_cleanshutdown'))).toBe(true);
    expect(readdirSync(data).filter((name) => name.startsWith('kompakt'))).toEqual([]);
  });

  test('ends on SIGINT, and in memory leaves nothing behind', async () => {
    const before = readdirSync(directory.path);
    const program = serve('--memory');
    expect((await ready(program)).data).toBe('');
    program.signal('SIGINT');
    expect(await program.ended).toMatchObject({ code: 0, signal: null });
    expect(readdirSync(directory.path)).toEqual(before);
  });

  test('listens on both loopback addresses of localhost, where they exist', async () => {
    const { port } = await ready(serve('--memory'));
    const reaches = (host: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = net.connect({ host, port }, () => resolve(true));
        socket.once('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
      });
    expect(await reaches('127.0.0.1')).toBe(true);
    expect(await reaches('::1')).toBe(await canListen('::1'));
  });

  test.skipIf(process.platform === 'win32')('ends at once on a second signal', async () => {
    const program = serve('--data-dir', data);
    await ready(program);
    // Both wait while it is stopped, so neither can come too late.
    program.signal('SIGSTOP');
    program.signal('SIGINT');
    program.signal('SIGTERM');
    program.signal('SIGCONT');
    const { code } = await program.ended;
    expect([130, 143]).toContain(code);
  });

  test('warns once when others can reach it', async () => {
    const program = serve('--memory', '--host', '0.0.0.0');
    await ready(program);
    program.signal('SIGTERM');
    const { err } = await program.ended;
    expect(err.match(/without security/g)).toHaveLength(1);
  });

  test('starts again after kill -9, without a clean-up by hand', async () => {
    const killed = serve('--data-dir', data);
    await ready(killed);
    killed.signal('SIGKILL');
    await killed.ended;
    expect(existsSync(join(data, 'kompakt.control'))).toBe(true);
    expect(await failure(kompakt('status', '--data-dir', data))).toBe(`no broker is running on ${data}`);
    await ready(serve('--data-dir', data));
    expect(await kompakt('status', '--data-dir', data).ended).toMatchObject({ code: 0 });
  });
});

describe('the control commands', () => {
  test('show a running broker, and stop it', async () => {
    const broker = serve('--data-dir', data, '--set', 'num.io.threads=3');
    const { port } = await ready(broker);
    const { out } = await kompakt('status', '--data-dir', data, '--json').ended;
    const status = JSON.parse(out);
    expect(status).toMatchObject({ version, nodeId: 1, dataDirectory: data, topics: 0, connections: 0 });
    expect(status.listeners).toContain(`127.0.0.1:${port}`);
    expect((await kompakt('status', '--data-dir', data).ended).out).toContain(`127.0.0.1:${port}`);
    expect((await kompakt('gaps', '--data-dir', data).ended).out).toMatch(
      /^num.io.threads +ignored +1 time +- +Ignored because/m,
    );
    const gaps = JSON.parse((await kompakt('gaps', '--data-dir', data, '--json').ended).out);
    expect(gaps).toMatchObject({ gaps: [{ kind: 'config', name: 'num.io.threads' }], others: 0 });
    const stopped = await kompakt('stop', '--data-dir', data).ended;
    expect(stopped).toMatchObject({ code: 0, out: '', err: '' });
    expect(await broker.ended).toMatchObject({ code: 0, signal: null });
    expect(await failure(kompakt('stop', '--data-dir', data))).toBe(`no broker is running on ${data}`);
  });

  test('work where the path is too long for a socket', async () => {
    const deep = join(directory.path, 'ein recht langer Name '.repeat(4), 'noch einer'.repeat(5));
    const broker = serve('--data-dir', deep);
    await ready(broker);
    expect(await kompakt('stop', '--data-dir', deep).ended).toMatchObject({ code: 0 });
    expect(await broker.ended).toMatchObject({ code: 0 });
  });
});

describe('HTTP', () => {
  const statusAt = async (url: string, token = ''): Promise<number> =>
    (await fetch(url, { headers: token === '' ? {} : { authorization: `Bearer ${token}` } })).status;

  test('is where the ready line and status say, or nowhere', async () => {
    const { http } = await ready(serve('--data-dir', data, '--http-port', '0'));
    expect(http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await statusAt(`${http}/health`)).toBe(200);
    const { out } = await kompakt('status', '--data-dir', data, '--json').ended;
    expect(JSON.parse(out)).toMatchObject({ httpUrl: http });
    expect((await kompakt('status', '--data-dir', data).ended).out).toContain(http);
    expect((await ready(serve('--memory', '--no-http'))).http).toBeNull();
  });

  test('lets tests control the broker where that was allowed', async () => {
    const program = serve('--data-dir', data, '--http-port', '0', '--test-control');
    const { http, port } = await ready(program);
    const reset = await fetch(`${http}/test/reset`, { method: 'POST' });
    expect([reset.status, await statusAt(`${http}/test/faults`)]).toEqual([200, 200]);
    // The commands find the broker of now, too.
    const stopped = await kompakt('stop', '--bootstrap', `localhost:${port}`).ended;
    expect([stopped.code, (await program.ended).code]).toEqual([0, 0]);
    const closed = await ready(serve('--memory', '--http-port', '0'));
    expect(await statusAt(`${closed.http}/test/faults`)).toBe(403);
    expect(await failure(kompakt('serve', '--memory', '--no-http', '--test-control'))).toBe(
      '--no-http and the other options for HTTP contradict each other',
    );
  });

  test('takes its token from a file, or from the environment', async () => {
    const file = join(directory.path, 'token');
    writeFileSync(file, 'of-the-file\n');
    const ofFile = await ready(serve('--memory', '--http-port', '0', '--http-token-file', file));
    expect(await statusAt(ofFile.http!)).toBe(401);
    expect(await statusAt(ofFile.http!, 'of-the-file')).toBe(200);
    const program = runNode([built.path, 'serve', '--memory', '--port', '0', '--http-port', '0'], {
      KOMPAKT_HTTP_TOKEN: 'of-the-environment',
    });
    running.push(program);
    expect(await statusAt((await ready(program)).http!, 'of-the-environment')).toBe(200);
  });

  test.each([
    [['--http-port', 'ninety'], /--http-port ninety is not a port/],
    [['--no-http', '--http-port', '1'], /--no-http and the other options for HTTP contradict/],
    [
      ['--http-port', '1', '--set', 'kompakt.http.port=2'],
      /--http-port and --set kompakt\.http\.port contradict/,
    ],
    [['--http-host', '0.0.0.0'], /kompakt\.http\.host=0\.0\.0\.0 is beyond this machine, which needs/],
    [['--http-token-file', '/does/not/exist'], /cannot read \/does\/not\/exist/],
    [['--set', 'kompakt.http.cors.origins=*'], /scheme:\/\/host/],
  ])('is not to be had by %j', async (args, expected) => {
    expect(await failure(serve('--memory', ...args))).toMatch(expected);
  });

  test('on a chosen port that is taken is no start', async () => {
    const { http } = await ready(serve('--memory', '--http-port', '0'));
    const { port } = new URL(http!);
    expect(await failure(serve('--data-dir', data, '--http-port', port))).toBe(
      `127.0.0.1:${port}, for HTTP, is in use by another program`,
    );
  });
});

describe('where settings come from', () => {
  test('the file, then --port, then --set; what has no effect is named once', async () => {
    const file = join(directory.path, 'server.properties');
    writeFileSync(
      file,
      [
        'process.roles=broker,controller',
        'node.id=7',
        'listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://:9093',
        'controller.listener.names=CONTROLLER',
        'num.network.threads=3',
        `log.dirs=${data.replaceAll('\\', '\\\\')}`,
        'num.partitions=2',
      ].join('\n'),
    );
    const broker = serve('--properties', file, '--set', 'num.partitions=5');
    const line = await ready(broker);
    expect(line.data).toBe(data);
    expect(line.port).not.toBe(1);
    const { out } = await kompakt('status', '--data-dir', data, '--json').ended;
    expect(JSON.parse(out)).toMatchObject({ nodeId: 7 });
    broker.signal('SIGTERM');
    const { err } = await broker.ended;
    expect(err.match(/num\.network\.threads/g)).toHaveLength(1);
    expect(err.match(/its listener is not opened/g)).toHaveLength(1);
  });
});

describe('one line and a failing exit code', () => {
  test('for a port in use', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as net.AddressInfo;
    const program = kompakt('serve', '--data-dir', data, '--host', '127.0.0.1', '--port', `${port}`);
    expect(await failure(program)).toBe(`127.0.0.1:${port} is in use by another program`);
    server.close();
    // Nothing was formatted for a broker that could not start.
    expect(existsSync(join(data, 'meta.properties'))).toBe(false);
  });

  test('for a directory in use', async () => {
    await ready(serve('--data-dir', data));
    expect(await failure(serve('--data-dir', data))).toMatch(/is in use by another Kompakt \(process \d+\)/);
  });

  test('for a directory with something else in it, left as it was', async () => {
    mkdirSync(data);
    writeFileSync(join(data, 'thesis.txt'), 'precious');
    expect(await failure(serve('--data-dir', data))).toMatch(/is not a data directory of Kompakt/);
    expect(readdirSync(data)).toEqual(['thesis.txt']);
  });

  test('for a place that cannot be written', async () => {
    writeFileSync(join(directory.path, 'file'), '');
    const inside = join(directory.path, 'file', 'data');
    expect(await failure(serve('--data-dir', inside))).toContain(inside);
  });

  test('for a place where the system makes no directories', async (context) => {
    skipUnless(context, process.platform === 'linux', 'only Linux has /proc');
    expect(await failure(serve('--data-dir', '/proc/data'))).toContain('/proc/data: ENOENT');
  });

  test.each([
    [
      ['--set', 'log.retention.hour=3'],
      /Unknown key log\.retention\.hour in --set \(did you mean log\.retention\.hours/,
    ],
    [['--set', 'num.partitions=none'], /num\.partitions/],
    [['--set', 'num.partitions'], /expected key=value/],
    [['--set', 'listeners=PLAINTEXT://:1'], /--port and --set listeners contradict/],
    [['--memory', '--data-dir', 'x'], /--memory and --data-dir contradict/],
    [['--memory', '--set', 'log.dirs=x'], /--memory and --set log\.dirs contradict/],
    [['--port', 'ninety'], /--port ninety is not a port/],
    [['--properties', '/does/not/exist'], /cannot read \/does\/not\/exist/],
  ])('for %j', async (args, expected) => {
    expect(await failure(serve(...(args as string[])))).toMatch(expected);
  });

  test('for an unknown option or command', async () => {
    for (const args of [['serve', '--prot', '1'], ['sevre']]) {
      const { code, out, err } = await kompakt(...args).ended;
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/^kompakt: unknown/);
    }
  });
});

test('--version', async () => {
  expect(await kompakt('--version').ended).toMatchObject({ code: 0, out: `${version}\n` });
});

async function canListen(host: string): Promise<boolean> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(0, host, () => server.close(() => resolve(true)));
  });
}
