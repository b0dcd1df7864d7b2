import { errors } from '../../protocol/errors.ts';
import type { TopicSettings } from '../config/topic-settings.ts';
import type { Work } from './append-queue.ts';
import type { Validated } from './append-result.ts';
import { type AppendRules, appendRulesOf } from './append-rules.ts';
import { checkAppendable, codecsToAwait, validateAndAssign } from './append-validation.ts';
import type { AppendOptions, AppendOutcome, AppendRefused } from './log-types.ts';
import type { LogWriter } from './log-writer.ts';
import { keepNewest } from './newest-bytes.ts';
import type { CompletedTransaction } from './producer-state.ts';
import type { ProducerChanges } from './producer-table.ts';
import type { Segment } from './segment.ts';

/**
 * The way of one append, each step in its turn in the log's queue:
 *
 *   check → precondition → validate, assign offsets → producers (duplicate, sequence, epoch) → roll if need be → write
 *     → take note
 *
 * Bytes first, then what is known of them: segment, producers and offsets follow a write that has succeeded. A write that
 * failed is cut off before anything else happens. A small append to an idle log in the page cache is over when `append`
 * returns.
 */

/** Larger appends are written on the thread pool, so that other connections are served meanwhile. */
export const largeAppendBytes = 256 * 1024;

type Answer = AppendOutcome | Promise<AppendOutcome>;

/** One append in the log's queue. */
class Append implements Work<AppendOutcome> {
  readonly #appender: LogAppender;
  readonly #records: Buffer;
  readonly #options: AppendOptions;

  constructor(appender: LogAppender, records: Buffer, options: AppendOptions) {
    this.#appender = appender;
    this.#records = records;
    this.#options = options;
  }

  start(): Answer {
    return this.#appender.start(this.#records, this.#options);
  }

  finish(outcome: AppendOutcome): AppendOutcome {
    return this.#appender.acknowledged(outcome);
  }
}

export class LogAppender {
  readonly #writer: LogWriter;
  readonly #decompressedBytesMax: number | undefined;
  #rules: AppendRules;

  constructor(writer: LogWriter, settings: TopicSettings, decompressedBytesMax: number | undefined) {
    this.#writer = writer;
    this.#decompressedBytesMax = decompressedBytesMax;
    this.#rules = appendRulesOf(settings, decompressedBytesMax);
  }

  follow(settings: TopicSettings): void {
    this.#rules = appendRulesOf(settings, this.#decompressedBytesMax);
  }

  /** See Log.append; the two below are for its turn in the queue. */
  append(records: Buffer, options: AppendOptions): Answer {
    const { queue } = this.#writer;
    const refusal = this.#writer.refusal();
    if (refusal) return refusal;
    const mustWait = !queue.isIdle || records.length > largeAppendBytes;
    const mayWait = options.precondition !== undefined || codecsToAwait(records, this.#rules) !== undefined;
    const borrowed = mustWait || mayWait;
    const kept = borrowed && !options.ownsBuffer ? Buffer.from(records) : records;
    return queue.runWork(new Append(this, kept, options));
  }

  start(records: Buffer, options: AppendOptions): Answer {
    const refusal = this.#writer.refusal();
    if (refusal) return refusal;
    const checked = checkAppendable(records, options.origin, this.#rules.maxMessageBytes);
    if (!checked.ok) return { ...checked, logStartOffset: this.#writer.logStartOffset };
    if (checked.records.length === 0) return this.#appended(-1, -1, -1, false);
    const loading = codecsToAwait(checked.records, this.#rules);
    if (loading) return loading.then(() => this.#ifWanted(checked.records, options));
    return this.#ifWanted(checked.records, options);
  }

  #ifWanted(records: Buffer, options: AppendOptions): Answer {
    const wanted = options.precondition?.() ?? true;
    if (wanted instanceof Promise) return wanted.then((is) => this.#writeIf(is, records, options));
    return this.#writeIf(wanted, records, options);
  }

  #writeIf(isWanted: boolean, records: Buffer, options: AppendOptions): Answer {
    const refusal = this.#writer.refusal();
    if (refusal) return refusal;
    if (!isWanted) return this.#writer.refused(errors.operationNotAttempted, 'A precondition does not hold');
    return this.#validateAndWrite(records, options);
  }

  #validateAndWrite(records: Buffer, options: AppendOptions): Answer {
    const writer = this.#writer;
    const { origin, leaderEpoch } = options;
    const context = { origin, leaderEpoch, firstOffset: writer.endOffset, nowMs: writer.nowMs() };
    const valid = validateAndAssign(records, this.#rules, context);
    if (!valid.ok) return { ...valid, logStartOffset: writer.logStartOffset };
    const bytes = valid.buffer.length;
    const bytesMax = writer.list.segmentBytesMax;
    if (bytes > bytesMax) {
      const message = `Append of ${bytes} bytes is over segment.bytes of ${bytesMax}`;
      return writer.refused(errors.recordListTooLarge, message);
    }
    const { transactionVersion } = options;
    const prepared = writer.producers.prepare(valid.buffer, origin === 'client', transactionVersion);
    if (prepared.kind === 'refused') return { ...writer.refused(errors.none, null), ...prepared.refusal };
    if (prepared.kind === 'duplicate') {
      const { lastOffset, offsetDelta, timestampMs } = prepared.of;
      return this.#appended(lastOffset - offsetDelta, lastOffset, timestampMs, true);
    }
    return this.#write(valid, prepared.changes, options, context.nowMs);
  }

  #write(valid: Validated, changes: ProducerChanges, options: AppendOptions, nowMs: number): Answer {
    const writer = this.#writer;
    const { buffer } = valid;
    try {
      const mustRoll = writer.list.mustRoll(buffer.length, valid.maxTimestamp, valid.nextOffset - 1, nowMs);
      if (mustRoll && writer.mustSyncBeforeRoll) {
        // The buffer may be the caller's, who takes it back when we return.
        const kept = options.ownsBuffer ? valid : { ...valid, buffer: Buffer.from(buffer) };
        return writer.sync.flush().then(() => writer.refusal() ?? this.#write(kept, changes, options, nowMs));
      }
      if (options.origin === 'raft') writer.sync.demand();
      writer.noteEpoch(options.leaderEpoch, valid.firstOffset);
      if (mustRoll) writer.roll();
      const segment = writer.list.active!;
      segment.grow();
      if (buffer.length <= largeAppendBytes) {
        segment.file.writeSync([buffer], segment.size);
        return this.#wrote(segment, valid, changes, options);
      }
      return segment.file.write([buffer], segment.size).then(
        () => this.#wrote(segment, valid, changes, options),
        (error) => this.#failed(error, buffer.length),
      );
    } catch (error) {
      return this.#failed(error, buffer.length);
    }
  }

  /** The bytes stand in the file: everything else follows. */
  #wrote(
    segment: Segment,
    valid: Validated,
    changes: ProducerChanges,
    options: AppendOptions,
  ): AppendOutcome {
    const writer = this.#writer;
    const { firstOffset, nextOffset } = valid;
    if (options.isAwaited) keepNewest(segment.contentId, segment.size, valid.buffer);
    segment.wrote(valid.buffer);
    writer.endOffset = nextOffset;
    writer.sync.wrote(segment.file);
    try {
      writer.producers.apply(changes, nextOffset, (transaction, stableOffset) => {
        this.#noteAborted(segment, transaction, stableOffset);
      });
    } catch (error) {
      // The batches are there, the index of aborted transactions is not: readers must not get past this point.
      writer.fail(error, 'append to the transaction index');
      return writer.refused(errors.kafkaStorageError, String(error));
    }
    writer.hadRoom(valid.buffer.length);
    if (writer.sync.policy.kind !== 'fsync') writer.advance(nextOffset);
    return this.#appended(firstOffset, nextOffset - 1, valid.logAppendTimeMs, false);
  }

  #noteAborted(segment: Segment, transaction: CompletedTransaction, lastStableOffset: number): void {
    if (!transaction.aborted) return;
    const { producerId, firstOffset, lastOffset } = transaction;
    segment.transactionIndex.append({ producerId, firstOffset, lastOffset, lastStableOffset });
    this.#writer.sync.wrote(segment.transactionIndex.file!);
  }

  /** Cuts off what a failed write may have left behind the last good batch. */
  #failed(error: unknown, bytes: number): AppendRefused {
    const writer = this.#writer;
    const segment = writer.list.active;
    try {
      if (segment && segment.file.size > segment.size) {
        segment.file.truncateSync(segment.size);
        // What is cut off must not come back behind what is appended to the next segment.
        writer.sync.wrote(segment.file);
      }
    } catch (second) {
      writer.fail(second, 'cut off a failed write');
    }
    if (writer.state === 'deleted') return writer.refusal()!;
    writer.failedOrFull(error, 'append', bytes);
    return writer.refused(errors.kafkaStorageError, error instanceof Error ? error.message : String(error));
  }

  #appended(
    baseOffset: number,
    lastOffset: number,
    logAppendTimeMs: number,
    duplicate: boolean,
  ): AppendOutcome {
    const { logStartOffset } = this.#writer;
    return { ok: true, baseOffset, lastOffset, logAppendTimeMs, logStartOffset, duplicate };
  }

  /** Called when the commit that an append needs is over: was it? */
  acknowledged(outcome: AppendOutcome): AppendOutcome {
    const { state, sync } = this.#writer;
    if (!outcome.ok || state === 'online' || sync.syncedOffset > outcome.lastOffset) return outcome;
    return this.#writer.refusal()!;
  }
}
