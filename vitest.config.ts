/** `unit` and `unit-alone` need Node alone and are what `npm test` runs; `ci` needs what .ci/run installs. */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/summary-reporter.ts';

const needsMoreThanNode = ['test/**/*.ci.test.ts'];
/** They put another module in the place of ours or of Node's. */
const replacesModules = ['test/**/fallback*.test.ts'];

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
      {
        extends: true,
        // The files of a worker share their modules: to load them afresh for each is a third of all the work, and
        // what one file would leave to the next in a module is global state, which we do not have.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...needsMoreThanNode, ...replacesModules],
          isolate: false,
        },
      },
      { extends: true, test: { name: 'unit-alone', include: replacesModules } },
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
