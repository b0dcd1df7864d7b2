/** A cleaner's thread that was started, with the stub to call it. Once it has ended, everything rejects with CleanerLost. */
import type { CleanJob, CleanProgress, CleanResult } from './clean-job.ts';
import { CleanerLost } from './cleaner-thread.ts';
import type { CleanerProtocol } from './service.ts';
import { CleanerStub } from './service-stub.ts';
import type { StartThread, ThreadEnd, ThreadPort } from './thread-port.ts';

export class RunningThread {
  /** Called at each sign of life. */
  onMessage: (() => void) | null = null;
  readonly #stub: CleanerStub;
  readonly #port: ThreadPort;
  #lost: CleanerLost | null = null;
  #lose!: (error: CleanerLost) => void;
  readonly #whenLost: Promise<never>;

  constructor(protocol: CleanerProtocol, startThread: StartThread) {
    this.#whenLost = new Promise((_, reject) => {
      this.#lose = reject;
    });
    this.#whenLost.catch(() => {});
    this.#stub = new CleanerStub(protocol, (message) => this.#port.post(message));
    this.#port = startThread({
      received: (message) => {
        this.onMessage?.();
        this.#stub.receive(message);
      },
      ended: (how) => {
        this.#lost = new CleanerLost(wordsFor(how), { cause: how.failure });
        this.#lose(this.#lost);
      },
    });
  }

  get hasEnded(): boolean {
    return this.#lost !== null;
  }

  clean(job: CleanJob, onProgress: (progress: CleanProgress) => void): Promise<CleanResult> {
    const passed = this.#stub.clean(job, (progress) => {
      if (progress !== null) onProgress(progress);
    });
    return Promise.race([passed, this.#whenLost]);
  }

  abort(): void {
    if (!this.hasEnded) this.#stub.abort();
  }

  /** Resolves when the thread has ended. */
  end(): Promise<void> {
    return this.hasEnded ? Promise.resolve() : this.#port.end();
  }
}

function wordsFor({ code, failure, said }: ThreadEnd): string {
  const why = failure === null ? `with code ${code}` : `with ${failure.message}`;
  return `the thread of the cleaner ended ${why}${said === '' ? '' : `, saying: ${said.trim()}`}`;
}
