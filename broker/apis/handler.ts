import type { AnyApi, RequestOf, ResponseInit } from '../../protocol/schema/api.ts';
import type { MaybeLater } from '../journal/coordinator-shards.ts';
import type { Services } from '../services.ts';

/**
 * One handler an API, in the same path as its schema. It translates between the wire and a service and decides nothing
 * itself. It names the services it uses by destructuring, so a unit test passes two stubs.
 *
 * Order: handlers start in arrival order on each connection and enqueue their append before their first `await`, or ask first and
 * go on with `inTurn`; answers leave in order (network/connection.ts). A request's buffers (records, bytes) are views on the read buffer and are valid
 * only until the handler returns or first awaits: what must live longer is copied.
 */
export interface Handler<A extends AnyApi> {
  readonly api: A;
  /** Served (and advertised) versions, such as '3-13'. null: declared, not served, not advertised. */
  readonly versions: string | null;
  /**
   * Versions listed in ApiVersions where Kafka lists more than it serves (Produce 0-13, KIP-896); defaults to `versions`.
   */
  readonly advertised?: string;
  /** Null: no answer is sent (Produce with acks 0). */
  handle(services: Services, request: RequestOf<A>, caller: Caller): Answer<A> | Promise<Answer<A>>;
  /** How a failure of the whole request looks. Null: nothing can say it, and the connection is closed (Produce with acks 0). */
  refuse(
    request: RequestOf<A>,
    errorCode: number,
    message: string | null,
    apiVersion: number,
  ): ResponseInit<A> | null;
}

export type Answer<A extends AnyApi> = ResponseInit<A> | null;

/** Who asks: one per request, backed by its connection. */
export interface Caller {
  readonly apiVersion: number;
  readonly clientId: string | null;
  /** As Kafka writes hosts in group members: '/127.0.0.1'. */
  readonly clientHost: string;
  readonly principal: string;
  readonly listenerName: string;
  /** The request's bytes lie in a buffer of their own that nobody uses again, so they may be kept without a copy. */
  readonly ownsBytes: boolean;
  /** The handler says that nothing refers to the request's bytes any more: their memory serves another request. */
  bytesAreDone?(): void;
  readonly connection: CallerConnection;
  /** Refuses partitions before they are looked at; left out: none. Fetch asks it, since only its session knows all it is about. */
  readonly partitionRefusal?: PartitionRefusal | undefined;
}

/** The error that a partition is to be answered with, however it is; NONE: it is answered as it is. */
export type PartitionRefusal = (topic: string, topicId: string, partition: number) => number;

export interface CallerConnection {
  /** Unique within the process; also names the connection in log lines. */
  readonly id: number;
  /** The address this client used to reach us. */
  readonly local: { readonly host: string; readonly port: number };
  readonly isClosed: boolean;
  /** Software name and version from ApiVersions v3+, once known. */
  clientSoftware: { name: string; version: string } | null;
  /** What its latest Fetch asks for, with the rest of its session; null when there was none. */
  latestFetch: readonly FetchedPartitionName[] | null;
  /** No further request of it is begun until this settles. */
  hold(until: Promise<unknown>): void;
  /** Closes it, because there is no other way to tell the client (a failed Produce with acks 0). */
  disconnect(reason: string): void;
  /** Runs once when the connection is gone; `byUs`: this side closed it. Returns how to take it back. */
  onClose(listener: (byUs: boolean) => void): () => void;
}

/** A partition as a Fetch names it: by the topic's name, or by its id with an empty name. */
export interface FetchedPartitionName {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** Goes on once `asked` is answered, and before anything that its connection sends after it: what one client writes keeps its order. */
export function inTurn<Given, Result>(
  { connection }: Caller,
  asked: MaybeLater<Given>,
  go: (given: Given) => MaybeLater<Result>,
): MaybeLater<Result> {
  if (!(asked instanceof Promise)) return go(asked);
  // In an object, so that the others wait until it has gone on, not until it is done.
  const gone = asked.then((given) => ({ result: go(given) }));
  connection.hold(gone);
  return gone.then(({ result }) => result);
}

export function defineHandler<A extends AnyApi>(api: A, handler: Omit<Handler<A>, 'api'>): Handler<A> {
  return { api, ...handler };
}

/** A handler of whatever API: what dispatch keeps. */
export type AnyHandler = Handler<AnyApi>;

/** An API that Kafka has and this broker does not serve yet: declared, not advertised, and asked for it hangs up. */
export function notServed<A extends AnyApi>(api: A): Handler<A> {
  const neverAsked = (): never => {
    throw new Error(`${api.name} is not served`);
  };
  return { api, versions: null, handle: neverAsked, refuse: neverAsked };
}
