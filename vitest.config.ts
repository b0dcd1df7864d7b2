/** Two projects: `unit` needs Node alone and is what `npm test` runs; `ci` needs what .ci/run installs. */
import { availableParallelism } from 'node:os';
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
    // Vitest would leave one core idle, which on two is half of them.
    maxWorkers: availableParallelism(),
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: needsMoreThanNode } },
      {
        extends: true,
        // One file at a time, so a group of its own.
        test: {
          name: 'ci',
          include: needsMoreThanNode,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 600_000,
        },
      },
    ],
  },
});
