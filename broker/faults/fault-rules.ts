/**
 * The faults that are in force, in the order in which they were made. Of those that a request matches, each effect comes from the
 * first that has it and is not used up: one delay, one throttling, one ending; so two faults with `times: 1` hit one request after
 * the other. Errors for single partitions join where they concern different ones.
 */
import { errors } from '../../protocol/errors.ts';
import type { HookedRequest } from '../network/request-hook.ts';
import { OptionError } from '../options/option-error.ts';
import type { Services } from '../services.ts';
import { type CheckedFault, checkFault, type FaultOptions } from './fault-options.ts';
import { type Body, type NamedPartition, namedIn, type RefusalOf } from './topic-answers.ts';
import { type TopicPlace, topicPlaces } from './topic-places.ts';

/** Faults that one broker may have at a time; each is asked about each request. */
export const faultsMax = 1000;
/** Faults that can still be asked about, those that are over too. */
export const faultsListedMax = 2 * faultsMax;

/** A fault with its number among those of its broker. */
export interface ListedFault extends Fault {
  readonly id: number;
  readonly options: FaultOptions;
}

/** A fault in force. */
export interface Fault {
  /** How many requests it has hit. */
  readonly hits: number;
  /** It hits nothing any more: removed, or `times` are over. */
  readonly isOver: boolean;
  /** Takes it back. Idempotent. */
  remove(): void;
}

/** What happens to one request. */
export interface FaultPlan {
  readonly delays: { beforeMs: number; afterMs: number };
  throttleMs: number;
  ending: WholeEnding | null;
  /** Errors for single partitions, from these. */
  readonly partsBefore: CheckedFault[];
  readonly partsAfter: CheckedFault[];
}

export type WholeEnding =
  | { readonly kind: 'error'; readonly errorCode: number; readonly isAfter: boolean }
  | { readonly kind: 'drop'; readonly isAfter: boolean }
  | { readonly kind: 'cut'; readonly cutAfter: number | 'half' };

class Rule implements ListedFault {
  readonly id: number;
  readonly options: FaultOptions;
  readonly fault: CheckedFault;
  readonly #rules: Set<Rule>;
  hits = 0;
  /** Requests that still pass. */
  passes: number;

  constructor(id: number, options: FaultOptions, rules: Set<Rule>) {
    this.id = id;
    this.fault = checkFault(options);
    // A copy, because whoever gave them may change them.
    this.options = structuredClone(options);
    this.#rules = rules;
    this.passes = this.fault.after;
  }

  get isOver(): boolean {
    return !this.#rules.has(this);
  }

  remove(): void {
    this.#rules.delete(this);
  }

  hit(): void {
    this.hits += 1;
    if (this.hits >= this.fault.times) this.remove();
  }
}

export class FaultRules {
  readonly #rules = new Set<Rule>();
  /** Those that are over too, until there is no room for them. */
  readonly #listed = new Map<number, Rule>();
  #lastId = 0;

  get size(): number {
    return this.#rules.size;
  }

  /** Throws an OptionError where the options make no sense. */
  add(options: FaultOptions): ListedFault {
    const rule = new Rule(this.#lastId + 1, options, this.#rules);
    if (this.#rules.size >= faultsMax)
      throw new OptionError('api', `api: ${faultsMax} faults are in force, and no more may be`);
    this.#lastId = rule.id;
    this.#rules.add(rule);
    this.#listed.set(rule.id, rule);
    if (this.#listed.size > faultsListedMax) this.#forgetOne();
    return rule;
  }

  list(): ListedFault[] {
    return [...this.#listed.values()];
  }

  byId(id: number): ListedFault | undefined {
    return this.#listed.get(id);
  }

  clear(): void {
    this.#rules.clear();
    this.#listed.clear();
  }

  #forgetOne(): void {
    for (const { id, isOver } of this.#listed.values()) if (isOver) return void this.#listed.delete(id);
  }

  /** Null: nothing. What is used up is counted here. */
  plan(request: HookedRequest, services: Services): FaultPlan | null {
    if (this.#rules.size === 0) return null;
    const plan = nothing();
    let isHit = false;
    for (const rule of this.#rules) {
      if (!matches(rule.fault, request, services)) continue;
      if (rule.passes > 0) {
        rule.passes -= 1;
        continue;
      }
      if (!takeUp(plan, rule.fault, request)) continue;
      rule.hit();
      isHit = true;
    }
    return isHit ? plan : null;
  }
}

function nothing(): FaultPlan {
  return {
    delays: { beforeMs: 0, afterMs: 0 },
    throttleMs: 0,
    ending: null,
    partsBefore: [],
    partsAfter: [],
  };
}

/** Adds to a plan what a fault has and the plan has not; false where that is nothing. */
function takeUp(plan: FaultPlan, fault: CheckedFault, request: HookedRequest): boolean {
  const endsIt = fault.ending !== null && addEnding(plan, fault, request);
  // The rest of a fault comes with its ending, or not at all.
  if (fault.ending !== null && !endsIt) return false;
  const { delays } = plan;
  const isDelay = fault.delayMs > 0 && delays.beforeMs + delays.afterMs === 0;
  if (isDelay) delays[fault.isAfter ? 'afterMs' : 'beforeMs'] = fault.delayMs;
  const isThrottle = fault.throttleMs > 0 && plan.throttleMs === 0;
  if (isThrottle) plan.throttleMs = fault.throttleMs;
  const doesNothing = fault.ending === null && fault.delayMs === 0 && fault.throttleMs === 0;
  return endsIt || isDelay || isThrottle || doesNothing;
}

function addEnding(plan: FaultPlan, fault: CheckedFault, { api, caller }: HookedRequest): boolean {
  const ending = fault.ending!;
  const parts = fault.isAfter ? plan.partsAfter : plan.partsBefore;
  const isInParts =
    ending.kind === 'error' &&
    (fault.topic !== null || isSaidInParts(api.name, caller.apiVersion, ending.errorCode));
  const hasParts = plan.partsBefore.length + plan.partsAfter.length > 0;
  if (plan.ending !== null || (hasParts && !isInParts)) return false;
  if (!isInParts) {
    plan.ending = ending.kind === 'cut' ? ending : { ...ending, isAfter: fault.isAfter };
    return true;
  }
  if ([...plan.partsBefore, ...plan.partsAfter].some((other) => covers(other, fault))) return false;
  parts.push(fault);
  return true;
}

/** Everything that `fault` is about has the error of `other` already. */
function covers(other: CheckedFault, fault: CheckedFault): boolean {
  if (other.topic !== null && other.topic !== fault.topic) return false;
  return other.partition === null || other.partition === fault.partition;
}

const sessionErrors: ReadonlySet<number> = new Set([
  errors.fetchSessionIdNotFound.code,
  errors.invalidFetchSessionEpoch.code,
  errors.fetchSessionTopicIdError.code,
]);
/** Errors of an offset, not of the group. */
const offsetErrors: ReadonlySet<number> = new Set([
  errors.unknownTopicOrPartition.code,
  errors.unknownTopicId.code,
  errors.topicAuthorizationFailed.code,
  errors.unstableOffsetCommit.code,
  errors.groupSubscribedToTopic.code,
]);

/** Whether Kafka says this error at the partitions or topics of an answer, although the answer could say an error of the whole. */
function isSaidInParts(api: string, version: number, errorCode: number): boolean {
  switch (api) {
    case 'Fetch':
      return !sessionErrors.has(errorCode);
    case 'Metadata':
      return errorCode !== errors.rebootstrapRequired.code || version < 13;
    case 'DescribeTopicPartitions':
      return true;
    case 'OffsetFetch':
      return version < 2 || offsetErrors.has(errorCode);
    case 'OffsetDelete':
      return offsetErrors.has(errorCode);
    default:
      return false;
  }
}

function matches(fault: CheckedFault, request: HookedRequest, services: Services): boolean {
  const { api, caller } = request;
  if (!fault.apis.has(api)) return false;
  if (fault.clientId !== null && fault.clientId !== caller.clientId) return false;
  if (fault.topic !== null) return namesTopic(fault, request, services);
  // An error that is said at partitions needs one.
  if (fault.ending?.kind !== 'error' || !isSaidInParts(api.name, caller.apiVersion, fault.ending.errorCode))
    return true;
  return asksForAll(request) || !isEmpty(namedPartitions(request, services));
}

function namesTopic(fault: CheckedFault, request: HookedRequest, services: Services): boolean {
  if (asksForAll(request)) {
    const topic = services.cluster.topic(fault.topic!);
    return (
      topic !== undefined && (fault.partition === null || topic.partitions[fault.partition] !== undefined)
    );
  }
  for (const named of namedPartitions(request, services)) {
    if (topicOf(named, services) !== fault.topic) continue;
    if (fault.partition === null || named.partition === null || named.partition === fault.partition)
      return true;
  }
  return false;
}

function isEmpty(all: Iterable<unknown>): boolean {
  for (const _one of all) return false;
  return true;
}

/** Topics that are not named because all are meant. */
function asksForAll({ api, caller, body }: HookedRequest): boolean {
  const { topics, topicPartitions, groups } = body as {
    topics?: readonly unknown[] | null;
    topicPartitions?: readonly unknown[] | null;
    groups?: readonly { readonly topics: unknown }[];
  };
  switch (api.name) {
    case 'Metadata':
      return topics === null || (caller.apiVersion === 0 && topics?.length === 0);
    case 'DescribeTopicPartitions':
      return topics?.length === 0;
    case 'OffsetFetch':
      return topics === null || (groups?.some((group) => group.topics === null) ?? false);
    case 'ElectLeaders':
      return topicPartitions === null;
    default:
      return false;
  }
}

function* namedPartitions({ api, body }: HookedRequest, services: Services): Iterable<NamedPartition> {
  for (const place of topicPlaces[api.name] ?? []) yield* namedIn(place, body as Body);
  if (api.name !== 'Fetch') return;
  const { sessionId, sessionEpoch } = body as { sessionId: number; sessionEpoch: number };
  if (sessionEpoch > 0) yield* services.fetchSessions.partitionsOf(sessionId);
}

function topicOf({ topic, topicId }: NamedPartition, { cluster }: Services): string | undefined {
  return topic === '' ? cluster.topicById(topicId)?.name : topic;
}

/** What these faults say of each topic and partition in one place of the API. */
export function refusalOf(
  faults: readonly CheckedFault[],
  place: TopicPlace,
  places: readonly TopicPlace[],
  services: Services,
): RefusalOf {
  const isTopicPlace = place.response.partitions === null;
  // Where topics have places of their own, an error of a topic is said there.
  const hasTopicPlace = places.some(({ response }) => response.partitions === null);
  const concerned = faults.filter(({ partition }) =>
    partition === null ? isTopicPlace || !hasTopicPlace : !isTopicPlace,
  );
  return (named) => {
    const topic = topicOf(named, services);
    for (const { topic: wanted, partition, ending } of concerned) {
      if (wanted !== null && wanted !== topic) continue;
      if (partition !== null && partition !== named.partition) continue;
      if (ending?.kind === 'error') return ending.errorCode;
    }
    return errors.none.code;
  };
}
