import { buildBatch, type NewRecord } from '../../../protocol/records/batch-builder.ts';
import { ensureCodec } from '../../../protocol/records/compression.ts';
import { buildEndTransactionMarker } from '../../../protocol/records/control.ts';
import type { Log } from '../../../storage/log/log.ts';
import type { AppendOrigin } from '../../../storage/log/log-types.ts';
import type { Directory } from './directories.ts';
import { buildMessages } from './legacy-messages.ts';
import { type OpenedLog, openLog } from './our-log.ts';
import type { AppendStep, LegacyStep, RecordPlan, Stage, Step } from './plan.ts';

/** Writes what a plan says with our log, as clients and coordinators would. */

/** RECORD_LIST_TOO_LARGE: the batch is larger than a segment may be. */
const tooLarge = 18;
/** OUT_OF_ORDER_SEQUENCE_NUMBER: what is known of the producer went with deleted records. It begins again with a new epoch. */
const outOfOrder = 45;

interface Producer {
  epoch: number;
  sequence: number;
  isInTransaction: boolean;
}

export class LogWriting {
  nowMs: number;
  logStart = 0;
  readonly #producers = new Map<number, Producer>();
  #leaderEpoch = 0;
  #values = 0;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  /** The first segment of a log that an old Kafka wrote. */
  async legacy(steps: readonly LegacyStep[]): Promise<Directory> {
    if (steps.length === 0) return new Map();
    let offset = 0;
    const parts: Buffer[] = [];
    for (const { magic, codec, records, gap } of steps) {
      await ensureCodec(codec);
      offset += gap;
      const messages = records.map((plan) => {
        const { timestampMs, key, value } = this.#record(plan);
        return { offset: offset++, timestampMs, key, value };
      });
      parts.push(buildMessages(magic, codec, messages));
    }
    const bytes = Buffer.concat(parts);
    return new Map([['00000000000000000000.log', { bytes, modifiedMs: this.nowMs }]]);
  }

  /** The directory after the steps. */
  async stage(directory: Directory, { start, settings, steps }: Stage): Promise<Directory> {
    const { nowMs, logStart } = this;
    const opened = openLog(directory, { nowMs, logStart, settings }, start.kind === 'clean');
    opened.log.materialise();
    for (const step of steps) await this.#step(opened, step);
    this.logStart = opened.log.logStartOffset;
    return opened.close();
  }

  async #step({ environment, log }: OpenedLog, step: Step): Promise<void> {
    switch (step.kind) {
      case 'wait':
        this.nowMs += step.ms;
        environment.clock.setWallMs(this.nowMs);
        break;
      case 'roll':
        await log.roll();
        break;
      case 'leader-change':
        this.#leaderEpoch++;
        break;
      case 'delete-before': {
        const { logStartOffset, highWatermark } = log;
        // In a hole under an open transaction, Kafka's last stable offset is where the next batch begins, ours the log start.
        if (highWatermark - logStartOffset > 10 ** 6) break;
        const offset = logStartOffset + Math.floor(step.share * (highWatermark - logStartOffset));
        await environment.clock.until(log.deleteRecordsBefore(offset));
        break;
      }
      case 'settle':
        for (const [producerId, { isInTransaction }] of this.#producers)
          if (isInTransaction) await this.#end(log, producerId, true, false);
        break;
      case 'append':
        await this.#append(log, step);
        break;
      case 'new-epoch':
        if (this.#producer(step.producerId).isInTransaction)
          await this.#end(log, step.producerId, false, true);
        else this.#raiseEpoch(step.producerId);
        break;
      case 'end':
        await this.#end(log, step.producerId, step.committed, step.bumpsEpoch);
    }
  }

  async #append(log: Log, { producerId, codec, records }: AppendStep): Promise<void> {
    await ensureCodec(codec);
    const producer = producerId >= 0 ? this.#producer(producerId) : null;
    const isTransactional = producerId >= 3;
    const batch = buildBatch({
      codec,
      ...(producer
        ? { producerId, producerEpoch: producer.epoch, baseSequence: producer.sequence, isTransactional }
        : {}),
      records: records.map((plan) => this.#record(plan)),
    });
    const errorCode = await this.#write(log, batch, 'client');
    if (producer === null || errorCode === tooLarge) return;
    if (errorCode === outOfOrder) return this.#raiseEpoch(producerId);
    producer.sequence += records.length;
    producer.isInTransaction = isTransactional;
  }

  async #end(log: Log, producerId: number, committed: boolean, bumpsEpoch: boolean): Promise<void> {
    const producer = this.#producer(producerId);
    if (bumpsEpoch) this.#raiseEpoch(producerId);
    const marker = buildEndTransactionMarker({
      committed,
      coordinatorEpoch: 0,
      producerId,
      producerEpoch: producer.epoch,
      timestampMs: this.nowMs,
    });
    await this.#write(log, marker, 'coordinator');
    producer.isInTransaction = false;
  }

  #raiseEpoch(producerId: number): void {
    const producer = this.#producer(producerId);
    producer.epoch++;
    producer.sequence = 0;
  }

  /** The error code of what a client may be refused for, 0 without. */
  async #write(log: Log, batch: Buffer, origin: AppendOrigin): Promise<number> {
    const outcome = await log.append(batch, { origin, leaderEpoch: this.#leaderEpoch, ownsBuffer: true });
    if (outcome.ok) return 0;
    if (origin === 'client' && [tooLarge, outOfOrder].includes(outcome.errorCode)) return outcome.errorCode;
    throw new Error(`refused with ${outcome.errorCode}: ${outcome.message}`);
  }

  #producer(producerId: number): Producer {
    let producer = this.#producers.get(producerId);
    if (producer === undefined) {
      producer = { epoch: 0, sequence: 0, isInTransaction: false };
      this.#producers.set(producerId, producer);
    }
    return producer;
  }

  /** Each value is another, so that records can be told apart. */
  #record({ key, valueBytes, ageMs, headers }: RecordPlan): NewRecord {
    const n = this.#values++;
    return {
      timestampMs: ageMs === null ? -1 : this.nowMs - ageMs,
      key: key === null ? null : Buffer.from(key),
      value: valueBytes === null ? null : Buffer.from(`${n}:`.padEnd(valueBytes, '.').slice(0, valueBytes)),
      headers: Array.from({ length: headers }, (_, i) => {
        return { key: `h${i}`, value: i % 2 === 0 ? Buffer.from(`${n}`) : null };
      }),
    };
  }
}
