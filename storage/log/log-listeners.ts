import type { LogEvent, LogLogger } from './log-types.ts';

/** Those who want to hear of a log's changes. */
export class LogListeners {
  readonly #directory: string;
  readonly #logger: LogLogger;
  #listeners: readonly ((event: LogEvent) => void)[] = [];

  constructor({ directory, logger }: { readonly directory: string; readonly logger: LogLogger }) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** Gives back how to stop that. */
  add(listener: (event: LogEvent) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== listener);
    };
  }

  tell(event: LogEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // Whoever waits for the log must not decide how an append ends.
        const fields = { log: this.#directory, event, error: String(error) };
        this.#logger.error('a listener of the log failed', fields);
      }
    }
  }
}
