/**
 * `Lookups` of a broker in another process. A connection that was lost is opened again for the next call; what it had under way fails, but
 * for streams of changes, which go on.
 */

import { LookupConnectionError } from './connection-error.ts';
import type {
  Change,
  ChangesOptions,
  GetOptions,
  History,
  HistoryOptions,
  KeyAnswer,
  KeyRecord,
  LiveRecord,
  Lookups,
  Page,
  PageOptions,
  TableStatus,
  WriteOptions,
  Written,
} from './lookup.ts';
import { type Patience, reconnectMsDefault, resumedChanges } from './resumed-changes.ts';
import type { LookupChannel } from './rpc-channel.ts';
import {
  answerOf,
  changeOf,
  historyOf,
  pageOf,
  type ReplyMessage,
  tableStatusOf,
  writeToMessage,
  writtenOf,
} from './rpc-messages.ts';

export class RemoteLookups implements Omit<Lookups, 'status'> {
  readonly #open: () => Promise<LookupChannel>;
  readonly #patience: Patience;
  #channel: LookupChannel;
  #opening: Promise<LookupChannel> | null = null;
  #isClosed = false;

  private constructor(channel: LookupChannel, open: () => Promise<LookupChannel>, patience: Patience) {
    this.#channel = channel;
    this.#patience = patience;
    this.#open = open;
  }

  static async open(open: () => Promise<LookupChannel>, patience: Patience): Promise<RemoteLookups> {
    return new RemoteLookups(await open(), open, patience);
  }

  get(topic: string, key: Buffer, options?: GetOptions): Promise<KeyAnswer> {
    const { signal, ...rest } = options ?? noOptions;
    const request = { get: options === undefined ? { topic, key } : { topic, key, options: rest } };
    return this.#call(request, signal, (reply) => answerOf(topic, reply.answer!));
  }

  getMany(topic: string, keys: readonly Buffer[], options: GetOptions = noOptions): Promise<KeyAnswer[]> {
    const { signal, ...rest } = options;
    const answers: KeyAnswer[] = [];
    return this.#call({ getMany: { topic, keys, options: rest } }, signal, (reply) => {
      for (const answer of reply.answers!.answers) answers.push(answerOf(topic, answer));
      return reply.isPart ? undefined : answers;
    });
  }

  page(topic: string, { signal, ...options }: PageOptions = {}): Promise<Page> {
    const records: LiveRecord[] = [];
    return this.#call({ page: { topic, ...options } }, signal, (reply) => {
      const page = pageOf(topic, reply.page!);
      for (const record of page.records) records.push(record);
      return reply.isPart ? undefined : { ...page, records };
    });
  }

  history(topic: string, key: Buffer, { signal, ...options }: HistoryOptions = {}): Promise<History> {
    const records: KeyRecord[] = [];
    return this.#call({ history: { topic, key, ...options } }, signal, (reply) => {
      const history = historyOf(topic, reply.history!);
      for (const record of history.records) records.push(record);
      return reply.isPart ? undefined : { ...history, records };
    });
  }

  put(topic: string, key: Buffer, value: Buffer | null, options: WriteOptions = {}): Promise<Written> {
    const put = { topic, key, value, ...writeToMessage(options) };
    return this.#call({ put }, options.signal, (reply) => writtenOf(reply.written!));
  }

  changes(topic: string, options: ChangesOptions = {}): AsyncGenerator<Change> {
    const { signal, after, reconnectMs = reconnectMsDefault, onLost, ...rest } = options;
    return resumedChanges({
      open: (from, opened) => {
        const request = { changes: { topic, ...rest, ...(from === undefined ? {} : { after: from }) } };
        return this.#changes(topic, request, signal, opened);
      },
      isClosed: () => this.#isClosed,
      patience: this.#patience,
      ...{ after, reconnectMs, onLost, signal },
    });
  }

  async *#changes(
    topic: string,
    request: object,
    signal: AbortSignal | undefined,
    opened: () => void,
  ): AsyncGenerator<Change> {
    const channel = await this.#connected();
    opened();
    yield* channel.stream(request, signal, (reply) => changeOf(topic, reply.change!));
  }

  /** As `Lookups.status`. */
  tables(): Promise<TableStatus[]> {
    return this.#call({ tables: {} }, undefined, (reply) => reply.tables!.tables.map(tableStatusOf));
  }

  close(): void {
    this.#isClosed = true;
    this.#channel.close();
  }

  #call<Result>(
    request: object,
    signal: AbortSignal | undefined,
    take: (reply: ReplyMessage) => Result | undefined,
  ): Promise<Result> {
    if (!this.#channel.isClosed) return this.#channel.call(request, signal, take);
    return this.#connected().then((channel) => channel.call(request, signal, take));
  }

  async #connected(): Promise<LookupChannel> {
    if (!this.#channel.isClosed) return this.#channel;
    if (this.#isClosed) throw new LookupConnectionError('this client is closed');
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    const channel = await this.#opening;
    this.#channel = channel;
    if (this.#isClosed) channel.close();
    return channel;
  }
}

const noOptions: GetOptions = {};
