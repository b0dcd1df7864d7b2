import { setTimeout as pause } from 'node:timers/promises';

/** The longest that a test with a real client waits for what it expects; reached only when something is broken. */
export const ceilingMs = 100_000;

/** Tries again until `expectation` no longer throws, under the ceiling; then its last error is the test's. */
export async function eventually<T>(expectation: () => T | Promise<T>): Promise<T> {
  const endMs = performance.now() + ceilingMs;
  for (;;) {
    try {
      return await expectation();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await pause(5);
    }
  }
}
