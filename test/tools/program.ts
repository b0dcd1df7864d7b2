/** Programs as a user runs them: their output, their end, and a broker's ready line. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export type Ended = { code: number | null; signal: NodeJS.Signals | null; out: string; err: string };

export interface Program {
  readonly pid: number;
  /** The first line on stdout; fails when the program ends without one. */
  readonly firstLine: Promise<string>;
  readonly ended: Promise<Ended>;
  /** What matches first on stdout or stderr; fails when the program ends without. */
  printed(wanted: RegExp): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
}

/** Runs `node ARG …` in the repository. */
export function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  const child = spawn(process.execPath, args, { cwd: repository, env: { ...process.env, ...env } });
  let out = '';
  let err = '';
  let heard = (): void => {};
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text;
    heard();
  });
  const ended = new Promise<Ended>((done) => {
    child.once('close', (code, signal) => done({ code, signal, out, err }));
  });
  const firstLine = new Promise<string>((done, fail) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      heard();
      if (out.includes('\n')) done(out.slice(0, out.indexOf('\n')));
    });
    ended.then(({ code }) => fail(new Error(`ended with ${code} and no line on stdout:\n${err}`)));
  });
  firstLine.catch(() => {});
  const printed = async (wanted: RegExp): Promise<RegExpExecArray> => {
    for (let isOver = false; ; ) {
      const found = wanted.exec(out) ?? wanted.exec(err);
      if (found !== null) return found;
      if (isOver) throw new Error(`ended without ${wanted}:\n${out}\n${err}`);
      const more = new Promise<boolean>((done) => {
        heard = () => done(false);
      });
      isOver = await Promise.race([more, ended.then(() => true)]);
    }
  };
  return { pid: child.pid!, firstLine, ended, printed, signal: (signal) => child.kill(signal) };
}

export interface RunningBroker {
  /** host:port from the ready line. */
  readonly address: string;
  /** From the ready line too; null without HTTP. */
  readonly httpUrl: string | null;
  readonly printed: Program['printed'];
  /** SIGTERM, and how it ended. */
  stop(): Promise<Ended>;
}

/** Starts a broker by the given command line and waits for its ready line. */
export async function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningBroker> {
  const program = runNode(args, env);
  const line = await program.firstLine;
  const address = /\S+:\d+/.exec(line)?.[0];
  if (address === undefined) throw new Error(`no address in the ready line: ${line}`);
  return {
    address,
    httpUrl: /http:\/\/[^\s,]+/.exec(line)?.[0] ?? null,
    printed: program.printed,
    stop() {
      program.signal('SIGTERM');
      return program.ended;
    },
  };
}

/** The program as the sources are now, never stale, and inside the checkout, where packages are found; the caller removes it. */
export async function buildProgram(name: string): Promise<{ path: string; remove(): void }> {
  const folder = join(repository, '.build', `${name}-${process.pid}`);
  const { code, err } = await runNode(['build.mjs', '--out', folder]).ended;
  if (code !== 0) throw new Error(`the build failed:\n${err}`);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { path: join(folder, 'kompakt.js'), remove };
}

/** A new directory with a blank and a letter beyond ASCII in its name; the caller removes it. */
export function freshDirectory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'kompakt ü '));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 10 }) };
}
