/** `kompakt sql`: a query over the newest values of topics; resolves with an exit code. */
import { text as textOf } from 'node:stream/consumers';
import type { RemoteLookups } from '../broker/connect-lookup.ts';
import { ControlError } from './control-client.ts';
import type { LookupChoice } from './open-lookups.ts';
import { counted, parseDuration, time } from './quantities.ts';
import { visible } from './record-text.ts';
import { type DuckDb, type DuckDbResult, loadDuckDb } from './sql/duckdb.ts';
import { csvLine, jsonLine, plain, tableText } from './sql/result-rows.ts';
import { SqlEngine, SqlError, sqlError } from './sql/sql-engine.ts';
import { exitCodes, withLookups } from './with-lookups.ts';

export interface SqlCommand extends LookupChoice {
  readonly format?: 'table' | 'json' | 'csv';
  readonly memoryLimit: string;
  readonly wait?: string;
}

const pageRecords = 1_000;
/** Rows that a table is laid out by; more of them follow in tables of their own. */
const tableRows = 1_000;

export async function sql(
  queryText: string | undefined,
  command: SqlCommand,
  load: () => Promise<DuckDb> = loadDuckDb,
): Promise<number> {
  let engine: SqlEngine | null = null;
  try {
    const duckDb = await load();
    const query = await queryOf(queryText);
    return await withLookups(
      command,
      async (lookups, signal) => {
        engine = await SqlEngine.open(duckDb, command.memoryLimit);
        for (const topic of await engine.topicsOf(query)) await read(topic, lookups, engine, command, signal);
        await print(await engine.query(query), command);
        return 0;
      },
      () => engine?.interrupt(),
    );
  } catch (error) {
    if (!(error instanceof SqlError || error instanceof ControlError)) throw error;
    process.stderr.write(`kompakt: ${visible(error.message, '\n')}\n`);
    return exitCodes.failed;
  } finally {
    (engine as SqlEngine | null)?.close();
  }
}

async function queryOf(text: string | undefined): Promise<string> {
  if (text !== undefined) return text;
  if (process.stdin.isTTY) throw new ControlError('a query is needed: as an argument, or from a pipe');
  return textOf(process.stdin);
}

/** Says on stderr what was read, as it was when. */
async function read(
  topic: string,
  lookups: RemoteLookups,
  engine: SqlEngine,
  { wait }: SqlCommand,
  signal: AbortSignal,
): Promise<void> {
  const waitMs = wait === undefined ? undefined : parseDuration(wait);
  if (waitMs === null) throw new ControlError(`--wait ${wait} is no duration, as in 500ms, 5s or 5000`);
  const options = { ...(waitMs === undefined ? {} : { waitMs }), signal };
  // Refused before anything is made of it; and its table is there after this.
  await lookups.page(topic, { ...options, limit: 1 });
  const begin = { ms: Date.now(), offsets: await offsetsOf(topic, lookups) };
  const loading = await engine.load(topic);
  let recordCount = 0;
  for (let after: string | null | undefined; after !== null; ) {
    const { records, next } = await lookups.page(topic, {
      ...options,
      limit: pageRecords,
      ...(after === undefined ? {} : { after }),
    });
    loading.add(records);
    recordCount += records.length;
    after = next;
  }
  const offsets = await offsetsOf(topic, lookups);
  const hasChanged = offsets !== begin.offsets;
  const hidden = await loading.end(hasChanged);
  const when = hasChanged
    ? `each as it was at some time between ${time(begin.ms)} and ${time(Date.now())}, for the topic has changed meanwhile`
    : `as of ${offsets}`;
  say(`${topic}: ${counted(recordCount, 'record')}, ${when}`);
  if (hidden.length > 0)
    say(
      `${topic}: ${hidden.map((name) => visible(name)).join(', ')} of its values are no columns, for a record has such; value->>'${visible(hidden[0]!)}' has it`,
    );
}

/** Of each partition what is in its table. */
async function offsetsOf(topic: string, lookups: RemoteLookups): Promise<string> {
  return (await lookups.tables())
    .filter((table) => table.topic === topic)
    .sort((a, b) => a.partition - b.partition)
    .map(({ partition, indexedOffset }) => `offset ${indexedOffset} of ${topic}-${partition}`)
    .join(', ');
}

async function print(result: DuckDbResult, command: SqlCommand): Promise<void> {
  const { format = process.stdout.isTTY ? 'table' : 'json' } = command;
  const names = result.deduplicatedColumnNames();
  const types = result.columnTypes();
  let waiting: unknown[][] = [];
  let rowCount = 0;
  const layOut = async (): Promise<void> => {
    await writeOut(tableText(names, types, waiting, process.stdout.columns));
    waiting = [];
  };
  if (format === 'csv') await writeOut(csvLine(names));
  try {
    for await (const rows of result.yieldRowsJson()) {
      const values = rows.map((row) => row.map((value, i) => plain(value, types[i]!)));
      rowCount += values.length;
      if (format === 'json') await writeOut(values.map((row) => jsonLine(names, row)).join(''));
      else if (format === 'csv') await writeOut(values.map(csvLine).join(''));
      else for (const row of values) if (waiting.push(row) === tableRows) await layOut();
    }
  } catch (error) {
    throw sqlError(error);
  }
  if (format !== 'table') return;
  if (waiting.length > 0 || rowCount === 0) await layOut();
  await writeOut(`(${counted(rowCount, 'row')})\n`);
}

/** Resolves when whoever reads it can take more. */
async function writeOut(text: string): Promise<void> {
  if (text === '' || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}

function say(line: string): void {
  process.stderr.write(`kompakt: ${line}\n`);
}
