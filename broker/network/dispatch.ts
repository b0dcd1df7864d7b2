/**
 * From a frame to its answer: decode, admit, handle, encode.
 *
 *    header ──▶ known and served? ──▶ body ──▶ hook ──▶ handler ──▶ encode ──▶ connection (order, sending)
 *       │              │                │        │         │
 *       └── hang up ───┘── hang up ─────┘        └ refuse ─┘ refuse
 *
 * Nothing is thrown past this file. A handler's `ApiError` is answered with its code, any other error with UNKNOWN_SERVER_ERROR,
 * an error line and a count. A frame that cannot be answered (an unknown key or version, a body that is not what its schema
 * says) closes its own connection, as Kafka does, and no other. One exception is Kafka's too: an ApiVersions request in a
 * version that we do not have is answered in version 0 with UNSUPPORTED_VERSION and the versions we do have, because a client
 * asks before it can know them. Bytes behind a body are ignored, as in Kafka.
 */

import { ApiError, errors } from '../../protocol/errors.ts';
import { type Decoder, decoderOf } from '../../protocol/schema/compile.ts';
import { parseVersions } from '../../protocol/schema/versions.ts';
import { decodeRequestHeader, encodeResponse, type RequestHeader } from '../../protocol/wire/headers.ts';
import { BrokenFrame, Reader, TooManyElements } from '../../protocol/wire/reader.ts';
import { MessageTooLarge } from '../../protocol/wire/writer.ts';
import { outsideClock } from '../../storage/environment/clock.ts';
import type { AnyHandler, Caller } from '../apis/handler.ts';
import type { MaybeLater } from '../journal/coordinator-shards.ts';
import { inspectionOf } from '../observe/gap-inspection.ts';
import type { GapNote } from '../observe/gaps.ts';
import type { LimitedLog } from '../observe/limited-log.ts';
import type { Logger } from '../observe/logger.ts';
import type { RequestCounts } from '../observe/request-counts.ts';
import type { Services } from '../services.ts';
import { type Connection, type FrameHandler, hangUp, type Reply, type WholeReply } from './connection.ts';
import { lastBytes, outbound, releaseWithin } from './outbound-answer.ts';
import { RequestCaller } from './request-caller.ts';
import type { AnswerOrEnd, BrokerHook, Departure, TakenRequest, TakeVerdict } from './request-hook.ts';
import { SharedChunks } from './shared-chunks.ts';

const apiVersionsKey = 18;

export interface DispatchOptions {
  readonly handlers: Iterable<AnyHandler>;
  readonly services: Services;
  readonly logger: Logger;
  readonly log: LimitedLog;
  readonly counts: RequestCounts;
  /** `kompakt.request.elements.max`. */
  readonly requestElementsMax: number;
  /** `kompakt.response.max.bytes`. */
  readonly responseBytesMax: number;
  /** `kompakt.fetch.cache.max.bytes`. */
  readonly fetchCacheBytesMax: number;
  readonly hook?: BrokerHook | null;
  /** A connection's first request: who it is. */
  readonly onClient?: (caller: Caller) => void;
}

interface Route {
  readonly handler: AnyHandler;
  readonly low: number;
  readonly high: number;
  /** Looks for what of a request is not served; null: all is. */
  readonly inspect: ReturnType<typeof inspectionOf>;
  /** By version, made on first use. */
  readonly decoders: (Decoder<unknown> | undefined)[];
}

export class Dispatch implements FrameHandler {
  readonly #routes: (Route | undefined)[] = [];
  readonly #services: Services;
  readonly #logger: Logger;
  readonly #log: LimitedLog;
  readonly #counts: RequestCounts;
  readonly #reader = new Reader(Buffer.alloc(0));
  readonly #responseBytesMax: number;
  readonly #sharedChunks: SharedChunks;
  readonly #onClient: (caller: Caller) => void;
  hook: BrokerHook | null;

  constructor(options: DispatchOptions) {
    this.#services = options.services;
    this.#logger = options.logger;
    this.#log = options.log;
    this.#counts = options.counts;
    this.#reader.limitElements(options.requestElementsMax);
    this.#responseBytesMax = options.responseBytesMax;
    const clock = outsideClock(options.services.environment.clock);
    this.#sharedChunks = new SharedChunks(options.fetchCacheBytesMax, clock);
    this.#onClient = options.onClient ?? (() => {});
    this.hook = options.hook ?? null;
    for (const handler of options.handlers) {
      if (handler.versions === null) continue;
      const { low, high } = parseVersions(handler.versions);
      this.#routes[handler.api.key] = {
        handler,
        low,
        high,
        inspect: inspectionOf(handler.api),
        decoders: [],
      };
    }
  }

  /** Gives back what it holds for connections, of which there are none any more. */
  close(): void {
    this.#sharedChunks.close();
  }

  handle(frame: Buffer, connection: Connection, ownsBytes: boolean): Reply | Promise<Reply> {
    this.#counts.requests += 1;
    const reader = this.#reader.reset(frame);
    let header: RequestHeader | null = null;
    try {
      header = decodeRequestHeader(reader);
      const route = this.#routes[header.apiKey];
      if (route === undefined || header.apiVersion < route.low || header.apiVersion > route.high)
        return this.#notServed(header, route, connection);
      const request = this.#decoder(route, header.apiVersion)(reader);
      connection.requestElements = reader.elements;
      const isOurs = ownsBytes && this.hook === null;
      const caller = new RequestCaller(header, connection, ownsBytes, undefined, isOurs ? frame : null);
      if (!connection.hasSpoken) {
        connection.hasSpoken = true;
        this.#onClient(caller);
      }
      if (route.inspect !== null) this.#inspect(route.inspect, request, header.clientId);
      return this.hook === null
        ? this.#run(route.handler, header, request, caller)
        : this.#admit(route, header, request, caller, frame);
    } catch (error) {
      return this.#broken(error, header, connection);
    }
  }

  strange(protocol: string): void {
    this.#services.gaps.strange(protocol);
  }

  #inspect(inspect: NonNullable<Route['inspect']>, request: unknown, clientId: string | null): void {
    const { gaps, settings } = this.#services;
    inspect(request, (note: GapNote) => gaps.note(note, clientId), settings);
  }

  #decoder(route: Route, version: number): Decoder<unknown> {
    return (route.decoders[version] ??= decoderOf(route.handler.api, 'request', version));
  }

  #run(handler: AnyHandler, header: RequestHeader, request: unknown, caller: Caller): Reply | Promise<Reply> {
    let answer: unknown;
    try {
      answer = handler.handle(this.#services, request as never, caller);
    } catch (error) {
      return this.#refuse(handler, header, request, error);
    }
    if (!(answer instanceof Promise)) return this.#encode(handler, header, request, caller, answer);
    return answer.then(
      (value) => this.#encode(handler, header, request, caller, value),
      (error) => this.#refuse(handler, header, request, error),
    );
  }

  #encode(
    handler: AnyHandler,
    header: RequestHeader,
    request: unknown,
    caller: Caller,
    answer: unknown,
  ): WholeReply {
    if (answer === null) return null;
    try {
      return this.#encoded(handler, header, answer);
    } catch (error) {
      releaseWithin(answer, new Set());
      if (!(error instanceof MessageTooLarge)) return this.#refuse(handler, header, request, error);
      const what = `an answer with ${error.message}, which kompakt.response.max.bytes does not allow`;
      this.#log.warn(`answer ${handler.api.name}`, `${handler.api.name} is refused: ${what}`, {
        client: caller.clientId,
        host: caller.clientHost,
      });
      return this.#refuse(handler, header, request, new ApiError(errors.invalidRequest, `Refused: ${what}`));
    }
  }

  #encoded({ api }: AnyHandler, { apiVersion, correlationId }: RequestHeader, answer: unknown): WholeReply {
    const chunks = encodeResponse(api, apiVersion, correlationId, answer as never, this.#responseBytesMax);
    return outbound(chunks, this.#sharedChunks);
  }

  #refuse(handler: AnyHandler, header: RequestHeader, request: unknown, error: unknown): WholeReply {
    const { name } = handler.api;
    try {
      const answer = this.#refusal(handler, header, request, error);
      return answer === hangUp ? hangUp : this.#encoded(handler, header, answer);
    } catch (second) {
      if (second instanceof MessageTooLarge)
        this.#log.warn(
          `refusal ${name}`,
          `closed a connection: refusing its ${name} takes ${second.message}`,
        );
      else this.#logger.error(`${name} could not be refused`, { version: header.apiVersion, error: second });
      return hangUp;
    }
  }

  /** How a handler's failure is answered; counted and told where nobody foresaw it. */
  #refusal(
    handler: AnyHandler,
    header: RequestHeader,
    request: unknown,
    error: unknown,
  ): object | typeof hangUp {
    const known = error instanceof ApiError;
    if (!known) {
      this.#counts.unforeseenErrors += 1;
      this.#logger.error(`${handler.api.name} failed unexpectedly`, { version: header.apiVersion, error });
    }
    const code = known ? error.code : errors.unknownServerError.code;
    const message = known && error.message !== error.error.message ? error.message : null;
    return handler.refuse(request as never, code, message, header.apiVersion) ?? hangUp;
  }

  #notServed(header: RequestHeader, route: Route | undefined, connection: Connection): Reply {
    const { api, apiKey, apiVersion, correlationId } = header;
    this.#services.gaps.unserved(header, route === undefined ? null : `${route.low} to ${route.high}`);
    if (route !== undefined && apiKey === apiVersionsKey) {
      return encodeResponse(route.handler.api, 0, correlationId, {
        errorCode: errors.unsupportedVersion.code,
        apiKeys: [{ apiKey, minVersion: route.low, maxVersion: route.high }],
      }) as Buffer[];
    }
    const what =
      api === undefined
        ? `API key ${apiKey}, which Kafka does not have`
        : route === undefined
          ? `${api.name} (API key ${apiKey}), which this broker does not serve`
          : `${api.name} version ${apiVersion}; versions ${route.low} to ${route.high} are served`;
    this.#counts.brokenRequests += 1;
    this.#log.warn(
      `not served ${apiKey} ${apiVersion}`,
      `closed the connection from ${connection.name}: asked for ${what}`,
    );
    return hangUp;
  }

  #broken(error: unknown, header: RequestHeader | null, connection: Connection): Reply {
    this.#counts.brokenRequests += 1;
    const api = header?.api?.name;
    const what = api === undefined ? 'a request header' : `a ${api} request in version ${header?.apiVersion}`;
    if (error instanceof TooManyElements)
      this.#log.warn(
        `elements ${api}`,
        `closed the connection from ${connection.name}: ${what} with ${error.message}, which kompakt.request.elements.max does not allow`,
      );
    else if (error instanceof BrokenFrame)
      this.#log.warn(
        `broken ${api}`,
        `closed the connection from ${connection.name}: ${what} that is no such thing (${error.message})`,
      );
    else this.#logger.error(`could not decode ${what}`, { error, connection: connection.name });
    return hangUp;
  }

  /** Asks the hook. A delayed request is decoded again from a copy, because its bytes are borrowed. */
  #admit(
    route: Route,
    header: RequestHeader,
    request: unknown,
    caller: RequestCaller,
    frame: Buffer,
  ): Reply | Promise<Reply> {
    const verdict = this.hook!({ api: route.handler.api, caller, body: request }, this.#services);
    if (verdict === null) return this.#run(route.handler, header, request, caller);
    switch (verdict.kind) {
      case 'drop':
        return null;
      case 'disconnect':
        return hangUp;
      case 'fail': {
        const answer = route.handler.refuse(
          request as never,
          verdict.errorCode,
          verdict.message ?? null,
          header.apiVersion,
        );
        return answer === null ? hangUp : this.#encode(route.handler, header, request, caller, answer);
      }
      case 'delay':
        return this.#later(route, header, caller, caller.ownsBytes ? frame : Buffer.from(frame), verdict.ms);
      case 'take':
        return this.#take(verdict, route, header, request, caller, frame);
    }
  }

  #take(
    { take }: TakeVerdict,
    route: Route,
    header: RequestHeader,
    request: unknown,
    caller: RequestCaller,
    frame: Buffer,
  ): Reply | Promise<Reply> {
    const { handler } = route;
    const depart = (done: Departure) => this.#depart(handler, header, request, caller, done);
    const failed = (error: unknown) => this.#refuse(handler, header, request, error);
    try {
      const departure = take(this.#taken(route, header, caller, frame));
      return departure instanceof Promise ? departure.then(depart).catch(failed) : depart(departure);
    } catch (error) {
      return failed(error);
    }
  }

  #taken(route: Route, header: RequestHeader, caller: RequestCaller, frame: Buffer): TakenRequest {
    const { handler } = route;
    const { connection } = caller;
    let { ownsBytes } = caller;
    return {
      keep: () => {
        const kept = ownsBytes ? frame : Buffer.from(frame);
        ownsBytes = true;
        return this.#decodedAgain(route, header, kept);
      },
      handle: (asked, partitionRefusal) => {
        const refused = (error: unknown) => this.#refusal(handler, header, asked, error);
        try {
          const asker = new RequestCaller(header, connection, ownsBytes, partitionRefusal);
          const answer: MaybeLater<object | null> = handler.handle(this.#services, asked as never, asker);
          return answer instanceof Promise ? answer.catch(refused) : answer;
        } catch (error) {
          return refused(error);
        }
      },
      refuse: (asked, errorCode) =>
        handler.refuse(asked as never, errorCode, null, header.apiVersion) ?? hangUp,
    };
  }

  #depart(
    handler: AnyHandler,
    header: RequestHeader,
    request: unknown,
    caller: Caller,
    { answer, cutAfter }: Departure,
  ): Reply {
    if (answer === hangUp) return hangUp;
    const isOldest = handler.api.key === apiVersionsKey && isUnsupportedVersion(answer);
    const reply = this.#encode(
      handler,
      isOldest ? { ...header, apiVersion: 0 } : header,
      request,
      caller,
      answer,
    );
    return cutAfter === undefined || reply === hangUp ? reply : lastBytes(reply, cutAfter);
  }

  async #later(
    route: Route,
    header: RequestHeader,
    caller: RequestCaller,
    frame: Buffer,
    ms: number,
  ): Promise<Reply> {
    await new Promise<void>((resolve) => {
      outsideClock(this.#services.environment.clock).schedule(ms, resolve);
    });
    if (caller.connection.isClosed) return null;
    const request = this.#decodedAgain(route, header, frame);
    return this.#run(route.handler, header, request, new RequestCaller(header, caller.connection, true));
  }

  #decodedAgain(route: Route, header: RequestHeader, frame: Buffer): unknown {
    const reader = new Reader(frame);
    decodeRequestHeader(reader);
    return this.#decoder(route, header.apiVersion)(reader);
  }
}

/** ApiVersions says this in its first version whatever was asked in, and says what is served with it. */
function isUnsupportedVersion(answer: AnswerOrEnd): boolean {
  return (
    answer !== null &&
    'errorCode' in (answer as object) &&
    (answer as { errorCode: number }).errorCode === errors.unsupportedVersion.code
  );
}
