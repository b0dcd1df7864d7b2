/**
 * What a test decides and asks about a broker's requests: its faults, and the log of what was asked. One for each broker, also over its
 * resets; dispatch calls `hook` with each request.
 */
import { errorName } from '../../protocol/errors.ts';
import type { MaybeLater } from '../journal/coordinator-shards.ts';
import { hangUp } from '../network/connection.ts';
import type {
  AnswerOrEnd,
  BrokerHook,
  Departure,
  HookVerdict,
  RequestHook,
} from '../network/request-hook.ts';
import { FaultRules } from './fault-rules.ts';
import { undergo } from './faulted-request.ts';
import { errorIn, type OpenRequest, RequestLog } from './request-log.ts';

export class TestControl {
  readonly faults = new FaultRules();
  readonly requests = new RequestLog();
  readonly #first: RequestHook | null;

  /** `first` is asked before the faults; what it decides is not theirs any more. */
  constructor(first: RequestHook | null) {
    this.#first = first;
  }

  readonly hook: BrokerHook = (request, services) => {
    const seen = this.requests.note(request, services.environment.clock.nowMs());
    const verdict = this.#first?.(request) ?? null;
    if (verdict !== null) return this.#decided(verdict, seen);
    const plan = this.faults.plan(request, services);
    if (plan === null) return { kind: 'take', take: (taken) => answered(seen, taken.handle(request.body)) };
    seen.isFaulted = true;
    return { kind: 'take', take: (taken) => concluded(seen, undergo({ plan, request, taken, services })) };
  };

  clear(): void {
    this.faults.clear();
    this.requests.clear();
  }

  #decided(verdict: HookVerdict, seen: OpenRequest): HookVerdict {
    if (verdict.kind === 'fail') seen.error = errorName(verdict.errorCode);
    return verdict;
  }
}

function answered(seen: OpenRequest, answer: MaybeLater<AnswerOrEnd>): MaybeLater<Departure> {
  if (answer instanceof Promise) return answer.then((done) => ({ answer: noted(seen, done) }));
  return { answer: noted(seen, answer) };
}

function concluded(seen: OpenRequest, departure: MaybeLater<Departure>): MaybeLater<Departure> {
  if (departure instanceof Promise) return departure.then((done) => concluded(seen, done));
  noted(seen, departure.answer);
  return departure;
}

function noted(seen: OpenRequest, answer: AnswerOrEnd): AnswerOrEnd {
  if (answer !== null && answer !== hangUp) seen.error = errorIn(answer);
  return answer;
}
