/** Two projects: `unit` needs Node alone and is what `npm test` runs; `ci` needs what .ci/run installs. */
import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/summary-reporter.ts';

const needsMoreThanNode = ['test/**/*.ci.test.ts'];

export default defineConfig({
  test: {
    reporters: ['dot', new SummaryReporter()],
    silent: 'passed-only',
    // Never the reason for a result on a slow machine: only a test that hangs meets it.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: needsMoreThanNode } },
      {
        extends: true,
        test: { name: 'ci', include: needsMoreThanNode, fileParallelism: false, testTimeout: 600_000 },
      },
    ],
  },
});
