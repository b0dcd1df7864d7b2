/** What the one hook in dispatch sees of a request, and what it may decide. */
import type { AnyApi } from '../../protocol/schema/api.ts';
import type { Caller, PartitionRefusal } from '../apis/handler.ts';
import type { MaybeLater } from '../journal/coordinator-shards.ts';
import type { Services } from '../services.ts';
import type { hangUp } from './connection.ts';

/** A request as the hook sees it. */
export interface HookedRequest {
  readonly api: AnyApi;
  readonly caller: Caller;
  /** The decoded body; its bytes are borrowed. */
  readonly body: unknown;
}

/** What to do with a request instead of handling it at once. */
export type HookVerdict =
  /** Not handled; answered with this error. */
  | { readonly kind: 'fail'; readonly errorCode: number; readonly message?: string }
  /** Handled later; requests behind it on the connection start before it, their answers wait. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Not handled and never answered. */
  | { readonly kind: 'drop' }
  /** Not handled; the connection is closed. */
  | { readonly kind: 'disconnect' };

/** Sees every request before its handler. Null: go on. */
export type RequestHook = (request: HookedRequest) => HookVerdict | null;

/** The broker's own hook: it may also take a request upon itself, and say what leaves in the end. */
export type BrokerHook = (request: HookedRequest, services: Services) => HookVerdict | TakeVerdict | null;

export interface TakeVerdict {
  readonly kind: 'take';
  readonly take: (taken: TakenRequest) => MaybeLater<Departure>;
}

/** What can be done with a request that was taken. */
export interface TakenRequest {
  /** The request once more, with bytes that stay; whoever waits before `handle` needs it, for the first one's are borrowed. */
  keep(): unknown;
  /** What the handler answers to this or a changed request; its failures are refusals, as ever. */
  handle(request: unknown, partitionRefusal?: PartitionRefusal): MaybeLater<AnswerOrEnd>;
  /** How the API says an error of the whole. */
  refuse(request: unknown, errorCode: number): AnswerOrEnd;
}

/** An answer to be encoded; null: none is sent; `hangUp`: the connection ends instead. */
export type AnswerOrEnd = object | null | typeof hangUp;

export interface Departure {
  readonly answer: AnswerOrEnd;
  /** After so many of its bytes the connection ends; 'half' of them. Left out: the answer leaves whole. */
  readonly cutAfter?: number | 'half';
}
