/**
 * SQL over topics: an engine in memory that can read what was put into it and nothing else. No files, no network, no extensions, so much
 * memory, and nothing of that can be changed by a query; only queries are run.
 */
import type { KeyRecord } from '../../broker/index.ts';
import { ControlError } from '../control-client.ts';
import type { DuckDb, DuckDbAppender, DuckDbConnection, DuckDbInstance, DuckDbResult } from './duckdb.ts';
import { quotedName, quotedText } from './json-shape.ts';
import { TopicShape } from './topic-view.ts';

/** Rows in one of DuckDB's vectors. */
const chunkRows = 2_048;

/** In one line, or with the place in the query below it. */
export class SqlError extends Error {
  override readonly name = 'SqlError';
}

export class SqlEngine {
  readonly #duckDb: DuckDb;
  readonly #instance: DuckDbInstance;
  readonly #connection: DuckDbConnection;

  private constructor(duckDb: DuckDb, instance: DuckDbInstance, connection: DuckDbConnection) {
    this.#duckDb = duckDb;
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(duckDb: DuckDb, memoryLimit: string): Promise<SqlEngine> {
    const instance = await duckDb.DuckDBInstance.create(':memory:');
    const engine = new SqlEngine(duckDb, instance, await instance.connect());
    const settings = [
      'autoinstall_known_extensions = false',
      'autoload_known_extensions = false',
      'allow_community_extensions = false',
      `memory_limit = ${quotedText(memoryLimit)}`,
      "temp_directory = ''",
      "TimeZone = 'UTC'",
      // The last but one; nothing is unlocked after it.
      'enable_external_access = false',
      'lock_configuration = true',
    ];
    for (const setting of settings) await engine.#run(`SET ${setting}`);
    return engine;
  }

  /** The topics that a query reads. Throws what is wrong with it, such as not being a query. */
  async topicsOf(query: string): Promise<string[]> {
    const rows = await guarded(() =>
      this.#connection.runAndReadAll(`SELECT json_serialize_sql(${quotedText(query)})`),
    );
    const tree = JSON.parse(rows.getRowsJson()[0]![0] as string) as SyntaxTree;
    if (tree.error) throw new SqlError(notAQuery(tree));
    if (tree.statements?.length !== 1) throw new SqlError('one query at a time');
    const found = new Names();
    found.visit(tree.statements);
    // It also sees what functions name, but nothing where a join is by columns that it does not know yet.
    const known = this.#connection.getTableNames(query, false).filter((name) => !found.foreign.has(name));
    const read = [...found.tables].filter((name) => !found.own.has(name));
    return [...new Set([...read, ...known])];
  }

  /** A table of that name, filled with `add` and ready after `end`. */
  async load(topic: string): Promise<TopicLoad> {
    const table = `records of ${topic}`;
    await this.#run(
      `CREATE TABLE ${quotedName(table)} (key BLOB, value BLOB, partition INTEGER, "offset" BIGINT, "timestamp" TIMESTAMP_MS)`,
    );
    const appender = await this.#connection.createAppender(table);
    return new TopicLoad(this.#duckDb, appender, topic, table, (sql) => this.#run(sql));
  }

  query(query: string): Promise<DuckDbResult> {
    return guarded(() => this.#connection.stream(query));
  }

  /** Ends what runs. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }

  #run(sql: string): Promise<unknown> {
    return guarded(() => this.#connection.run(sql));
  }
}

export class TopicLoad {
  readonly #duckDb: DuckDb;
  readonly #appender: DuckDbAppender;
  readonly #topic: string;
  readonly #table: string;
  readonly #run: (sql: string) => Promise<unknown>;
  readonly #shape = new TopicShape();

  constructor(
    duckDb: DuckDb,
    appender: DuckDbAppender,
    topic: string,
    table: string,
    run: (sql: string) => Promise<unknown>,
  ) {
    this.#duckDb = duckDb;
    this.#appender = appender;
    this.#topic = topic;
    this.#table = table;
    this.#run = run;
  }

  add(records: readonly KeyRecord[]): void {
    for (const record of records) this.#shape.add(record);
    for (let from = 0; from < records.length; from += chunkRows)
      this.#append(records.slice(from, from + chunkRows));
  }

  /** Gives the fields that are no columns, since the record has columns of their names. `hasChanged`: a key may have come twice. */
  async end(hasChanged: boolean): Promise<readonly string[]> {
    await guarded(async () => {
      this.#appender.flushSync();
      this.#appender.closeSync();
    });
    const { sql, hidden } = this.#shape.view(this.#topic, this.#table);
    const table = quotedName(this.#table);
    // What was written while the pages were read came again, newer.
    if (hasChanged)
      await this.#run(
        `DELETE FROM ${table} WHERE ("offset", partition) NOT IN (SELECT (max("offset"), partition) FROM ${table} GROUP BY partition, key)`,
      );
    await this.#run(sql);
    return hidden;
  }

  #append(records: readonly KeyRecord[]): void {
    const {
      DuckDBDataChunk,
      DuckDBTimestampMillisecondsValue,
      blobValue,
      BLOB,
      INTEGER,
      BIGINT,
      TIMESTAMP_MS,
    } = this.#duckDb;
    const chunk = DuckDBDataChunk.create([BLOB, BLOB, INTEGER, BIGINT, TIMESTAMP_MS]);
    chunk.setColumns([
      records.map(({ key }) => blobValue(key)),
      records.map(({ value }) => blobValue(value!)),
      records.map(({ partition }) => partition),
      records.map(({ offset }) => BigInt(offset)),
      records.map(({ timestampMs }) => new DuckDBTimestampMillisecondsValue(BigInt(timestampMs))),
    ]);
    guardedSync(() => this.#appender.appendDataChunk(chunk));
  }
}

/** What `json_serialize_sql` gives. */
interface SyntaxTree {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly statements?: readonly unknown[];
}

function notAQuery({ error_type, error_message }: SyntaxTree): string {
  // It serializes nothing but queries.
  if (error_type?.startsWith('not '))
    return 'only queries are run: SELECT, FROM, WITH, DESCRIBE, SUMMARIZE …';
  return `${error_message}`;
}

/** The tables of a syntax tree. */
class Names {
  readonly tables = new Set<string>();
  /** What the query itself gives a name. */
  readonly own = new Set<string>();
  /** Of other schemas. */
  readonly foreign = new Set<string>();

  visit(node: unknown): void {
    if (typeof node !== 'object' || node === null) return;
    const { type, table_name: table, schema_name: schema, cte_map: ctes } = node as Record<string, unknown>;
    if (type === 'BASE_TABLE' && typeof table === 'string')
      (schema === '' || schema === 'main' ? this.tables : this.foreign).add(table);
    if (typeof ctes === 'object' && ctes !== null)
      for (const { key } of (ctes as { map: { key: string }[] }).map) this.own.add(key);
    for (const child of Object.values(node)) this.visit(child);
  }
}

/** What DuckDB says is wrong, as ours. */
async function guarded<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw sqlError(error);
  }
}

function guardedSync(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw sqlError(error);
  }
}

export function sqlError(error: unknown): Error {
  if (error instanceof ControlError || error instanceof SqlError) return error;
  const { message } = error as Error;
  if (message.startsWith('Out of Memory Error'))
    return new SqlError(
      'the query and what it reads do not fit into the memory that it may take: --memory-limit',
      {
        cause: error,
      },
    );
  return new SqlError(message.trim(), { cause: error });
}
