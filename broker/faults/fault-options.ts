/**
 * What may be said of a fault, and what may not. Each refusal names the option:
 *
 *   what it concerns    api, topic, partition, clientId
 *   how often           after (the first so many pass), times (then so many are hit)
 *   what happens        delayMs, then one of error, dropConnection, truncateAnswer, throttleMs
 *   and when            before the request takes effect, or after
 */
import { errors } from '../../protocol/errors.ts';
import { messages } from '../../protocol/messages/index.ts';
import type { AnyApi } from '../../protocol/schema/api.ts';
import { closestNames } from '../../storage/config/closest-names.ts';
import { handlers } from '../apis/index.ts';
import { checkFlag, checkInteger, checkNames, checkText, shown } from '../options/check-options.ts';
import { OptionError } from '../options/option-error.ts';
import { topicPlaces } from './topic-places.ts';

/** An API as Kafka names it: 'Produce', 'FindCoordinator'. */
export type FaultyApi = (typeof messages)[keyof typeof messages]['name'];
/** An error as Kafka names it: 'NOT_LEADER_OR_FOLLOWER'. */
export type FaultError = Exclude<(typeof errors)[keyof typeof errors]['name'], 'NONE'>;

export interface FaultOptions {
  /** Which requests: of this API, or of one of these. */
  readonly api: FaultyApi | readonly FaultyApi[];
  /** Only requests that name this topic, and of those only what concerns it: all else in them is answered as ever. */
  readonly topic?: string;
  /** Only this partition of `topic`. */
  readonly partition?: number;
  /** Only requests of clients of this client id. */
  readonly clientId?: string;
  /** So many requests pass before the first one is hit. Default 0. */
  readonly after?: number;
  /** So many requests are hit, then no more. Left out: until `remove`. */
  readonly times?: number;
  /** Answered with this error, where this API's answers have errors. */
  readonly error?: FaultError;
  /** Waits so long, in real time even where the broker's clock is virtual. The connection's next request waits too. */
  readonly delayMs?: number;
  /** The connection is closed instead of an answer. */
  readonly dropConnection?: boolean;
  /** So many bytes of the answer are sent, or half of them with `true`, and then the connection is closed. */
  readonly truncateAnswer?: boolean | number;
  /** The answer says that the client is throttled, and its connection is mute for so long, as with quotas in Kafka. */
  readonly throttleMs?: number;
  /**
   * Whether `error`, `dropConnection` and `delayMs` come before the request has done anything (default), or after it has done
   * everything: then the records are written, and the client does not hear of it.
   */
  readonly when?: 'before' | 'after';
}

/** A fault whose options have been found sound. */
export interface CheckedFault {
  readonly apis: ReadonlySet<AnyApi>;
  readonly topic: string | null;
  readonly partition: number | null;
  readonly clientId: string | null;
  readonly after: number;
  readonly times: number;
  readonly isAfter: boolean;
  readonly delayMs: number;
  readonly throttleMs: number;
  readonly ending: Ending | null;
}

/** What becomes of the answer. */
export type Ending =
  | { readonly kind: 'error'; readonly errorCode: number }
  | { readonly kind: 'drop' }
  | { readonly kind: 'cut'; readonly cutAfter: number | 'half' };

const maxMs = 0x7fffffff;
const maxCount = Number.MAX_SAFE_INTEGER;
const maxPartition = 0x7fffffff;

const apisByName = new Map<string, AnyApi>(Object.values(messages).map((api) => [api.name, api]));
const servedNames = new Set(
  Object.values(handlers)
    .filter(({ versions }) => versions !== null)
    .map(({ api }) => api.name as string),
);
const errorsByName = new Map(Object.values(errors).map((error) => [error.name as string, error]));

const optionNames: { readonly [Name in keyof Required<FaultOptions>]: true } = {
  api: true,
  topic: true,
  partition: true,
  clientId: true,
  after: true,
  times: true,
  error: true,
  delayMs: true,
  dropConnection: true,
  truncateAnswer: true,
  throttleMs: true,
  when: true,
};

/** Throws an OptionError where they make no sense. Options come from JavaScript and from HTTP too, so nothing is taken for granted. */
export function checkFault(options: FaultOptions): CheckedFault {
  if (typeof options !== 'object' || options === null)
    throw refusal('api', 'a fault needs an api and an effect');
  checkNames('a fault', options, optionNames);
  const apis = checkApis(options.api);
  const topic = textOf('topic', options.topic);
  const partition = numberOf('partition', options.partition, 0, maxPartition) ?? null;
  checkPlace(apis, topic, partition);
  const ending = checkEnding(options);
  const delayMs = numberOf('delayMs', options.delayMs, 0, maxMs) ?? 0;
  const throttleMs = numberOf('throttleMs', options.throttleMs, 0, maxMs) ?? 0;
  checkThrottle(options, apis, ending);
  if (ending === null && options.delayMs === undefined && options.throttleMs === undefined)
    throw refusal(
      'error',
      'a fault needs an effect: error, delayMs, dropConnection, truncateAnswer or throttleMs',
    );
  return {
    apis: new Set(apis),
    topic,
    partition,
    clientId: textOf('clientId', options.clientId, { canBeEmpty: true }),
    after: numberOf('after', options.after, 0, maxCount) ?? 0,
    times: numberOf('times', options.times, 1, maxCount) ?? Number.POSITIVE_INFINITY,
    isAfter: checkWhen(options, ending),
    delayMs,
    throttleMs,
    ending,
  };
}

function checkApis(given: FaultOptions['api']): AnyApi[] {
  const apis = given === undefined ? [] : apisNamed(given);
  if (apis.length === 0)
    throw refusal('api', "it is needed: the name of an API, such as 'Produce', or several");
  for (const { name } of apis)
    if (!servedNames.has(name))
      throw refusal('api', `this broker does not serve ${name}, so nothing is left to go wrong with it`);
  return apis;
}

/** Throws an OptionError for a name that is not Kafka's. */
export function apisNamed(given: FaultyApi | readonly FaultyApi[]): AnyApi[] {
  const names: readonly unknown[] = Array.isArray(given) ? given : [given];
  return names.map((name) => {
    const api = typeof name === 'string' ? apisByName.get(name) : undefined;
    if (api !== undefined) return api;
    const known = Object.fromEntries([...apisByName.keys()].map((one) => [one, true]));
    throw refusal(
      'api',
      `Kafka has no API ${shown(name)}${closestNames(typeof name === 'string' ? name : '', known)}`,
    );
  });
}

function checkPlace(apis: readonly AnyApi[], topic: string | null, partition: number | null): void {
  if (partition !== null && topic === null)
    throw refusal('partition', 'it is one of a topic: say which `topic` too');
  for (const { name } of apis) {
    if (topic !== null && topicPlaces[name] === undefined)
      throw refusal('topic', `${name} is about no topic in particular`);
    if (partition !== null && !topicPlaces[name]!.some(({ response }) => response.partitions !== null))
      throw refusal('partition', `${name} is about whole topics`);
  }
}

function checkEnding(options: FaultOptions): Ending | null {
  const { error, dropConnection, truncateAnswer } = options;
  const given = (['error', 'dropConnection', 'truncateAnswer'] as const).filter(
    (name) => options[name] !== undefined && options[name] !== false,
  );
  if (given.length > 1) throw refusal(given[1]!, `it contradicts ${given[0]}: only one of them can happen`);
  if (error !== undefined) return { kind: 'error', errorCode: errorCodeOf(error) };
  if (dropConnection !== undefined) checkFlag('dropConnection', dropConnection);
  if (dropConnection === true) return { kind: 'drop' };
  if (truncateAnswer === undefined || truncateAnswer === false) return null;
  if (truncateAnswer === true) return { kind: 'cut', cutAfter: 'half' };
  return { kind: 'cut', cutAfter: numberOf('truncateAnswer', truncateAnswer, 0, maxMs)! };
}

function errorCodeOf(name: unknown): number {
  const error = typeof name === 'string' ? errorsByName.get(name) : undefined;
  if (error === undefined) {
    const known = Object.fromEntries([...errorsByName.keys()].map((one) => [one, true]));
    throw refusal('error', `Kafka has no error ${shown(name)}${closestNames(String(name), known)}`);
  }
  if (error.code === errors.none.code) throw refusal('error', 'NONE is what an answer without an error says');
  return error.code;
}

function checkThrottle(options: FaultOptions, apis: readonly AnyApi[], ending: Ending | null): void {
  if (options.throttleMs === undefined) return;
  if (ending !== null && ending.kind !== 'error')
    throw refusal(
      'throttleMs',
      `it contradicts ${ending.kind === 'drop' ? 'dropConnection' : 'truncateAnswer'}: no whole answer leaves that could say it`,
    );
  for (const { name, response } of apis)
    if (response.fields.throttleTimeMs === undefined)
      throw refusal('throttleMs', `answers of ${name} cannot say that a client is throttled`);
}

function checkWhen({ when, delayMs }: FaultOptions, ending: Ending | null): boolean {
  if (when === undefined) return false;
  if (when !== 'before' && when !== 'after')
    throw refusal('when', `it is 'before' or 'after', not ${shown(when)}`);
  if (ending?.kind === 'cut')
    throw refusal('when', 'truncateAnswer cuts the answer to what has been done: it comes after in any case');
  if (ending === null && delayMs === undefined)
    throw refusal('when', 'a client is throttled with the answer: there is no before and after');
  return when === 'after';
}

function textOf(option: string, value: unknown, rules?: { readonly canBeEmpty: boolean }): string | null {
  if (value === undefined) return null;
  checkText(option, value, rules);
  return value;
}

function numberOf(option: string, value: unknown, min: number, max: number): number | undefined {
  if (value !== undefined) checkInteger(option, value, min, max);
  return value as number | undefined;
}

function refusal(option: string, problem: string): OptionError {
  return new OptionError(option, `${option}: ${problem}`);
}
