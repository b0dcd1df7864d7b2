/**
 * The file that `--ready-file` names, for whoever started us and waits: it appears whole when the broker is ready, with one line
 * of JSON, and is gone when the broker stops.
 *
 *     {"bootstrapServers":"localhost:9092","httpUrl":"http://127.0.0.1:9080","dataDir":"/data","processId":4711,"version":"0.1.0"}
 *
 * `httpUrl` is null without HTTP, `dataDir` in memory, and in a temporary directory, which a reset changes.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { version } from '../broker/version.ts';
import type { ProcessBroker } from './broker-process.ts';

export class ReadyFile {
  readonly #path: string | undefined;

  /** Without a path it does nothing. */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Takes away what an earlier run left, which would say that this one is ready. What is wrong, or undefined. */
  clear(): string | undefined {
    return this.#attempt((path) => rmSync(path, { force: true }));
  }

  /** What is wrong, or undefined. */
  write(broker: ProcessBroker, isPlaceless: boolean): string | undefined {
    const content = {
      bootstrapServers: broker.bootstrapServers,
      httpUrl: broker.httpUrl,
      dataDir: isPlaceless ? null : broker.directory,
      processId: process.pid,
      version,
    };
    return this.#attempt((path) => {
      // With our number: another broker told to write the same file must not write into ours.
      const temporary = `${path}.${process.pid}.tmp`;
      try {
        writeFileSync(temporary, `${JSON.stringify(content)}\n`);
        renameSync(temporary, path);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
    });
  }

  #attempt(act: (path: string) => void): string | undefined {
    if (this.#path === undefined) return undefined;
    try {
      act(this.#path);
      return undefined;
    } catch (error) {
      return `cannot write --ready-file: ${(error as Error).message}`;
    }
  }
}
