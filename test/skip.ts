/** The one way for a test to be skipped: inside it, for a stated reason, which the summary repeats. */
import type { TestContext } from 'vitest';

/** Ends the running test as skipped unless the condition holds. Also works in `beforeEach`, for a whole `describe`.
 *
 *     test('kcat lists the topics', (context) => {
 *       skipUnless(context, hasCommand('kcat'), 'kcat is not installed');
 */
export function skipUnless(
  context: Pick<TestContext, 'skip'>,
  condition: unknown,
  reason: string,
): asserts condition {
  if (!condition) context.skip(reason);
}
