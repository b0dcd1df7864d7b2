/** `kompakt get`, `put`, `delete`, `scan` and `watch`, as processes beside a broker that is one. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDirectory, type RunningBroker, runNode, startProgram } from './program.ts';

const data = freshDirectory();
let broker: RunningBroker;
const token = 'a token of the shop';

beforeAll(async () => {
  const settings = ['log.cleanup.policy=compact', 'kompakt.lookup.rpc.port=0'];
  broker = await startProgram(
    [
      ...['dist/kompakt.js', 'serve', '--port', '0', '--data-dir', data.path, '--no-http'],
      ...settings.flatMap((setting) => ['--set', setting]),
    ],
    { KOMPAKT_LOOKUP_TOKEN: token },
  );
  const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({
    topics: [{ topic: 'articles', numPartitions: 2 }, { topic: 'prices' }, { topic: 'bytes' }],
  });
  await admin.disconnect();
});
afterAll(async () => {
  await broker.stop();
  data.remove();
});

const kompakt = (...args: string[]) => runNode(['dist/kompakt.js', ...args, '--data-dir', data.path]).ended;
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('a key', () => {
  it('is put, found, deleted and absent, each with an exit code of its own', async () => {
    const article = { name: 'trail shoe', skus: [{ size: 42, price: 79.9 }] };
    const put = await kompakt('put', 'articles', '4711', JSON.stringify(article), '--header', 'from=erp');
    expect(put).toMatchObject({ code: 0, err: '' });
    const [{ partition, etag }] = lines(put.out);
    const found = await kompakt(
      'get',
      'articles',
      '4711',
      '--min-offset',
      '0',
      '--partition',
      `${partition}`,
    );
    expect(found).toMatchObject({ code: 0, err: '' });
    expect(lines(found.out)).toMatchObject([
      { key: '4711', partition, offset: 0, etag, headers: [{ name: 'from', value: 'erp' }], json: article },
    ]);
    const text = await kompakt('get', 'articles', '4711', '--text');
    expect(text.out.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, 'TIME')).toBe(
      [
        'key     4711',
        `at      offset 0 of articles-${partition}, TIME`,
        `etag    ${etag}`,
        'header  from: erp',
        '',
        JSON.stringify(article, null, 2),
        '',
      ].join('\n'),
    );
    expect((await kompakt('get', 'articles', '4711', '--raw')).out).toBe(JSON.stringify(article));
    expect(await kompakt('delete', 'articles', '4711', '--if-match', etag)).toMatchObject({ code: 0 });
    const deleted = await kompakt('get', 'articles', '4711');
    expect(deleted).toMatchObject({
      code: 4,
      err: `kompakt: the key 4711 was deleted at offset 1 of articles-${partition}\n`,
    });
    expect(lines(deleted.out)).toMatchObject([{ offset: 1, deleted: true }]);
    expect(await kompakt('get', 'articles', '4712')).toMatchObject({
      ...{ code: 3, out: '', err: 'kompakt: no record of the key 4712 is in articles\n' },
    });
    const history = await kompakt('get', 'articles', '4711', '--history');
    expect(lines(history.out).map(({ offset }) => offset)).toEqual([0, 1]);
    const before = await kompakt(
      'get',
      'articles',
      '4711',
      '--as-of-offset',
      '0',
      '--partition',
      `${partition}`,
    );
    expect(lines(before.out)).toMatchObject([{ offset: 0 }]);
  });

  it('in two partitions is told of both, and written only where that is said', async () => {
    for (const partition of ['0', '1'])
      await kompakt('put', 'articles', 'both', partition, '--partition', partition);
    const both = await kompakt('get', 'articles', 'both');
    expect(both).toMatchObject({
      code: 5,
      err: 'kompakt: the key both lives in partitions 0, 1 of articles; --partition chooses one\n',
    });
    expect(lines(both.out)).toMatchObject([{ text: '0' }, { text: '1' }]);
    expect(await kompakt('put', 'articles', 'both', 'x')).toMatchObject({ code: 5, out: '' });
    expect((await kompakt('get', 'articles', 'both', '--partition', '1', '--raw')).out).toBe('1');
  });

  it('is written only if it is as expected', async () => {
    const first = lines((await kompakt('put', 'prices', 'a', '1', '--create-only')).out)[0].etag;
    const taken = await kompakt('put', 'prices', 'a', '2', '--create-only');
    expect(taken).toMatchObject({ code: 6, out: '' });
    expect(taken.err).toContain(`its etag is ${first}`);
    expect(await kompakt('put', 'prices', 'a', '2', '--if-match', `"${first}"`)).toMatchObject({ code: 0 });
    expect(await kompakt('put', 'prices', 'a', '3', '--if-match', first)).toMatchObject({ code: 6 });
    expect(await kompakt('put', 'prices', 'a', '3', '--if-match', '*')).toMatchObject({ code: 0 });
    expect(await kompakt('put', 'prices', 'a', '3', '--if-match', 'x')).toMatchObject({ code: 1 });
  });

  it('and its value may be any bytes, and no terminal obeys them', async () => {
    const file = join(data.path, 'value');
    const value = Buffer.from([0x1b, 0x5b, 0x33, 0x31, 0x6d, 0xff, 0]);
    writeFileSync(file, value);
    await kompakt('put', 'bytes', 'hex:00ff', '--value-file', file);
    await kompakt('put', 'bytes', '--key-hex', '01', 'red: \u001b[31m \u009b31m');
    const keys = [['hex:00ff'], ['base64:AP8='], ['--key-base64', 'AP8'], ['--key-hex', '00ff']];
    for (const key of keys)
      expect(lines((await kompakt('get', 'bytes', ...key)).out)).toMatchObject([
        { key: 'base64:AP8', base64: value.toString('base64') },
      ]);
    const text = (await kompakt('scan', 'bytes', '--text')).out;
    expect(text).toContain('red: \\u001b[31m \\u009b31m');
    expect(text).not.toMatch(/[\u001b\u009b]/);
    expect(await kompakt('get', 'bytes', 'hex:0')).toMatchObject({ code: 1, out: '' });
  });
});

describe('many keys', () => {
  it('are scanned by prefix and up to a limit', async () => {
    for (let i = 0; i < 6; i++) await kompakt('put', 'prices', `p${i % 2}-${i}`, `${i}`);
    const scanned = await kompakt('scan', 'prices', '--prefix', 'p1', '--limit', '2');
    expect(scanned).toMatchObject({ code: 0, err: '' });
    expect(lines(scanned.out).map(({ key, text }) => [key, text])).toEqual([
      ['p1-1', '1'],
      ['p1-3', '3'],
    ]);
    const [head, ...rows] = (await kompakt('scan', 'prices', '--prefix', 'p0', '--text')).out
      .trim()
      .split('\n');
    expect(head).toMatch(/^key +partition +offset +time +value$/);
    expect(rows.map((row) => row.split(/ +/)[0])).toEqual(['p0-0', 'p0-2', 'p0-4']);
  });

  it('are watched until a signal', async () => {
    await kompakt('put', 'prices', 'watched', '1');
    const program = runNode([
      ...['dist/kompakt.js', 'watch', 'prices', '--prefix', 'watch', '--data-dir', data.path],
    ]);
    expect(JSON.parse(await program.firstLine)).toMatchObject({
      isSnapshot: true,
      key: 'watched',
      text: '1',
    });
    await kompakt('put', 'prices', 'watched', '2');
    await kompakt('put', 'prices', 'other', '2');
    await kompakt('delete', 'prices', 'watched');
    await program.printed(/"deleted":true/);
    program.signal('SIGINT');
    const { code, out } = await program.ended;
    expect(code).toBe(130);
    expect(lines(out)).toMatchObject([
      { isSnapshot: true, text: '1' },
      { isLive: true },
      { isSnapshot: false, text: '2' },
      { isSnapshot: false, deleted: true },
    ]);
  });
});

it('are watched on with the broker that is started again', async () => {
  const own = freshDirectory();
  const serve = ['dist/kompakt.js', 'serve', '--port', '0', '--data-dir', own.path, '--no-http'];
  const start = () => startProgram([...serve, '--set', 'log.cleanup.policy=compact']);
  let running = await start();
  const admin = new Kafka({ brokers: [running.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'prices' }] });
  await admin.disconnect();
  const ask = (...args: string[]) => runNode(['dist/kompakt.js', ...args, '--data-dir', own.path]);
  await ask('put', 'prices', '4711', '1').ended;
  const watching = ask('watch', 'prices');
  await watching.printed(/isLive/);
  await running.stop();
  running = await start();
  await ask('put', 'prices', '4711', '2').ended;
  await watching.printed(/"text":"2"/);
  watching.signal('SIGINT');
  const { code, out, err } = await watching.ended;
  expect(code).toBe(130);
  expect(lines(out)).toMatchObject([{ text: '1' }, { isLive: true }, { text: '2' }]);
  expect(err).toContain('; waiting for a broker, to go on from here');
  await running.stop();
  own.remove();
});

it('another machine is reached over TCP, with its token', async () => {
  const [, address] = await broker.printed(/lookups over TCP on (\S+:\d+)/);
  expect((await kompakt('status')).out).toContain(address);
  const file = join(data.path, 'token');
  writeFileSync(file, `${token}\n`);
  const remote = ['scan', 'prices', '--limit', '1', '--remote', address!];
  const [byFile, byEnvironment, without] = await Promise.all([
    runNode(['dist/kompakt.js', ...remote, '--token-file', file]).ended,
    runNode(['dist/kompakt.js', ...remote], { KOMPAKT_LOOKUP_TOKEN: token }).ended,
    runNode(['dist/kompakt.js', ...remote]).ended,
  ]);
  expect(byFile).toMatchObject({ code: 0, err: '' });
  expect(byEnvironment).toEqual(byFile);
  expect(without).toMatchObject({ code: 1, out: '', err: `kompakt: ${address}: the token is wrong\n` });
});

describe('what cannot be done is one line', () => {
  it.each([
    [['get', 'nothing', 'a'], /^kompakt: .*nothing.*\n$/],
    [['get', 'articles', 'a', '--partition', '7'], /^kompakt: .*7.*\n$/],
    [['get', 'articles', 'a', '--as-of', 'yesterday'], /^kompakt: --as-of yesterday is no time/],
    [['get', 'articles', 'a', '--wait', 'long'], /^kompakt: --wait long is no duration/],
    [
      ['get', 'articles', 'a', '--json', '--text'],
      /^kompakt: option '--json' cannot be used with option '--text'/,
    ],
    [['get', 'articles', 'a', '--token-file', 'x'], /^kompakt: --token-file is for --remote\n$/],
    [['get', 'articles', 'a', '--remote', 'x'], /^kompakt: --remote, --data-dir and --bootstrap contradict/],
    [['put', 'articles', 'a', 'b', '--value-file', 'c'], /^kompakt: a value and --value-file contradict/],
    [['put', 'articles', 'a', '--value-file', '/nowhere/at all'], /^kompakt: cannot read --value-file: /],
    [['put', 'articles', 'a', 'b', '--header', 'c'], /^kompakt: --header c is not name=value\n$/],
  ])('%s', async (args, err) => {
    const ended = await kompakt(...args);
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toMatch(err);
  });
});
