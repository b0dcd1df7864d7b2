/* The tests, one after the other, and the totals as the last line: `N passed, N failed, N skipped`.
 *
 *   npm test [-- ARG …]            types, lint, then vitest ARG … (each check counts as one test)
 *   npm run test:ci [-- ARG …]     only the files *.ci.test.ts, which need what .ci/run installs
 *   node test/run-tests.mjs FILE   the totals of several runs, which appended to FILE ($KOMPAKT_RESULTS)
 *
 * A result is {passed, failures: [name], skipped: [{name, reason}]}. KOMPAKT_REQUIRE_ALL=1 makes a skip a failure. */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { argv, env } from 'node:process';
import { fileURLToPath } from 'node:url';

const requiresAll = env.KOMPAKT_REQUIRE_ALL === '1';

/** Runs in the checkout `root`; sets the exit code. */
export async function runTests(root, args) {
  const isCi = args[0] === '--ci';
  const tool = (path) => join(root, 'node_modules', path);
  const results = [];
  if (!isCi) {
    const types = check(root, 'types', [tool('typescript/bin/tsc'), '-p', 'tsconfig.json']);
    const lint = check(root, 'lint', [tool('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings']);
    results.push(...(await Promise.all([types, lint])));
  }
  const project = isCi ? 'ci' : 'unit*';
  const vitest = [tool('vitest/vitest.mjs'), 'run', '--project', project, ...(isCi ? args.slice(1) : args)];
  results.push(await runVitest(root, vitest));
  if (env.KOMPAKT_RESULTS) appendFileSync(env.KOMPAKT_RESULTS, `${JSON.stringify(results.map(withSuite))}\n`);
  report(results);
}

/** Among the results of several suites, a name says which one it is from ($KOMPAKT_SUITE). */
function withSuite({ passed, failures, skipped }) {
  const named = (name) => (env.KOMPAKT_SUITE ? `${env.KOMPAKT_SUITE}: ${name}` : name);
  return {
    passed,
    failures: failures.map(named),
    skipped: skipped.map(({ name, reason }) => ({ name: named(name), reason })),
  };
}

/** What a check has to say is shown only when it fails. */
function check(root, name, command) {
  return new Promise((done) => {
    const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let words = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        words += text;
      });
    child.once('close', (code) => {
      const isGood = code === 0;
      if (!isGood) process.stdout.write(`${words}\n`);
      done({ passed: isGood ? 1 : 0, failures: isGood ? [] : [name], skipped: [] });
    });
  });
}

/** test/summary-reporter.ts writes the result to a file; where there is none, vitest itself broke. */
function runVitest(root, command) {
  const scratch = join(root, '.build');
  mkdirSync(scratch, { recursive: true });
  const summary = join(scratch, `summary-${process.pid}.json`);
  return new Promise((done) => {
    const options = {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...env, KOMPAKT_SUMMARY: summary },
    };
    const child = spawn(process.execPath, command, options);
    // A signal for all of us: vitest ends its workers and itself, then we report.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('close', (code, signal) => {
      const result = existsSync(summary)
        ? JSON.parse(readFileSync(summary, 'utf8'))
        : { passed: 0, failures: [], skipped: [] };
      rmSync(summary, { force: true });
      if (code !== 0 && result.failures.length === 0)
        result.failures.push(`vitest ended with ${signal ?? `code ${code}`}`);
      done(result);
    });
  });
}

/** Each skip with its reason, each failure, the totals. */
function report(results) {
  const failures = results.flatMap((result) => result.failures);
  const skipped = results.flatMap((result) => result.skipped);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const lines = skipped.map(({ name, reason }) => `skipped: ${name}: ${reason}`);
  for (const name of failures) lines.push(`failed: ${name}`);
  if (requiresAll && skipped.length > 0) lines.push('A skip is a failure here: KOMPAKT_REQUIRE_ALL=1.');
  lines.push(`${passed} passed, ${failures.length} failed, ${skipped.length} skipped`);
  process.stdout.write(`\n${lines.join('\n')}\n`);
  process.exitCode = failures.length > 0 || (requiresAll && skipped.length > 0) ? 1 : 0;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const runs = readFileSync(argv[2], 'utf8').trim().split('\n');
  report(runs.flatMap((line) => JSON.parse(line)));
}
