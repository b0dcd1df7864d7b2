/** The key/value store of a broker in another process, over its control socket or TCP: the same tables as in its own. */
import { resolve } from 'node:path';
import { type ControlFile, controlFileName } from '../protocol/control/service.ts';
import { createNodeEnvironment, wakefulDelay } from '../storage/environment/node.ts';
import { LookupConnectionError } from './lookup/connection-error.ts';
import type { TableStatus } from './lookup/lookup.ts';
import { RemoteLookups } from './lookup/remote-lookups.ts';
import { LookupChannel } from './lookup/rpc-channel.ts';
import { Table, type TableSource } from './lookup/table.ts';
import type { ValueFormat } from './lookup/value-codecs.ts';
import { hostAndPort } from './network/hosts.ts';
import { NodeTransport } from './network/node-transport.ts';

export { LookupConnectionError } from './lookup/connection-error.ts';
export { bytesOfNotation, notationOf } from './lookup/key-notation.ts';
export { LookupRefused } from './lookup/lookup.ts';
export type { RemoteLookups } from './lookup/remote-lookups.ts';
export { readValue } from './lookup/value-kind.ts';

/**
 * The broker that `kompakt serve` runs on a data directory of this machine, for its own user; or one that listens with
 * `kompakt.lookup.rpc.port`, as those of programs do too (`startBroker`; its `lookupPort`).
 */
export type LookupAddress =
  | { readonly dataDir: string }
  /** `host` by default 127.0.0.1; `token` where the broker has one. */
  | { readonly host?: string; readonly port: number; readonly token?: string };

export interface TableOptions<Value> {
  /** What the values are: `json` by default, `text`, `bytes`, or a codec. */
  readonly values?: ValueFormat<Value>;
}

/** A compacted topic. Nothing is asked before it is used. */
export interface Tables {
  (topic: string, options: { readonly values: 'text' }): Table<string>;
  (topic: string, options: { readonly values: 'bytes' }): Table<Uint8Array>;
  <Value = unknown>(topic: string, options?: TableOptions<Value>): Table<Value>;
}

export interface LookupClient extends AsyncDisposable {
  readonly table: Tables;
  /** The tables that the broker has, or is reading. */
  tables(): Promise<readonly TableStatus[]>;
  /** What is under way fails. */
  close(): Promise<void>;
}

/**
 * Connects to a broker; rejects with a `LookupConnectionError` that says why that cannot be. A connection that is lost later fails what is
 * under way, and is opened again for the next call; streams of changes go on by themselves (`reconnectMs`).
 */
export async function connectLookup(address: LookupAddress): Promise<LookupClient> {
  const lookups = await openRemoteLookups(
    'dataDir' in address ? () => controlFileOf(address.dataDir) : () => tcpAddressOf(address),
  );
  const close = async (): Promise<void> => lookups.close();
  return {
    table: tablesOf(lookups),
    tables: () => lookups.tables(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

export function tablesOf(source: TableSource): Tables {
  return <Value>(topic: string, options: TableOptions<Value> = {}) =>
    new Table<Value>(source, topic, options.values) as never;
}

/** Where a broker is, and what opens the door. */
export interface LookupPlace {
  readonly to: { readonly path: string } | { readonly host: string; readonly port: number };
  readonly token: string;
  readonly where: string;
}

/** `place` is asked before each connection: a broker that was started again has another token. */
export function openRemoteLookups(place: () => LookupPlace | Promise<LookupPlace>): Promise<RemoteLookups> {
  const transport = new NodeTransport();
  const { clock } = createNodeEnvironment();
  const patience = { nowMs: () => clock.monotonicMs(), wait: wakefulDelay };
  return RemoteLookups.open(async () => {
    const { to, token, where } = await place();
    return LookupChannel.open({ connect: (events) => transport.connect(to, events), token, where });
  }, patience);
}

function tcpAddressOf({ host = '127.0.0.1', port, token = '' }: Extract<LookupAddress, { port: number }>) {
  return { to: { host, port }, token, where: hostAndPort(host, port) };
}

function controlFileOf(dataDir: string): LookupPlace {
  const { files } = createNodeEnvironment();
  const directory = resolve(dataDir);
  const where = `the broker on ${directory}`;
  let file: ControlFile;
  try {
    file = JSON.parse(files.readFileSync(files.join(directory, controlFileName)).toString()) as ControlFile;
  } catch (error) {
    const who =
      'only kompakt serve writes there where it is found; a broker that a program has started is asked by its port';
    throw new LookupConnectionError(
      `no kompakt serve is running on ${directory}: ${who} (kompakt.lookup.rpc.port, then {port: broker.lookupPort})`,
      { cause: error },
    );
  }
  return { to: { path: file.address }, token: file.token, where };
}
