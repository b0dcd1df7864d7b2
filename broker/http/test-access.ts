/** Whether tests may do anything here, and what becomes of what they are refused. */
import { BrokerGone } from '../embedded/broker-gone.ts';
import { WaitFailed } from '../embedded/waits.ts';
import { SnapshotFailed } from '../snapshots/take-snapshot.ts';
import { type Problem, ProblemError } from './problems.ts';
import type { HttpService, TestActions } from './service.ts';

/** Throws a ProblemError unless they may. */
export function allowed({ test }: HttpService): TestActions {
  if (test !== null) return test;
  throw new ProblemError(
    'no-test-control',
    'tests may change this broker only when it was started with --test-control, or with kompakt.test.control=true',
  );
}

/** Null for any other error. */
export function testProblemOf(error: unknown): Problem | null {
  if (error instanceof WaitFailed)
    return { kind: 'wait-failed', detail: error.message, fields: { saw: error.saw } };
  if (error instanceof BrokerGone)
    return { kind: 'broker-gone', detail: error.message, fields: { reason: error.reason } };
  if (error instanceof SnapshotFailed) return { kind: 'no-snapshot', detail: error.message };
  return null;
}
