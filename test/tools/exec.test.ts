/** `kompakt exec` as a process: what the command gets, what it prints, how both end. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { skipUnless } from '../skip.ts';
import { buildProgram, freshDirectory, type Program, repository, runNode } from './program.ts';

let built: { path: string; remove(): void };
beforeAll(async () => {
  built = await buildProgram('exec-test');
});
afterAll(() => built.remove());

let directory: { path: string; remove(): void };
let running: Program[];
beforeEach(() => {
  directory = freshDirectory();
  running = [];
});
afterEach(async () => {
  for (const program of running) program.signal('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  directory.remove();
});

function exec(...args: string[]): Program {
  const program = runNode([built.path, 'exec', ...args]);
  running.push(program);
  return program;
}

/** A command for `exec`: this Node, running `code` as an ES module; newer ones warn of what kafkajs does with its timers. */
function nodeCommand(code: string): string[] {
  const path = join(directory.path, 'command.mjs');
  writeFileSync(path, code);
  return ['--', process.execPath, '--no-warnings', path];
}

const noSignals = process.platform === 'win32';

describe('the command', () => {
  test('finds a broker of its own, in memory, on a free port', async () => {
    const kafkajs = JSON.stringify(join(repository, 'node_modules/kafkajs/index.js'));
    const code = `
      import kafkajs from ${kafkajs};
      const { KAFKA_BROKERS, KAFKA_BOOTSTRAP_SERVERS, KOMPAKT_HTTP_URL } = process.env;
      const admin = new kafkajs.Kafka({ brokers: [KAFKA_BROKERS], logLevel: 0 }).admin();
      await admin.connect();
      await admin.createTopics({ topics: [{ topic: 'orders' }] });
      const topics = await admin.listTopics();
      await admin.disconnect();
      console.log(JSON.stringify({ KAFKA_BROKERS, KAFKA_BOOTSTRAP_SERVERS, KOMPAKT_HTTP_URL, topics }));`;
    const { code: exit, out, err } = await exec('--memory', ...nodeCommand(code)).ended;
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    const seen = JSON.parse(out);
    expect(seen).toEqual({
      KAFKA_BROKERS: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      KAFKA_BOOTSTRAP_SERVERS: seen.KAFKA_BROKERS,
      topics: ['orders'],
    });
    expect(readdirSync(directory.path)).toEqual(['command.mjs']);
  });

  test('has its own arguments, output and exit code', async () => {
    const code = `console.log(process.argv.slice(2).join()); console.error('oh'); process.exitCode = 42;`;
    expect(await exec('--memory', ...nodeCommand(code), '--port', 'x', '--', '--memory').ended).toMatchObject(
      { code: 42, out: '--port,x,--,--memory\n', err: 'oh\n' },
    );
  });

  test('needs no -- before it', async () => {
    const [, ...command] = nodeCommand('console.log(process.argv.slice(2).join())');
    expect(await exec(...command, '--memory').ended).toMatchObject({ code: 0, out: '--memory\n', err: '' });
  });

  test('that a signal ended gives 128 + the number of the signal', async (context) => {
    skipUnless(context, !noSignals, 'Windows has no signals');
    expect((await exec(...nodeCommand(`process.kill(process.pid, 'SIGKILL')`)).ended).code).toBe(137);
  });

  test('that is not there gives 127, one that cannot be run 126', async (context) => {
    expect(await exec('--', 'no-such-command').ended).toEqual({
      ...{ code: 127, signal: null, out: '' },
      err: 'kompakt: no-such-command: no such command\n',
    });
    skipUnless(context, !noSignals, 'Windows knows no modes of files');
    const file = join(directory.path, 'text');
    writeFileSync(file, '', { mode: 0o600 });
    const { code, err } = await exec('--', file).ended;
    expect(code).toBe(126);
    expect(err).toBe(`kompakt: cannot run ${file}: it is not a program that may be run\n`);
  });
});

describe('the broker', () => {
  test('keeps its data where that is asked for, and stops cleanly', async () => {
    const data = join(directory.path, 'data');
    expect((await exec('--data-dir', data, ...nodeCommand('')).ended).code).toBe(0);
    expect(existsSync(join(data, '.kafka_cleanshutdown'))).toBe(true);
  });

  test('serves HTTP where that is asked for, and is told of by the ready file as long as it runs', async () => {
    const readyFile = join(directory.path, 'ready.json');
    const code = `
      import { readFileSync } from 'node:fs';
      const ready = JSON.parse(readFileSync(${JSON.stringify(readyFile)}, 'utf8'));
      const { openapi } = await (await fetch(process.env.KOMPAKT_HTTP_URL + '/openapi.json')).json();
      const { KAFKA_BROKERS, KOMPAKT_HTTP_URL } = process.env;
      console.log(JSON.stringify({ ready, openapi, KAFKA_BROKERS, KOMPAKT_HTTP_URL }));`;
    const { out, err } = await exec('--http-port', '0', '--ready-file', readyFile, ...nodeCommand(code))
      .ended;
    expect(err).toBe('');
    const { ready, openapi, KAFKA_BROKERS, KOMPAKT_HTTP_URL } = JSON.parse(out);
    expect(openapi).toMatch(/^3/);
    expect(ready).toMatchObject({
      bootstrapServers: KAFKA_BROKERS,
      httpUrl: KOMPAKT_HTTP_URL,
      dataDir: null,
    });
    expect(existsSync(readyFile)).toBe(false);
  });

  test('that cannot be gives 125 and says why, and the command does not run', async () => {
    const command = nodeCommand(`console.log('ran')`);
    const noFolder = join(directory.path, 'none', 'ready.json');
    for (const [options, why] of [
      [['--set', 'no.such.key=1'], /Unknown key no\.such\.key/],
      [['--memory', '--data-dir', 'x'], /--memory and --data-dir contradict/],
      [['--port', '70000'], /--port 70000 is not a port/],
      [['--ready-file', noFolder], /cannot write --ready-file: .*ENOENT/],
      [['--log-level', 'loud'], /argument 'loud' is invalid/],
    ] as const) {
      const { code, out, err } = await exec(...options, ...command).ended;
      expect({ code, out }).toEqual({ code: 125, out: '' });
      expect(err).toMatch(why);
    }
    expect(await exec().ended).toMatchObject({ code: 125, err: expect.stringMatching(/missing.*command/) });
  });

  test('whose directory another has says so', async () => {
    const data = join(directory.path, 'data');
    const inner = `
      import { spawnSync } from 'node:child_process';
      const args = [${JSON.stringify(built.path)}, 'exec', '--data-dir', ${JSON.stringify(data)}, '--', 'node'];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      console.log(JSON.stringify({ status, stderr }));`;
    const { status, stderr } = JSON.parse((await exec('--data-dir', data, ...nodeCommand(inner)).ended).out);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^kompakt: .*in use/);
  });

  test('logs nothing on stdout, and on stderr what is worth a warning', async () => {
    const { out, err } = await exec('--host', '0.0.0.0', ...nodeCommand('')).ended;
    expect(out).toBe('');
    expect(err.match(/without security/g)).toHaveLength(1);
  });
});

describe('a signal', () => {
  /** Says when it listens, then which signals it got; ends by itself after the first one. */
  const listening = `
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
      process.on(name, () => { console.log(name); process.exitCode = 3; clearInterval(alive); });
    const alive = setInterval(() => {}, 1000);
    console.log('listening');`;

  test.skipIf(noSignals).each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)(
    '%s is passed on, once; the exit code stays the command’s',
    async (name) => {
      const data = join(directory.path, 'data');
      const program = exec('--data-dir', data, ...nodeCommand(listening));
      await program.printed(/listening/);
      program.signal(name);
      expect(await program.ended).toMatchObject({ code: 3, out: `listening\n${name}\n`, err: '' });
      expect(existsSync(join(data, '.kafka_cleanshutdown'))).toBe(true);
    },
  );

  test('to a command that does not listen ends it, with 128 + its number', async (context) => {
    skipUnless(context, !noSignals, 'Windows has no signals');
    const program = exec(...nodeCommand(`setInterval(() => {}, 1000); console.log('up');`));
    await program.printed(/up/);
    program.signal('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 143, signal: null, err: '' });
  });

  test('kompakt stop ends the command', async (context) => {
    skipUnless(context, !noSignals, 'Windows has no signals');
    const readyFile = join(directory.path, 'ready.json');
    const program = exec('--ready-file', readyFile, ...nodeCommand(listening));
    await program.printed(/listening/);
    const { bootstrapServers } = JSON.parse(readFileSync(readyFile, 'utf8'));
    expect((await runNode([built.path, 'stop', '--bootstrap', bootstrapServers]).ended).code).toBe(0);
    expect(await program.ended).toMatchObject({ code: 3, out: 'listening\nSIGTERM\n' });
  });
});
