/**
 * The two ends of the cleaner's service (service.ts): the stub that the broker calls, and what answers in the thread. Neither
 * knows what carries the messages: a port between threads, or in tests a call.
 */
import type { rpc } from 'protobufjs';
import { decode, encode, plain } from '../protocol/protobuf.ts';
import type { CleanJob, CleanResult } from './clean-job.ts';
import {
  type CleanerProtocol,
  jobOf,
  jobToMessage,
  type ProgressReply,
  progressOf,
  progressToMessage,
  resultOf,
  resultToMessage,
} from './service.ts';
import { type ErrorMessage, errorOf, errorToMessage } from './service-errors.ts';

/** Takes one message to the other end. */
export type Post = (message: Uint8Array) => void;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly body: Uint8Array;
}

interface Reply {
  readonly id: number;
  readonly error: ErrorMessage | null;
  readonly body: Uint8Array;
}

type Respond = (error: Error | null, response?: Uint8Array) => void;

/** What protobufjs makes of the service's methods. */
interface Methods {
  clean(request: object, answered: Answered): void;
  progress(request: object, answered: Answered): void;
  abort(request: object, answered: Answered): void;
}
type Answered = (error: Error | null, message?: object) => void;

/** The broker's end. */
export class CleanerStub {
  readonly #protocol: CleanerProtocol;
  readonly #methods: Methods;
  readonly #waiting = new Map<number, { readonly respond: Respond; readonly isStream: boolean }>();
  #lastId = 0;

  constructor(protocol: CleanerProtocol, post: Post) {
    this.#protocol = protocol;
    const service: rpc.Service = protocol.service.create((method, body, respond) => {
      const id = ++this.#lastId;
      const isStream = 'responseStream' in method && method.responseStream === true;
      this.#waiting.set(id, { respond, isStream });
      post(encode(protocol.call, { id, method: method.name, body }));
    });
    this.#methods = service as unknown as Methods;
  }

  /** Runs a pass there; `onProgress` hears of it until it has ended. One at a time. */
  async clean(job: CleanJob, onProgress: (progress: ProgressReply) => void): Promise<CleanResult> {
    const { cleanResult, cleanProgress } = this.#protocol;
    this.#methods.progress({}, (error, message) => {
      if (error === null) onProgress(progressOf(plain(cleanProgress, message!)));
    });
    const progressId = this.#lastId;
    try {
      return await new Promise<CleanResult>((resolve, reject) => {
        this.#methods.clean(jobToMessage(job), (error, message) => {
          if (error === null) resolve(resultOf(plain(cleanResult, message!)));
          else reject(error);
        });
      });
    } finally {
      this.#waiting.delete(progressId);
    }
  }

  /** Tells the pass that runs to stop; its `clean` rejects when it has. */
  abort(): void {
    this.#methods.abort({}, () => {});
  }

  /** A message came from the other end. */
  receive(message: Uint8Array): void {
    const { id, error, body } = decode(this.#protocol.reply, message) as Reply;
    const call = this.#waiting.get(id);
    if (call === undefined) return;
    if (!call.isStream) this.#waiting.delete(id);
    if (error === null) call.respond(null, body);
    else call.respond(errorOf(error));
  }
}

/** What the thread's end does. */
export interface CleanerActions {
  clean(job: CleanJob, onProgress: (progress: ProgressReply) => void): Promise<CleanResult>;
  /** Stops the pass that runs, if one does. */
  abort(): void;
}

/** The thread's end. */
export class CleanerServer {
  readonly #protocol: CleanerProtocol;
  readonly #post: Post;
  readonly #actions: CleanerActions;
  #progressId: number | null = null;
  #isBusy = false;

  constructor(protocol: CleanerProtocol, post: Post, actions: CleanerActions) {
    this.#protocol = protocol;
    this.#post = post;
    this.#actions = actions;
  }

  /** A message came from the broker. */
  receive(message: Uint8Array): void {
    const { call, cleanJob, abortReply } = this.#protocol;
    const { id, method, body } = decode(call, message) as Call;
    if (method === 'Clean') void this.#clean(id, jobOf(decode(cleanJob, body)));
    else if (method === 'Progress') this.#progressId = id;
    else {
      this.#actions.abort();
      this.#reply({ id, body: encode(abortReply, {}) });
    }
  }

  async #clean(id: number, job: CleanJob): Promise<void> {
    try {
      if (this.#isBusy) throw new Error('a pass runs already');
      this.#isBusy = true;
      const result = await this.#actions
        .clean(job, (progress) => this.#tell(progress))
        .finally(() => {
          this.#isBusy = false;
        });
      this.#reply({ id, body: encode(this.#protocol.cleanResult, resultToMessage(result)) });
    } catch (error) {
      this.#reply({ id, error: errorToMessage(error) });
    }
  }

  #tell(progress: ProgressReply): void {
    if (this.#progressId === null) return;
    const body = encode(this.#protocol.cleanProgress, progressToMessage(progress));
    this.#reply({ id: this.#progressId, body });
  }

  #reply(reply: { id: number; error?: ErrorMessage; body?: Uint8Array }): void {
    this.#post(encode(this.#protocol.reply, reply));
  }
}
