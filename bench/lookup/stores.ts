/** The networked stores as one kind of client sees them: a Node client each, many lookups at a time on a connection where it can. */
import { Redis } from 'ioredis';
import pg from 'pg';
import { Client as HttpClient } from 'undici';
import { connectLookup } from '../../broker/index.ts';
import { topic } from './articles.ts';

export interface StoreAddress {
  readonly kind: 'redis' | 'postgres' | 'http' | 'rpc';
  readonly port: number;
  /** In front of the key, over HTTP. */
  readonly path?: string;
}

export interface StoreConnection {
  /** The value as the client gives it; null where the key is not there. */
  get(key: string): Promise<string | Buffer | null>;
  close(): Promise<void>;
}

const host = '127.0.0.1';

async function connectRedis(port: number): Promise<StoreConnection> {
  const redis = new Redis({ host, port, lazyConnect: true });
  await redis.connect();
  return { get: (key) => redis.getBuffer(key), close: async () => redis.disconnect() };
}

/** A statement that is prepared once per connection, and pipelined. */
async function connectPostgres(port: number): Promise<StoreConnection> {
  const client = new pg.Client({ host, port, user: 'bench', database: 'postgres', pipeline: true });
  await client.connect();
  const text = 'select value from articles where key = $1';
  return {
    async get(key) {
      const { rows } = await client.query({ name: 'by-key', text, values: [key] });
      return rows.length === 0 ? null : rows[0].value;
    },
    close: () => client.end(),
  };
}

async function connectHttp(port: number, prefix: string, pipelining: number): Promise<StoreConnection> {
  const client = new HttpClient(`http://${host}:${port}`, { pipelining });
  return {
    async get(key) {
      const { statusCode, body } = await client.request({ method: 'GET', path: `${prefix}${key}` });
      const text = await body.text();
      if (statusCode === 404) return null;
      if (statusCode !== 200) throw new Error(`${statusCode}: ${text}`);
      return text;
    },
    close: () => client.close(),
  };
}

/** The typed client, over TCP as all others are; the value as bytes. */
async function connectRpc(port: number): Promise<StoreConnection> {
  const lookup = await connectLookup({ host, port });
  const table = lookup.table(topic, { values: 'bytes' });
  return { get: async (key) => bufferOf(await table.get(key)), close: () => lookup.close() };
}

function bufferOf(value: Uint8Array | undefined): Buffer | null {
  return value === undefined ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

export function connectStore(address: StoreAddress, inFlight: number): Promise<StoreConnection> {
  switch (address.kind) {
    case 'redis':
      return connectRedis(address.port);
    case 'postgres':
      return connectPostgres(address.port);
    case 'http':
      return connectHttp(address.port, address.path!, inFlight);
    case 'rpc':
      return connectRpc(address.port);
  }
}
