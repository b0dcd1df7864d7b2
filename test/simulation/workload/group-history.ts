/**
 * What is owed to one group, whoever its members are: in one generation a partition has one owner; once somebody has an assignment of
 * a generation, nobody commits in an older one; a committed offset never goes back or away once it was acknowledged; every record
 * below it was read by some member.
 */

export class GroupHistory {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Generation → partition → owner; of a static member that is its instance. */
  readonly #owners = new Map<number, Map<string, string>>();
  readonly #offsets = new Map<string, { acknowledged: number; readonly tried: Set<number> }>();
  readonly #read = new Map<string, Set<number>>();
  readonly #skippedTo = new Map<string, number>();
  #latestGeneration = -1;
  /** Records that were read may be others by now: a log may end below a commit, and nothing is asked of what lies below one. */
  #hasLostRecords = false;

  constructor(groupId: string, topics: readonly string[]) {
    this.groupId = groupId;
    this.topics = topics;
  }

  get latestGeneration(): number {
    return this.#latestGeneration;
  }

  /** A power cut took what was not synced: generations may come again, offsets be older ones. */
  forget(): void {
    this.#owners.clear();
    this.#offsets.clear();
    this.#latestGeneration = -1;
    this.#hasLostRecords = true;
  }

  /** A member was told its assignment. */
  assigned(generation: number, owner: string, partitions: readonly string[]): void {
    this.#latestGeneration = Math.max(this.#latestGeneration, generation);
    let owners = this.#owners.get(generation);
    if (owners === undefined) this.#owners.set(generation, (owners = new Map()));
    for (const partition of partitions) {
      const other = owners.get(partition);
      if (other !== undefined && other !== owner) {
        const who = `${owner} and ${other}`;
        throw new Error(`${this.groupId}: ${who} both own ${partition} in generation ${generation}`);
      }
      owners.set(partition, owner);
    }
  }

  /** What a fetch of committed offsets, sent now, may find at least; hand it to `found`. */
  expected(partition: string): number {
    return this.#offsets.get(partition)?.acknowledged ?? -1;
  }

  found(partition: string, offset: number, atLeast: number): void {
    const known = this.#offsets.get(partition);
    if (known === undefined && this.#hasLostRecords) {
      // Whatever was left is what counts from now on.
      this.#offsets.set(partition, { acknowledged: offset, tried: new Set([offset]) });
      return;
    }
    const isKnown =
      offset === -1 ? known === undefined || known.acknowledged === -1 : known?.tried.has(offset);
    if (isKnown !== true || (offset < atLeast && !this.#hasLostRecords)) {
      const what = `${atLeast}, tried ${[...(known?.tried ?? [])].join()}`;
      throw new Error(`${this.groupId} finds ${offset} for ${partition}, was acknowledged ${what}`);
    }
  }

  read(partition: string, offsets: Iterable<number>): void {
    let read = this.#read.get(partition);
    if (read === undefined) this.#read.set(partition, (read = new Set()));
    for (const offset of offsets) read.add(offset);
  }

  /** A member was told that the log begins there. (After a crash it may begin earlier, if nobody's wish was acknowledged.) */
  skipped(partition: string, toOffset: number): void {
    this.#skippedTo.set(partition, Math.max(this.#skippedTo.get(partition) ?? 0, toOffset));
  }

  committing(partition: string, offset: number): void {
    let known = this.#offsets.get(partition);
    if (known === undefined) this.#offsets.set(partition, (known = { acknowledged: -1, tried: new Set() }));
    known.tried.add(offset);
  }

  /** `latestWhenSent`: the latest generation that anybody knew when the commit was sent. */
  committed(partition: string, offset: number, generation: number, latestWhenSent: number): void {
    if (generation < latestWhenSent)
      throw new Error(
        `${this.groupId}: a member of generation ${generation} commits while there is ${latestWhenSent}`,
      );
    const known = this.#offsets.get(partition);
    // Where the log was cut below it, a member began anew.
    if (known !== undefined)
      known.acknowledged = this.#hasLostRecords ? offset : Math.max(known.acknowledged, offset);
  }

  /** `offsets`: what is in the partition now. */
  expectAllRead(partition: string, offsets: Iterable<number>): void {
    if (this.#hasLostRecords) return;
    const committed = this.expected(partition);
    const read = this.#read.get(partition);
    for (const offset of offsets) {
      const isOwed = offset < committed && offset >= (this.#skippedTo.get(partition) ?? 0);
      if (isOwed && read?.has(offset) !== true)
        throw new Error(`${this.groupId} committed ${committed} of ${partition} and nobody read ${offset}`);
    }
  }
}
