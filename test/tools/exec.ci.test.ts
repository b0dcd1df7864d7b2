/** `kompakt exec` around the test runners of other languages, with the suites that the README shows. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { hasCommand } from '../clients/commands.ts';
import { skipUnless } from '../skip.ts';
import { buildProgram, freshDirectory, repository } from './program.ts';

/** By the name of its file, in its first line. */
function readmeBlock(file: string): string {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const block = new RegExp(`^\`\`\`\\w+\\n((?:#|//) ${file}:[\\s\\S]*?)^\`\`\``, 'm').exec(readme);
  if (block === null) throw new Error(`the README shows no ${file}`);
  return block[1]!;
}

let built: { path: string; remove(): void };
let project: { path: string; remove(): void };
beforeAll(async () => {
  built = await buildProgram('exec-ci-test');
});
afterAll(() => built.remove());
beforeEach(() => {
  project = freshDirectory();
});
afterEach(() => project.remove());

const write = (file: string, content: string) => writeFileSync(join(project.path, file), content);
/** The command in the project, with a broker. */
function exec(...command: string[]) {
  const { status, stdout, stderr } = run(process.execPath, built.path, 'exec', '--', ...command);
  return { code: status, out: stdout, err: stderr };
}
function run(command: string, ...args: string[]) {
  // A cache of its own is not needed: the modules are the same whoever asks.
  return spawnSync(command, args, {
    cwd: project.path,
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '' },
  });
}

test('pytest: the suite of the README passes, and one that fails gives its exit code', (context) => {
  const isThere = run('python3', '-c', 'import confluent_kafka, pytest').status === 0;
  skipUnless(context, isThere, 'there is no python3 with confluent-kafka and pytest');
  write('test_orders.py', readmeBlock('test_orders.py'));
  const { code, out } = exec('python3', '-m', 'pytest', '-q', '-p', 'no:cacheprovider');
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/1 passed/) });
  write('test_wrong.py', 'def test_wrong():\n    assert False\n');
  expect(exec('python3', '-m', 'pytest', '-q', 'test_wrong.py').code).toBe(1);
});

test('go test: the suite of the README passes', (context) => {
  skipUnless(context, hasCommand('go', ['version']), 'there is no Go');
  write('go.mod', 'module example.com/orders\n\ngo 1.25\n');
  write('orders_test.go', readmeBlock('orders_test.go'));
  const got = run('go', 'get', 'github.com/twmb/franz-go/pkg/kgo@v1.21.4');
  expect({ status: got.status, said: got.stderr }).toMatchObject({ status: 0 });
  const { code, out, err } = exec('go', 'test', '-count=1', './...');
  expect({ code, out, err }).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^ok\s+example\.com\/orders/m),
  });
});

test('Ctrl-C in a terminal reaches the command once, as it would without us', (context) => {
  skipUnless(context, hasCommand('python3'), 'there is no python3');
  write(
    'command.mjs',
    `let count = 0;
     const end = () => { console.log('interrupts: %d', count); process.exit(5); };
     // A second one would arrive with the first.
     process.on('SIGINT', () => { if (++count === 1) setTimeout(end, 500); });
     setInterval(() => {}, 1000);
     console.log('listening');`,
  );
  write(
    'terminal.py',
    `import os, pty, sys
process, terminal = pty.fork()
if process == 0:
    os.execv(sys.argv[1], sys.argv[1:])
out = b""
try:
    while True:
        heard = b"listening" in out
        out += os.read(terminal, 1000)
        if not heard and b"listening" in out:
            os.write(terminal, b"\\x03")
except OSError:
    pass
print(out.decode(), os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
`,
  );
  const command = [process.execPath, built.path, 'exec', '--', process.execPath, 'command.mjs'];
  const { stdout } = run('python3', 'terminal.py', ...command);
  expect(stdout).toMatch(/interrupts: (\x1b\[\d+m)?1\b/);
  expect(stdout.trim()).toMatch(/ 5$/);
});
