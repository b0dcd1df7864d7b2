/** Writes what came of a run to the file that run.mjs names in $KOMPAKT_SUMMARY: {passed, failures, skipped}. */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

type Skip = { name: string; reason: string };

export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const path = process.env['KOMPAKT_SUMMARY'];
    if (path === undefined) return;
    let passed = 0;
    const failures = unhandled.map((error) => `outside of any test: ${error.message}`);
    const skipped: Skip[] = [];
    for (const module of modules) {
      const file = relative(process.cwd(), module.moduleId);
      const before = failures.length;
      for (const test of module.children.allTests()) {
        const name = `${file} > ${test.fullName}`;
        const result = test.result();
        if (result.state === 'passed') passed++;
        else if (result.state === 'skipped') addSkip(skipped, test, name, result.note);
        else failures.push(name);
      }
      // A hook or the file itself failed: then no test carries the failure.
      if (module.state() === 'failed' && failures.length === before) failures.push(file);
    }
    writeFileSync(path, JSON.stringify({ passed, failures, skipped }));
  }
}

/** With -t the tests that do not match arrive as skipped; nobody meant them to run. */
function addSkip(skipped: Skip[], test: TestCase, name: string, note: string | undefined): void {
  const isFilteredOut = note === undefined && test.project.config.testNamePattern !== undefined;
  if (!isFilteredOut) skipped.push({ name, reason: note ?? 'no reason given' });
}
