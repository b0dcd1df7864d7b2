/** The cleaner's thread as the broker sees it: a port for messages and an end. The real one is start-thread.ts. */

export interface ThreadPort {
  post(message: Uint8Array): void;
  /** Ends the thread wherever it is; resolves when it has ended. */
  end(): Promise<void>;
}

export interface ThreadEvents {
  received(message: Uint8Array): void;
  /** Once, last, however it ended. */
  ended(how: ThreadEnd): void;
}

export interface ThreadEnd {
  readonly code: number;
  readonly failure: Error | null;
  /** What it printed, though it should print nothing. */
  readonly said: string;
}

export type StartThread = (events: ThreadEvents) => ThreadPort;
