/** Redis and PostgreSQL from Debian's packages, as a bench starts them: in fresh directories, on ports of their own. */
import { chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { quietPort } from '../../test/quiet-port.ts';
import { end, isThere, run, start, until } from './processes.ts';

export interface RunningDatabase {
  readonly pid: number;
  readonly port: number;
  readonly version: string;
  /** Empties it and loads the file; how long that took, its index included. */
  load(file: string): Promise<{ seconds: number }>;
  /** Bytes that one key costs beside its value, as the database itself tells; after a load. */
  indexBytesPerKey(count: number, valueBytes: number): Promise<{ what: string; bytes: number }>;
  stop(): Promise<void>;
}

export const redisIsThere = (): boolean => isThere('redis-server') && isThere('redis-cli');

/** Redis without persistence, as a cache runs it. */
export async function startRedis(directory: string): Promise<RunningDatabase> {
  const port = await quietPort();
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = start('redis-server', [...flags, '--dir', directory]);
  const redis = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => {});
  await until('redis-server', child, async () => {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  });
  const info = async (section: string, name: string): Promise<string> =>
    new RegExp(`^${name}:(\\S+)`, 'm').exec(await redis.info(section))![1]!;
  const emptyBytes = Number(await info('memory', 'used_memory'));
  return {
    pid: child.pid!,
    port,
    version: await info('server', 'redis_version'),
    async load(file) {
      await redis.flushall();
      const startMs = performance.now();
      run('sh', ['-c', `redis-cli -p ${port} --pipe < "${file}"`]);
      return { seconds: (performance.now() - startMs) / 1_000 };
    },
    async indexBytesPerKey(count, valueBytes) {
      const used = Number(await info('memory', 'used_memory')) - emptyBytes;
      return { what: 'used_memory less the values', bytes: (used - valueBytes) / count };
    },
    async stop() {
      redis.disconnect();
      await end(child);
    },
  };
}

const debianPostgres = '/usr/lib/postgresql';

/** The newest that is installed, null without any. */
export function postgresPrograms(): string | null {
  try {
    const versions = readdirSync(debianPostgres).sort((a, b) => Number(b) - Number(a));
    return versions.length === 0 ? null : join(debianPostgres, versions[0]!, 'bin');
  } catch {
    return null;
  }
}

/** It refuses to run as root; Debian's package made a user for it. */
function postgresUser(): { uid?: number; gid?: number } {
  if (process.getuid!() !== 0) return {};
  return { uid: Number(run('id', ['-u', 'postgres'])), gid: Number(run('id', ['-g', 'postgres'])) };
}

/** Debian's defaults, but a buffer that holds the whole table. */
export async function startPostgres(directory: string): Promise<RunningDatabase> {
  const programs = postgresPrograms()!;
  const user = postgresUser();
  if (user.uid !== undefined) chownSync(directory, user.uid, user.gid!);
  const data = join(directory, 'data');
  run(join(programs, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C'], user);
  const port = await quietPort();
  const flags = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory];
  const buffers = ['-c', 'shared_buffers=2GB', '-c', 'max_wal_size=8GB'];
  const child = start(join(programs, 'postgres'), [...flags, ...buffers], { ...user, cwd: directory });
  const address = { host: '127.0.0.1', port, user: 'bench', database: 'postgres' };
  let client = new pg.Client(address);
  await until('postgres', child, async () => {
    client = new pg.Client(address);
    await client.connect();
    return true;
  });
  await client.query('create table articles (key text not null, value text not null)');
  const one = async (sql: string): Promise<string> =>
    Object.values((await client.query(sql)).rows[0])[0] as string;
  return {
    pid: child.pid!,
    port,
    version: (await one('show server_version')).split(' ')[0]!,
    async load(file) {
      await client.query('alter table articles drop constraint if exists articles_pkey');
      await client.query('truncate articles');
      const startMs = performance.now();
      await client.query(`copy articles from '${file}'`);
      await client.query('alter table articles add primary key (key)');
      const seconds = (performance.now() - startMs) / 1_000;
      await client.query('vacuum (freeze, analyze) articles');
      await client.query('checkpoint');
      return { seconds };
    },
    async indexBytesPerKey(count) {
      const bytes = Number(await one("select pg_relation_size('articles_pkey')"));
      return { what: 'primary key index', bytes: bytes / count };
    },
    async stop() {
      await client.end();
      await end(child, 'SIGINT');
    },
  };
}
