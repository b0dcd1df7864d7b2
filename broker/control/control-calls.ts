/**
 * The calls of one connection to the control socket. They run side by side; a stream waits where its caller is slow, and all of them end
 * when the connection closes.
 */
import { CleanerLost } from '../../compaction/cleaner-thread.ts';
import type { ControlStatus } from '../../protocol/control/messages.ts';
import { type ControlProtocol, controlFrame, controlMethod } from '../../protocol/control/service.ts';
import { decode, encode } from '../../protocol/protobuf.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import { FileError } from '../../storage/environment/files.ts';
import { CompactionRefused } from '../cleaning/compaction-refused.ts';
import type { CompactionProgress, Compactions } from '../cleaning/compactions.ts';
import { openLookupMethod } from '../lookup/rpc-door.ts';
import type { Gaps } from '../observe/gaps.ts';
import type { Logger } from '../observe/logger.ts';
import { compactRequestOf, explanationToMessages, receiptToMessage } from './control-messages.ts';

/** What callers may ask for. */
export interface ControlActions {
  status(): ControlStatus;
  readonly gaps: Pick<Gaps, 'list' | 'others'>;
  /** Begins to stop; the connections of the control socket are closed when everything else has stopped. */
  stop(): void;
  readonly compactions: Pick<Compactions, 'receipts' | 'explanations'>;
}

export interface ControlCallsOptions {
  readonly protocol: ControlProtocol;
  readonly actions: ControlActions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends a frame; false when the caller is slow: `drained` tells when to go on. */
  readonly send: (frame: Buffer) => boolean;
}

/** The fields of message Call. */
interface ControlCall {
  readonly id: number;
  readonly token: string;
  readonly method: string;
  readonly body: Uint8Array;
}

/** More at a time on one connection are refused. */
export const callsMax = 16;

/** Between two messages of how far a compaction is. */
const progressMs = 100;

/** One call while it runs. */
interface Running {
  readonly signal: AbortSignal;
  /** Sends one more message, unless the caller is slow: for what may be missing. */
  readonly tell: (message: object) => void;
}

export class ControlCalls {
  readonly #options: ControlCallsOptions;
  readonly #running = new Set<AbortController>();
  #room: Promise<void> | null = null;
  #foundRoom: (() => void) | null = null;
  #isClosed = false;

  constructor(options: ControlCallsOptions) {
    this.#options = options;
  }

  /** Throws where the bytes are no call. */
  read(frame: Uint8Array): ControlCall {
    return decode(this.#options.protocol.call, frame) as ControlCall;
  }

  async take({ id, method: name, body }: ControlCall): Promise<void> {
    const { protocol } = this.#options;
    const method = controlMethod(protocol, name);
    if (name === openLookupMethod)
      return this.#send({ id, error: `${openLookupMethod} is the first call of a connection, or none` });
    if (method === null) return this.#send({ id, error: `this broker has no method ${name}` });
    if (this.#running.size >= callsMax)
      return this.#send({ id, error: `more than ${callsMax} calls at a time on one connection` });
    const abort = new AbortController();
    this.#running.add(abort);
    const reply = (message: object) => this.#send({ id, body: encode(method.response, message) });
    const tell = (message: object): void => {
      if (this.#room === null) void reply(message);
    };
    try {
      const request = decode(method.request, body);
      for await (const message of this.#answers(name, request, { signal: abort.signal, tell })) {
        await reply(message);
        if (abort.signal.aborted) return;
      }
      if (method.isStream) await this.#send({ id, isEnd: true });
    } catch (error) {
      if (!abort.signal.aborted) await this.#send({ id, error: this.#textOf(error, name) });
    } finally {
      this.#running.delete(abort);
    }
  }

  /** There is room again. */
  drained(): void {
    this.#foundRoom?.();
    this.#room = this.#foundRoom = null;
  }

  /** The caller has gone: nobody waits for what runs. */
  closed(): void {
    this.#isClosed = true;
    for (const abort of this.#running) abort.abort();
    this.drained();
  }

  #answers(name: string, request: object, running: Running): AsyncIterable<object> | Iterable<object> {
    const { actions } = this.#options;
    switch (name) {
      case 'Gaps':
        return [{ gaps: actions.gaps.list(), others: actions.gaps.others }];
      case 'Stop':
        return stop(actions);
      case 'Compact':
        return compact(actions, request, running, this.#options.clock);
      case 'Explain':
        return explain(actions, request, running);
      default:
        return [actions.status()];
    }
  }

  /** Resolves when there is room for the next one. */
  async #send(reply: { id: number; error?: string; body?: Uint8Array; isEnd?: boolean }): Promise<void> {
    const { protocol, send } = this.#options;
    if (this.#isClosed) return;
    if (!send(controlFrame(protocol.reply, reply)))
      this.#room ??= new Promise((resolve) => {
        this.#foundRoom = resolve;
      });
    if (this.#room !== null) await this.#room;
  }

  /** One line; what nobody expected is in the log as a whole. */
  #textOf(error: unknown, method: string): string {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof CompactionRefused || error instanceof CleanerLost || error instanceof FileError)
      return message;
    this.#options.logger.error('a control call failed', { method, error });
    return `${method} failed unexpectedly: ${message}`;
  }
}

function* stop(actions: ControlActions): Generator<object> {
  yield {};
  actions.stop();
}

async function* compact(
  { compactions }: ControlActions,
  message: object,
  { signal, tell }: Running,
  clock: Clock,
): AsyncGenerator<object> {
  const { topic, options } = compactRequestOf(message);
  const mayTell = thinnedOut(clock);
  const onProgress = (progress: CompactionProgress): void => {
    if (mayTell(progress)) tell({ progress });
  };
  for await (const receipt of compactions.receipts(topic, { ...options, signal, onProgress }))
    yield receiptToMessage(receipt);
}

/** The fields of message ExplainRequest. */
interface ExplainRequest {
  readonly topic: string;
  readonly key: Uint8Array;
  readonly partition?: number;
  readonly limit: number;
}

async function* explain(
  { compactions }: ControlActions,
  message: object,
  { signal }: Running,
): AsyncGenerator<object> {
  const { topic, key, limit, ...where } = message as ExplainRequest;
  const options = { ...where, ...(limit > 0 ? { limit } : {}), signal };
  for await (const explanation of compactions.explanations(topic, Buffer.from(key), options))
    yield* explanationToMessages(explanation);
}

/** The first progress of each half of each pass, and after that one in a while. */
function thinnedOut(clock: Clock): (progress: CompactionProgress) => boolean {
  let last = '';
  let lastMs = 0;
  return ({ partition, pass, phase }) => {
    const now = `${partition} ${pass} ${phase}`;
    const nowMs = clock.monotonicMs();
    if (now === last && nowMs - lastMs < progressMs) return false;
    last = now;
    lastMs = nowMs;
    return true;
  };
}
