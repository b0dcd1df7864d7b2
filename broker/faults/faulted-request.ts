/**
 * Does to a request what its faults say:
 *
 *    delay ▶ dropped? refused? ▶ handled, without what is refused ▶ dropped? refused? ▶ delay ▶ throttled ▶ whole or cut
 *            ╰──────────── before it takes effect ─────────────╯   ╰─ after ─╯
 */
import { errors } from '../../protocol/errors.ts';
import type { AnyApi } from '../../protocol/schema/api.ts';
import { includes } from '../../protocol/schema/versions.ts';
import { type Clock, outsideClock } from '../../storage/environment/clock.ts';
import type { CallerConnection } from '../apis/handler.ts';
import type { MaybeLater } from '../journal/coordinator-shards.ts';
import { hangUp } from '../network/connection.ts';
import { releaseWithin } from '../network/outbound-answer.ts';
import type { AnswerOrEnd, Departure, HookedRequest, TakenRequest } from '../network/request-hook.ts';
import type { Services } from '../services.ts';
import type { CheckedFault } from './fault-options.ts';
import { type FaultPlan, refusalOf } from './fault-rules.ts';
import {
  answeredAll,
  type Body,
  joined,
  namedIn,
  overwritten,
  type RefusalOf,
  takenOut,
} from './topic-answers.ts';
import { topicPlaces } from './topic-places.ts';

interface Job {
  readonly plan: FaultPlan;
  readonly request: HookedRequest;
  readonly taken: TakenRequest;
  readonly services: Services;
}

/** What leaves in the end. */
export function undergo(job: Job): MaybeLater<Departure> {
  const { plan, request, taken } = job;
  const { beforeMs } = plan.delays;
  if (beforeMs === 0) return faulted(job, request.body);
  const { connection } = request.caller;
  const body = taken.keep();
  const begun = waitFor(job, beforeMs).then((): { departure: MaybeLater<Departure> } => ({
    departure: connection.isClosed ? { answer: hangUp } : faulted(job, body),
  }));
  // What came behind it on the connection begins after it, as if it had come later itself.
  connection.hold(begun);
  return begun.then(({ departure }) => departure);
}

function faulted(job: Job, body: unknown): MaybeLater<Departure> {
  const answer = answerOf(job, body as Body);
  if (job.plan.delays.afterMs > 0) return late(job, body as Body, answer);
  return answer instanceof Promise
    ? answer.then((done) => depart(job, body as Body, done))
    : depart(job, body as Body, answer);
}

async function late(job: Job, body: Body, answer: MaybeLater<AnswerOrEnd>): Promise<Departure> {
  const { connection } = job.request.caller;
  const ready = await answer;
  const waited = waitFor(job, job.plan.delays.afterMs);
  connection.hold(waited);
  await waited;
  return depart(job, body, ready);
}

function answerOf(job: Job, body: Body): MaybeLater<AnswerOrEnd> {
  const { ending, partsBefore } = job.plan;
  if (ending?.kind === 'drop' && !ending.isAfter) return hangUp;
  if (ending?.kind === 'error' && !ending.isAfter) return job.taken.refuse(body, ending.errorCode);
  return partsBefore.length === 0 ? job.taken.handle(body) : partly(job, body, partsBefore);
}

function depart(job: Job, body: Body, given: AnswerOrEnd): Departure {
  const { ending, partsAfter, throttleMs } = job.plan;
  let answer = given;
  if (ending !== null && ending.kind !== 'cut' && ending.isAfter) {
    releaseWithin(answer, new Set());
    answer = ending.kind === 'drop' ? hangUp : job.taken.refuse(body, ending.errorCode);
  }
  if (partsAfter.length > 0) answer = answer === null ? hangUp : withErrors(job, answer, partsAfter);
  if (throttleMs > 0) answer = throttled(job, answer, throttleMs);
  return ending?.kind === 'cut' ? { answer, cutAfter: ending.cutAfter } : { answer };
}

function withErrors(job: Job, answer: AnswerOrEnd, faults: readonly CheckedFault[]): AnswerOrEnd {
  if (answer === hangUp) return hangUp;
  const places = topicPlaces[job.request.api.name]!;
  let result = answer as Body;
  for (const place of places)
    result = overwritten(place, result, refusalOf(faults, place, places, job.services));
  return result;
}

/** Handles what is not refused, and answers both together. */
function partly(job: Job, body: Body, faults: readonly CheckedFault[]): MaybeLater<AnswerOrEnd> {
  const { request, taken, services } = job;
  const { name } = request.api;
  const places = topicPlaces[name]!;
  const refusals = places.map((place) => refusalOf(faults, place, places, services));
  // The session knows what a Fetch is about, and has to know of the errors.
  if (name === 'Fetch')
    return taken.handle(body, (topic, topicId, partition) => refusals[0]!({ topic, topicId, partition }));
  if (name === 'AddPartitionsToTxn') return allOrNothing(job, body, refusals);
  let rest = body;
  const joins: ((answer: Body) => Body)[] = [];
  for (const [number, place] of places.entries()) {
    if (!place.isEffective) continue;
    const out = takenOut(place, rest, refusals[number]!);
    rest = out.rest;
    if (out.refused.size > 0) joins.push((answer) => joined(place, answer, out.refused));
  }
  const finish = (answer: AnswerOrEnd): AnswerOrEnd => {
    // Without an answer there is no place for the error, and the client is told by the end of its connection.
    if (answer === hangUp || answer === null) return hangUp;
    let whole = withErrors(job, answer, faults) as Body;
    for (const join of joins) whole = join(whole);
    return whole;
  };
  const answer = restAnswer(job, body, rest);
  return answer instanceof Promise ? answer.then(finish) : finish(answer);
}

function restAnswer({ request, taken }: Job, body: Body, rest: Body): MaybeLater<AnswerOrEnd> {
  const { api, caller } = request;
  const places = topicPlaces[api.name]!;
  const isNothingLeft = rest !== body && places.every((place) => [...namedIn(place, rest)].length === 0);
  if (!isNothingLeft) return taken.handle(rest);
  // Metadata tells of the cluster in any case; only, in its first version no topics are all topics.
  if (api.name !== 'Metadata') return taken.refuse(rest, errors.none.code);
  if (caller.apiVersion > 0) return taken.handle(rest);
  const all = taken.handle(rest);
  const without = (answer: AnswerOrEnd): AnswerOrEnd =>
    answer === null || answer === hangUp ? answer : { ...answer, topics: [] };
  return all instanceof Promise ? all.then(without) : without(all);
}

/** Where one partition cannot join the transaction, the others are not even tried. */
function allOrNothing({ taken }: Job, body: Body, refusals: readonly RefusalOf[]): MaybeLater<AnswerOrEnd> {
  const places = topicPlaces.AddPartitionsToTxn!;
  const isRefused = places.some((place, number) =>
    [...namedIn(place, body)].some((one) => refusals[number]!(one) !== errors.none.code),
  );
  if (!isRefused) return taken.handle(body);
  const answers = places.map((place, number) =>
    answeredAll(place, body, (one) => refusals[number]!(one) || errors.operationNotAttempted.code),
  );
  return Object.assign({ throttleTimeMs: 0 }, ...answers);
}

/** As Kafka throttles: the answer leaves at once and says for how long, and the connection is not listened to meanwhile. */
function throttled(job: Job, answer: AnswerOrEnd, throttleMs: number): AnswerOrEnd {
  const { api, caller } = job.request;
  caller.connection.hold(waitFor(job, throttleMs));
  if (answer === null || answer === hangUp || !saysThrottle(api, caller.apiVersion)) return answer;
  return { ...answer, throttleTimeMs: throttleMs };
}

function saysThrottle({ response }: AnyApi, version: number): boolean {
  const field = response.fields.throttleTimeMs;
  return field !== undefined && includes(field.traits.versions, version);
}

function waitFor({ request, services }: Job, ms: number): Promise<void> {
  return unlessClosed(outsideClock(services.environment.clock), request.caller.connection, ms);
}

/** Resolves after so long, or when the connection is gone. */
function unlessClosed(clock: Clock, connection: CallerConnection, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const forget = connection.onClose(() => {
      timer.cancel();
      resolve();
    });
    const timer = clock.schedule(ms, () => {
      forget();
      resolve();
    });
  });
}
