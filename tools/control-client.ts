/** The command line's end of the control socket: calls a broker that find-broker.ts has found. See protocol/control/service.ts. */
import net from 'node:net';
import {
  compactReplyOf,
  compactRequestToMessage,
  explanationsOf,
  type GapsReply,
  statusOf,
} from '../broker/control/control-messages.ts';
import type { CompactOptions, ExplainOptions, PartitionExplanation } from '../broker/index.ts';
import type { CompactionReceipt } from '../compaction/receipt.ts';
import type { ControlStatus } from '../protocol/control/messages.ts';
import {
  type ControlFile,
  type ControlProtocol,
  controlFrame,
  controlFrameBytesMax,
  controlMethod,
  controlProtocol,
} from '../protocol/control/service.ts';
import { decode, encode } from '../protocol/protobuf.ts';
import { FrameSplitter } from '../protocol/wire/frame.ts';

/** Nobody to talk to, or no talking to them, or what they refuse: one line for the terminal. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/** The fields of message Reply. */
interface Reply {
  readonly id: number;
  readonly error: string;
  readonly body: Uint8Array;
  readonly isEnd: boolean;
}

export class ControlClient {
  readonly pid: number;
  /** How it was found. */
  readonly file: ControlFile;
  /** Resolves when the broker has closed the connection: it has stopped. */
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  readonly #protocol: ControlProtocol;
  readonly #token: string;
  readonly #answers = new Map<number, Answer>();
  #lastId = 0;
  #isClosed = false;

  private constructor(file: ControlFile, socket: net.Socket, protocol: ControlProtocol) {
    this.pid = file.pid;
    this.file = file;
    this.#token = file.token;
    this.#socket = socket;
    this.#protocol = protocol;
    const splitter = new FrameSplitter(controlFrameBytesMax, (frame) => this.#replied(frame));
    socket.on('data', (bytes) => splitter.feed(bytes as Buffer));
    this.closed = new Promise((done) => {
      socket.once('close', () => {
        this.#isClosed = true;
        for (const answer of this.#answers.values()) answer.end(this.#gone());
        done();
      });
    });
  }

  /** null: nobody listens there any more. */
  static async connect(file: ControlFile): Promise<ControlClient | null> {
    const socket = net.connect({ path: file.address });
    const isConnected = await new Promise<boolean>((done) => {
      socket.once('connect', () => done(true));
      socket.once('error', () => done(false));
    });
    if (!isConnected) return null;
    socket.on('error', () => {});
    return new ControlClient(file, socket, await controlProtocol());
  }

  async status(): Promise<ControlStatus> {
    return statusOf(await this.#one('Status', {}));
  }

  async gaps(): Promise<GapsReply> {
    return (await this.#one('Gaps', {})) as GapsReply;
  }

  async stop(): Promise<void> {
    await this.#one('Stop', {});
  }

  /** As `Compactions.receipts`, but for the signal: `close` ends it. */
  async *receipts(topic: string, options: CompactOptions = {}): AsyncGenerator<CompactionReceipt> {
    const { onProgress, signal: _, ...wanted } = options;
    const request = compactRequestToMessage({ topic, options: wanted });
    for await (const message of this.#all('Compact', request)) {
      const { progress, receipt } = compactReplyOf(message);
      if (progress !== null) onProgress?.(progress);
      if (receipt !== null) yield receipt;
    }
  }

  /** As `Compactions.explanations`, but for the signal: `close` ends it. */
  explanations(
    topic: string,
    key: Uint8Array,
    { partition, limit }: ExplainOptions = {},
  ): AsyncGenerator<PartitionExplanation> {
    return explanationsOf(this.#all('Explain', { topic, key, partition, limit }));
  }

  close(): void {
    this.#socket.destroy();
  }

  async #one(method: string, request: object): Promise<object> {
    for await (const message of this.#all(method, request)) return message;
    throw new ControlError(`the broker gave no answer to ${method}`);
  }

  /** Calls at once, and gives the messages of the answer as they come. */
  async *#all(name: string, request: object): AsyncGenerator<object> {
    if (this.#isClosed) throw this.#gone();
    const method = controlMethod(this.#protocol, name)!;
    const id = ++this.#lastId;
    const answer = new Answer();
    this.#answers.set(id, answer);
    const call = { id, token: this.#token, method: name, body: encode(method.request, request) };
    this.#socket.write(controlFrame(this.#protocol.call, call));
    try {
      for (;;) {
        const body = await answer.next();
        if (body === null) return;
        yield decode(method.response, body);
        if (!method.isStream) return;
      }
    } finally {
      this.#answers.delete(id);
    }
  }

  #replied(frame: Buffer): void {
    // Its bytes are the splitter's only until this returns.
    const { id, error, body, isEnd } = decode(this.#protocol.reply, Buffer.from(frame)) as Reply;
    const answer = this.#answers.get(id);
    if (error !== '') answer?.end(new ControlError(error));
    else if (isEnd) answer?.end(null);
    else answer?.add(body);
  }

  #gone(): ControlError {
    return new ControlError(`the broker (process ${this.pid}) has closed the connection`);
  }
}

/** Replies to one call, until somebody takes them. */
class Answer {
  readonly #bodies: Uint8Array[] = [];
  #isEnded = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  add(body: Uint8Array): void {
    this.#bodies.push(body);
    this.#wake?.();
  }

  end(error: Error | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#wake?.();
  }

  /** null: that was all. */
  async next(): Promise<Uint8Array | null> {
    while (this.#bodies.length === 0) {
      if (this.#error !== null) throw this.#error;
      if (this.#isEnded) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#bodies.shift()!;
  }
}
