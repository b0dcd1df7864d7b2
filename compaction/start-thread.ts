/**
 * The door to threads: starts the cleaner's, and finds its file. The bundle has it beside its entries (build.mjs):
 *
 *    dist/cleaner-worker.js      ← dist/kompakt.js: the same folder
 *                                ← dist/chunks/NAME.cjs: the one above
 *                                ← compaction/start-thread.ts: dist/ in the one above
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { FileSystem } from '../storage/environment/files.ts';
import type { StartThread } from './thread-port.ts';

const candidates = ['./cleaner-worker.js', '../cleaner-worker.js', '../dist/cleaner-worker.js'];

/**
 * Of objects: segments and transactions of the job, and old messages. The map and the buffers lie outside of the heap. What
 * wants more takes the thread with it, not the broker.
 */
const heapMiBMax = 512;

/** Where the thread's file lies, as seen from `base` (the URL of a file); null where it was lost, as by another's bundler. */
export function findCleanerWorker(files: FileSystem, base: string = import.meta.url): string | null {
  if (!URL.canParse(base) || new URL(base).protocol !== 'file:') return null;
  for (const candidate of candidates) {
    const path = fileURLToPath(new URL(candidate, base));
    if (files.statSync(path)?.kind === 'file') return path;
  }
  return null;
}

/** Starts threads from the file at `path`. They never keep the process alive. */
export function threadStarter(path: string): StartThread {
  return (events) => {
    const worker = new Worker(path, {
      name: 'kompakt-cleaner',
      // Nothing of how the process was started: no loader, no inspector, no secret.
      execArgv: [],
      argv: [],
      env: {},
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: heapMiBMax },
    });
    let failure: Error | null = null;
    worker.on('message', (message: Uint8Array) => events.received(message));
    worker.on('messageerror', (error) => {
      failure = error;
      void worker.terminate();
    });
    worker.on('error', (error: Error) => {
      failure = error;
    });
    worker.once('exit', (code) => {
      // Read only now: a stream that is being read keeps the process alive.
      const said = [worker.stdout.read(), worker.stderr.read()].filter((chunk) => chunk !== null).join('');
      events.ended({ code, failure, said });
    });
    // Last: a listener for messages refers to the port again.
    worker.unref();
    return {
      // A copy: the bytes may lie in a pool, which would be cloned as a whole.
      post: (message) => worker.postMessage(new Uint8Array(message)),
      end: async () => {
        await worker.terminate();
      },
    };
  };
}
