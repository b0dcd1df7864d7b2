/**
 * State that lives in a topic. A machine's decisions are pure: state + request + time → entries and an answer. `replay` is
 * the only place where state changes, for a fresh entry and at load alike, so that live state = replayed state. Decide
 * never mutates, replay never decides or throws, neither awaits. (The idea is that of Kafka's CoordinatorRuntime.)
 */
export interface Decision<Entry, Answer> {
  /** Written as one batch: all of them or none. */
  readonly entries: readonly Entry[];
  readonly answer: Answer;
}

/** A decision that changes nothing: the answer alone. */
export function answerOnly<Answer>(answer: Answer): Decision<never, Answer> {
  return { entries: [], answer };
}

export interface StateMachine<Entry> {
  /**
   * Applies one entry. Called at once when a live decision is enqueued (before it is durable) and in log order at load;
   * the entries of a transaction come when its COMMIT marker is read, with the (older) position they were written at.
   */
  replay(entry: Entry, position: EntryPosition): void;
  /** An entry of a transaction is written; whether it ever counts, its marker will tell. Left out: that changes nothing. */
  pend?(entry: Entry): void;
  /** Back to empty, before a load. */
  clear(): void;
}

export interface EntryPosition {
  /**
   * Offset of the entry's record. For a live entry it is where the record will be if nobody but the journal writes to
   * the log, as is the rule.
   */
  readonly offset: number;
  readonly timestampMs: number;
}

/** How entries of a machine become records of its topic and back; unknown record types decode to null and are kept in the log. */
export interface EntryCodec<Entry> {
  encode(entry: Entry): { readonly key: Buffer | null; readonly value: Buffer | null };
  /** Throws on bytes that are broken. `key` and `value` may be views: what is kept of them must be copied. */
  decode(key: Buffer | null, value: Buffer | null): Entry | null;
  /** What a record that `decode` does not know is counted as; left out: the int16 that its key begins with, or -1. */
  typeOf?(key: Buffer | null, value: Buffer | null): number;
}

/**
 * What journal.ts gives. `run` decides, enqueues the entries as one batch and replays them at once; the answer comes when the
 * append is as durable as the policy says: synchronously where nothing is awaited. After a failed append that was awaited
 * the journal is offline until it is loaded again, because memory is ahead of the log.
 */
export interface JournalOf<Entry> {
  /** Throws or rejects with a JournalError when nothing was written or the outcome is not known. */
  run<Answer>(decide: () => Decision<Entry, Answer>): Answer | Promise<Answer>;
  /** Resolves (or returns) when everything replayed so far is durable; answers that read state wait for it under fsync. */
  settled(): void | Promise<void>;
  readonly isOffline: boolean;
}
