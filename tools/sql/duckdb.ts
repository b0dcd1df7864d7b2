/** DuckDB's package for Node, `@duckdb/node-api`: as much of it as is used here. It is loaded when it is needed, if it is installed. */
import { ControlError } from '../control-client.ts';

export const duckDbPackage = '@duckdb/node-api';

export interface DuckDb {
  readonly DuckDBInstance: { create(path: string): Promise<DuckDbInstance> };
  readonly DuckDBDataChunk: { create(types: readonly unknown[]): DuckDbChunk };
  readonly DuckDBTimestampMillisecondsValue: new (ms: bigint) => unknown;
  readonly blobValue: (bytes: Uint8Array) => unknown;
  readonly BLOB: unknown;
  readonly INTEGER: unknown;
  readonly BIGINT: unknown;
  readonly TIMESTAMP_MS: unknown;
}

export interface DuckDbInstance {
  connect(): Promise<DuckDbConnection>;
  closeSync(): void;
}

export interface DuckDbConnection {
  run(sql: string): Promise<unknown>;
  runAndReadAll(sql: string): Promise<{ getRowsJson(): unknown[][] }>;
  stream(sql: string): Promise<DuckDbResult>;
  createAppender(table: string): Promise<DuckDbAppender>;
  getTableNames(sql: string, qualified: boolean): readonly string[];
  interrupt(): void;
  closeSync(): void;
}

export interface DuckDbChunk {
  setColumns(columns: readonly (readonly unknown[])[]): void;
}

export interface DuckDbAppender {
  appendDataChunk(chunk: DuckDbChunk): void;
  flushSync(): void;
  closeSync(): void;
}

export interface DuckDbResult {
  deduplicatedColumnNames(): readonly string[];
  columnTypes(): readonly DuckDbType[];
  yieldRowsJson(): AsyncIterable<unknown[][]>;
}

/** A type; which of the optional fields it has follows from what it is. */
export interface DuckDbType {
  readonly alias?: string;
  readonly valueType?: DuckDbType;
  readonly keyType?: DuckDbType;
  readonly entryNames?: readonly string[];
  readonly entryTypes?: readonly DuckDbType[];
  toString(): string;
}

export async function loadDuckDb(
  load: (name: string) => Promise<unknown> = (name) => import(name),
): Promise<DuckDb> {
  try {
    return (await load(duckDbPackage)) as DuckDb;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // import() says the one, require(), which the bundler makes of it, the other.
    const isMissing = /^(ERR_)?MODULE_NOT_FOUND$/.test(`${code}`) && message.includes(duckDbPackage);
    throw new ControlError(
      isMissing
        ? `sql needs DuckDB, which is not installed: npm install ${duckDbPackage} (with -g if kompakt was installed so)`
        : `DuckDB cannot be loaded: ${message.split('\n')[0]}`,
      { cause: error },
    );
  }
}
