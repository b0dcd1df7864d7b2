/**
 * Keeps the content of a table what its log says:
 *
 *    stored table, or nothing ▶ the log is read, in slices ▶ all that was decided is in it ▶ it follows the log ▶ stored at a clean stop
 *
 * Whatever takes records away from the end of the log makes it begin anew; what the log start passes and what the cleaner takes is swept
 * out. Where the log cannot be read, or memory is short, there is no table until that has changed.
 */
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { Log } from '../../storage/log/log.ts';
import type { LogEvent } from '../../storage/log/log-types.ts';
import type { Logger } from '../observe/logger.ts';
import { DecidedBatches } from './decided-batches.ts';
import type { KeyMap } from './key-map.ts';
import type { KeyHasher } from './key-map-hash.ts';
import { LookupRefused } from './lookup.ts';
import { topicDeleted } from './refuse.ts';
import type { Slices } from './slices.ts';
import { readTable, writeTable } from './table-checkpoint.ts';
import { TableContent } from './table-content.ts';
import type { TableMemory } from './table-memory.ts';
import { sweepTable } from './table-sweep.ts';

/** A log that could not be read is not read again for each who asks. */
const retryMs = 5_000;

export interface TableFeedParts {
  readonly log: Log;
  readonly hasher: KeyHasher;
  readonly environment: Environment;
  readonly slices: Slices;
  readonly memory: TableMemory;
  readonly logger: Logger;
  /** The last stop was clean: what it left of the table counts, if it is of this log. */
  readonly trustsStored: boolean;
  /** Left out: as many as there are. */
  readonly hashBits?: number;
}

export class TableFeed {
  readonly log: Log;
  content: TableContent;
  /** Everything decided below it is in the content. */
  indexedOffset = 0;
  /** Not all that was decided when it began is in the content yet. */
  isLoading = true;
  /** Why it is no more; null while it is. */
  dropped: LookupRefused | null = null;
  /** Why there is no table; null when all is well. */
  failure: LookupRefused | null = null;
  readonly #parts: TableFeedParts;
  readonly #forgetLog: () => void;
  readonly #listeners = new Set<() => void>();
  #isAwake = false;
  #isClosing = false;
  #following: Promise<void> | null = null;
  #sweeping: Promise<void> | null = null;
  #wantsSweep = false;
  /** A file in the partition's directory has not been looked at yet. */
  #mayBeStored: boolean;
  /** What is in that file is what is here. */
  #isStored = false;
  /** It was, and what was written since is being read. */
  #isBehindStored = false;
  #failedMs = 0;
  /** Of the map, as `memory` knows it. */
  #countedBytes = 0;
  /** What it took when there was no more room. */
  #neededBytes = 0;

  constructor(parts: TableFeedParts) {
    this.#parts = parts;
    this.log = parts.log;
    this.#mayBeStored = parts.trustsStored;
    this.content = new TableContent(parts);
    this.#forgetLog = parts.log.onEvent((event) => this.#logChanged(event));
    this.#wake();
  }

  /** Calls back when it moved on, begins anew, fails or is dropped. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Somebody asks for it: tries again where there was no room, or where the log could not be read some time ago. */
  retry(): void {
    if (this.failure === null) return;
    if (this.failure.refusal.reason !== 'memory') {
      const clock = outsideClock(this.#parts.environment.clock);
      if (clock.monotonicMs() - this.#failedMs >= retryMs) this.#wake();
    } else if (!this.#parts.memory.exceeds(this.#neededBytes)) {
      this.failure = null;
      this.#wake();
    }
  }

  /** The content is of no use: it begins anew with the next change of the log, or when it is asked for some time later. */
  failed(error: unknown): void {
    if (this.isDropped) return;
    this.#failedMs = outsideClock(this.#parts.environment.clock).monotonicMs();
    const isKnown = error instanceof LookupRefused;
    const why = error instanceof Error ? error.message : String(error);
    const isNews = this.failure?.message !== why;
    this.failure = isKnown ? error : new LookupRefused({ reason: 'storage' }, why);
    if (isNews)
      this.#parts.logger.error('there is no key table', {
        log: this.log.name,
        why,
        ...(isKnown ? {} : { error }),
      });
    this.#clear();
    this.#tell();
  }

  get isDropped(): boolean {
    return this.dropped !== null;
  }

  /** Whoever waits for it, or asks it again, is refused so. */
  drop(why: LookupRefused): void {
    if (this.isDropped) return;
    this.dropped = why;
    this.#forgetLog();
    this.#clear();
    this.#tell();
  }

  /** Goes, and leaves its content in the partition's directory for the next start. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#forgetLog();
    await this.#following;
    await this.#sweeping;
    if (!this.isDropped && !this.#isStored && this.indexedOffset > 0) await this.#store();
    this.drop(new LookupRefused({ reason: 'stopping' }, 'the broker is stopping'));
  }

  #logChanged(event: LogEvent): void {
    if (event === 'deleted') return this.drop(topicDeleted(this.log.topic));
    if (event === 'replaced' || event === 'start-offset') this.#wantsSweep = true;
    if (event === 'truncated' && this.log.lastStableOffset < this.indexedOffset) {
      // What came before what is gone is not known, nor whether a transaction that has lost its marker was decided.
      this.#clear();
      this.#tell();
    }
    this.#wake();
  }

  /** Begins anew. */
  #clear(map?: KeyMap): void {
    this.content.retire();
    this.content = new TableContent(this.#parts, map);
    this.indexedOffset = 0;
    this.isLoading = true;
    this.#mayBeStored = this.#isStored = this.#isBehindStored = false;
    this.#count();
  }

  #count(): void {
    const bytes = this.isDropped ? 0 : this.content.map.memoryBytes;
    this.#parts.memory.usedBytes += bytes - this.#countedBytes;
    this.#countedBytes = bytes;
  }

  /** Throws when all tables together have become too large: the one that grows goes. */
  #ensureRoom(): void {
    this.#count();
    const { memory } = this.#parts;
    if (!memory.exceeds(0)) return;
    this.#neededBytes = this.#countedBytes;
    throw memory.refusal(this.log.name);
  }

  #wake(): void {
    if (this.#isAwake || this.isDropped || this.#isClosing) return;
    if (this.failure?.refusal.reason === 'memory') return;
    this.#isAwake = true;
    this.#parts.environment.clock.defer(() => {
      this.#following = this.#follow();
    });
  }

  /** Reads on until there is nothing more to read. */
  async #follow(): Promise<void> {
    if (this.#mayBeStored) await this.#takeStored();
    const { content, log } = this;
    const isStopped = () => content.isOld || this.#isClosing;
    try {
      await this.#readOn(content, isStopped);
    } catch (error) {
      if (!content.isOld) this.failed(error);
    }
    this.#isAwake = false;
    if (content.isOld) {
      if (this.failure === null) this.#wake();
      return;
    }
    if (this.#wantsSweep && this.#sweeping === null && !this.isLoading) this.#sweeping = this.#sweep();
    if (this.indexedOffset < log.lastStableOffset) this.#wake();
  }

  async #readOn(content: TableContent, isStopped: () => boolean): Promise<void> {
    const { log } = this;
    const batches = new DecidedBatches(log, this.#parts.slices, isStopped);
    const visit = (chunk: Buffer, at: number) => content.index(chunk, at, this.indexedOffset);
    for (let hasMore = true; hasMore && !isStopped(); ) {
      const next = await batches.read(this.indexedOffset, visit);
      if (isStopped()) return;
      hasMore = next > this.indexedOffset;
      if (hasMore) {
        this.#ensureRoom();
        this.indexedOffset = next;
        this.#isStored = false;
      }
      if (this.#isBehindStored && batches.hasGaps) return this.#forgetStored();
      this.failure = null;
      if (next >= log.lastStableOffset) this.isLoading = this.#isBehindStored = false;
      this.#tell();
    }
  }

  /** Begins with what the last stop left, if that is of this log. */
  async #takeStored(): Promise<void> {
    const { environment, hasher, slices, hashBits, logger } = this.#parts;
    const { content, log } = this;
    const stored = await readTable(environment.files, log, hasher.seed, slices, hashBits);
    if (content.isOld) return;
    this.#mayBeStored = false;
    if (stored === null) return;
    if (typeof stored === 'string') {
      logger.info('a stored key table is not used: it is read from the log', { log: log.name, why: stored });
      return;
    }
    logger.debug('a stored key table is used', { log: log.name, indexedOffset: stored.indexedOffset });
    this.#clear(stored.map);
    this.indexedOffset = stored.indexedOffset;
    this.#isStored = this.#isBehindStored = true;
    // Whoever had the directory last may have cleaned the log.
    this.#wantsSweep = true;
  }

  /** What has gone again may have been tombstones, and then keys are in the table of which the log knows nothing any more. */
  #forgetStored(): void {
    const why = 'the log was cleaned behind it';
    this.#parts.logger.info('a stored key table is not used: it is read from the log', {
      log: this.log.name,
      why,
    });
    this.#clear();
  }

  async #store(): Promise<void> {
    const { environment, hasher, hashBits, logger } = this.#parts;
    const { content, indexedOffset, log } = this;
    try {
      await writeTable(environment.files, log, hasher.seed, { map: content.map, indexedOffset }, hashBits);
    } catch (error) {
      if (!(error instanceof FileError || error instanceof LookupRefused)) throw error;
      const fields = { log: log.name, why: error.message };
      logger.warn('a key table cannot be stored: the next start reads it from the log', fields);
    }
  }

  /** Takes out what the log has no more. */
  async #sweep(): Promise<void> {
    const { content, log } = this;
    const isStopped = () => content.isOld || this.#isClosing;
    this.#wantsSweep = false;
    try {
      const removed = await sweepTable({ log, map: content.map, slices: this.#parts.slices, isStopped });
      if (removed > 0) this.#isStored = false;
      if (!content.isOld) this.#count();
    } catch (error) {
      if (!content.isOld) this.failed(error);
    }
    this.#sweeping = null;
    if (this.#wantsSweep) this.#wake();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
