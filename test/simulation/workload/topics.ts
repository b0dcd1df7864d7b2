/**
 * What is owed to the topics of a simulated broker: everything that was acknowledged, at its offset, in its order; nothing that was
 * shown below the high watermark ever different; no idempotent record twice; a start that never moves back behind what was deleted.
 */

/** What was acknowledged last, and what may have come about since, for want of an answer. */
export class Known<Value> {
  acknowledged: Value;
  #tried = new Set<Value>();

  constructor(value: Value) {
    this.acknowledged = value;
  }

  try(value: Value): void {
    this.#tried.add(value);
  }

  /** `isLatest`: nothing else was tried at the same time. */
  confirm(value: Value, isLatest = true): void {
    this.acknowledged = value;
    if (isLatest) this.#tried.clear();
    this.#tried.add(value);
  }

  allows(value: Value): boolean {
    return value === this.acknowledged || this.#tried.has(value);
  }

  get possible(): Value[] {
    return [this.acknowledged, ...this.#tried];
  }
}

export interface Sent {
  readonly value: string;
  /** Offset of its acknowledgement; null when none came. */
  offset: number | null;
  acknowledgedMs: number;
  /** It was on the device when it was acknowledged, whatever the policy. */
  isSynced: boolean;
}

/** All that a partition has. */
export interface Contents {
  readonly startOffset: number;
  readonly values: ReadonlyMap<number, string>;
}

/** What a power cut took, and what it cannot have taken. */
export interface Loss {
  mustHave(one: Sent): boolean;
  /** Where the segments begin that are left. */
  segmentBases(history: PartitionHistory): ReadonlySet<number>;
}

export class PartitionHistory {
  readonly name: string;
  /** In the order in which they were sent. */
  readonly sent: Sent[] = [];
  /** Of the idempotent producer: its values in the order of their sequences. */
  readonly idempotent: Sent[] = [];
  /** Offset → value, as some reader saw it below the high watermark. */
  readonly shown = new Map<number, string>();
  /** Up to where records were deleted by request. */
  deletedTo = 0;
  deletionTriedTo = 0;
  leaderEpoch = -1;
  nextSequence = 0;
  /** A batch without an answer is sent again before the next one. */
  unanswered: Sent | null = null;
  isProducing = false;

  constructor(name: string) {
    this.name = name;
  }

  /** A reader was shown these below the high watermark. */
  show(values: ReadonlyMap<number, string>): void {
    for (const [offset, value] of values) {
      const before = this.shown.get(offset);
      if (before !== undefined && before !== value)
        throw new Error(`${this.name} showed "${brief(before)}" at ${offset} and now "${brief(value)}"`);
      this.shown.set(offset, value);
    }
  }

  /**
   * After a power cut without fsync what is missing is forgotten, but for what was on the device. Without a sync before a roll the
   * device may have a new segment and not the end of the one before: what is missing otherwise was the end of the log, or came
   * before its start.
   */
  forgetLost({ startOffset, values }: Contents, mayShrink: boolean, loss: Loss): void {
    const deletedTo = mayShrink ? startOffset : Math.max(this.deletedTo, this.deletionTriedTo);
    const places = [...values.keys()].sort((a, b) => a - b);
    const expectLoss = (offset: number, what: string): void => {
      const next = places.find((place) => place > offset);
      const isExcused = offset < startOffset || next === undefined || loss.segmentBases(this).has(next);
      if (!isExcused) throw new Error(`${this.name} has lost ${what} from between others, at ${offset}`);
    };
    for (const one of [...this.sent, ...this.idempotent]) {
      const { offset, value } = one;
      if (offset === null || values.has(offset)) continue;
      if (loss.mustHave(one) && offset >= Math.min(startOffset, deletedTo))
        throw new Error(`${this.name} has lost "${brief(value)}" at ${offset}, which was synced`);
      expectLoss(offset, `"${brief(value)}"`);
      one.offset = null;
    }
    for (const [offset, value] of this.shown) {
      if (values.has(offset)) continue;
      expectLoss(offset, `"${brief(value)}"`);
      this.shown.delete(offset);
    }
    // Not even its directory is left: it begins anew.
    if (startOffset < this.deletedTo && values.size === 0) this.deletedTo = 0;
    this.deletionTriedTo = Number.POSITIVE_INFINITY;
    this.nextSequence = 0;
    this.unanswered = null;
  }

  /** `mayShrink`: retention may have moved the start. */
  compare({ startOffset, values }: Contents, mayShrink: boolean): void {
    const { name } = this;
    if (startOffset < this.deletedTo)
      throw new Error(`${name} begins at ${startOffset}, though it was deleted up to ${this.deletedTo}`);
    if (!mayShrink && startOffset > Math.max(this.deletedTo, this.deletionTriedTo))
      throw new Error(`${name} begins at ${startOffset}, and nobody asked for that`);
    for (const { value, offset } of [...this.sent, ...this.idempotent]) {
      if (offset === null || offset < startOffset || values.get(offset) === value) continue;
      const found = values.get(offset);
      throw new Error(
        `${name} acknowledged "${brief(value)}" at ${offset} and has ${found && brief(found)} there`,
      );
    }
    for (const offset of this.shown.keys())
      if (offset >= startOffset && !values.has(offset))
        throw new Error(`${name} showed ${offset} and lost it`);
    this.#expectOrder(values);
  }

  #expectOrder(values: ReadonlyMap<number, string>): void {
    const found = [...values.values()];
    const idempotent = found.filter((value) => value.startsWith('idempotent'));
    if (new Set(idempotent).size < idempotent.length)
      throw new Error(`${this.name} has an idempotent record twice`);
    const places = new Map([...values].map(([offset, value]) => [value, offset]));
    for (const inOrder of [this.sent, this.idempotent]) {
      const offsets = inOrder.map(({ value }) => places.get(value)).filter((offset) => offset !== undefined);
      if (offsets.some((offset, i) => i > 0 && offset <= offsets[i - 1]!))
        throw new Error(`${this.name} is out of order`);
    }
  }
}

export class Topic {
  readonly name: string;
  readonly partitions: PartitionHistory[] = [];
  readonly partitionCount: Known<number>;
  readonly configs = new Map<string, Known<string | null>>();
  /** It had a limit of time or size once, so its start may move. */
  mayShrink = false;
  isBeingChanged = false;

  constructor(name: string, partitionCount: number) {
    this.name = name;
    this.partitionCount = new Known(partitionCount);
    this.grow(partitionCount);
  }

  /** Partitions that are known to be there. */
  grow(count: number): void {
    while (this.partitions.length < count)
      this.partitions.push(new PartitionHistory(`${this.name}-${this.partitions.length}`));
  }

  config(key: string): Known<string | null> {
    let known = this.configs.get(key);
    if (known === undefined) this.configs.set(key, (known = new Known<string | null>(null)));
    return known;
  }

  /** Every record is on the device before it is acknowledged. */
  get isSyncedEachTime(): boolean {
    return this.config('flush.messages').possible.every((value) => value === '1');
  }
}

function brief(value: string): string {
  return value.slice(0, 30);
}
