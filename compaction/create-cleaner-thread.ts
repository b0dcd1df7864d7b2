/** Decides where passes run: in a thread where disk and time are real, else on the broker's own loop. */
import { outsideClock } from '../storage/environment/clock.ts';
import { DiskFileSystem } from '../storage/environment/disk-files.ts';
import type { Environment } from '../storage/environment/environment.ts';
import { nodeClock } from '../storage/environment/node.ts';
import type { CleanerThread } from './cleaner-thread.ts';
import { createKernel } from './create-kernel.ts';
import { InProcessCleaner } from './in-process-cleaner.ts';
import { findCleanerWorker, threadStarter } from './start-thread.ts';
import { WorkerCleaner } from './worker-cleaner.ts';

export interface CleanerThreadOptions {
  readonly environment: Environment;
  /** Says once that the thread's file is not where it belongs. */
  readonly warn: (message: string) => void;
  /** From which file it is looked for: `import.meta.url`, where that tells. */
  readonly base?: string;
}

/** Looks once, and warns once; then gives as many as `log.cleaner.threads` wants. */
export function cleanerThreads(options: CleanerThreadOptions): () => CleanerThread {
  const { environment, warn, base } = options;
  const { files } = environment;
  // How fast a pass may go, and whether it hangs, has nothing to do with the time that a test moves.
  const clock = outsideClock(environment.clock);
  const inProcess = (): CleanerThread => new InProcessCleaner({ ...environment, clock }, createKernel);
  // Files in memory are another thread's as little as a simulation's clock.
  if (!(files instanceof DiskFileSystem) || clock !== nodeClock) return inProcess;
  const path = findCleanerWorker(files, base);
  if (path === null) {
    warn('cleaner-worker.js is not beside the bundle: logs are cleaned on the event loop of the broker');
    return inProcess;
  }
  return () => new WorkerCleaner({ startThread: threadStarter(path), clock, files });
}
