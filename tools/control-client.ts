/**
 * The command line's end of the control socket: finds the broker of a data directory by its control file, and calls it.
 * See protocol/control/service.ts.
 */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join, resolve } from 'node:path';
import type { rpc } from 'protobufjs';
import {
  type ControlFile,
  type ControlProtocol,
  type ControlStatus,
  controlFileName,
  controlFrame,
  controlFrameBytesMax,
  controlProtocol,
} from '../protocol/control/service.ts';
import { FrameSplitter } from '../protocol/wire/frame.ts';

/** Nobody to talk to, or no talking to them: one line for the terminal. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

interface ControlStub {
  status(request: object): Promise<{ toJSON(): object }>;
  stop(request: object): Promise<unknown>;
}

export class ControlClient {
  readonly pid: number;
  /** Resolves when the broker has closed the connection: it has stopped. */
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  readonly #protocol: ControlProtocol;
  readonly #token: string;
  readonly #waiting = new Map<number, (error: Error | null, body: Uint8Array | null) => void>();
  readonly #stub: ControlStub;
  #lastId = 0;

  private constructor(file: ControlFile, socket: net.Socket, protocol: ControlProtocol) {
    this.pid = file.pid;
    this.#token = file.token;
    this.#socket = socket;
    this.#protocol = protocol;
    const splitter = new FrameSplitter(controlFrameBytesMax, (frame) => this.#replied(frame));
    socket.on('data', (bytes) => splitter.feed(bytes as Buffer));
    this.closed = new Promise((done) => {
      socket.once('close', () => {
        for (const waiting of this.#waiting.values())
          waiting(new ControlError('the broker closed the connection'), null);
        done();
      });
    });
    const service = protocol.root.lookupService('kompakt.control.Control');
    const call: rpc.ServiceMethod<never, never> | unknown = (
      method: { name: string },
      request: Uint8Array,
      callback: (error: Error | null, body: Uint8Array | null) => void,
    ) => this.#call(method.name, request, callback);
    this.#stub = service.create(call as never, false, false) as unknown as ControlStub;
  }

  /** Finds and calls the broker that runs on a data directory. */
  static async connect(dataDirectory: string): Promise<ControlClient> {
    const directory = resolve(dataDirectory);
    const file = readControlFile(directory);
    const socket = net.connect({ path: file.address });
    await new Promise<void>((connected, failed) => {
      socket.once('connect', connected);
      socket.once('error', () => failed(nobodyRuns(directory)));
    });
    socket.on('error', () => {});
    return new ControlClient(file, socket, await controlProtocol());
  }

  async status(): Promise<ControlStatus> {
    const reply = await this.#stub.status({});
    return this.#protocol.status.toObject(reply as never, { defaults: true, arrays: true }) as ControlStatus;
  }

  async stop(): Promise<void> {
    await this.#stub.stop({});
  }

  close(): void {
    this.#socket.destroy();
  }

  #call(
    method: string,
    body: Uint8Array,
    callback: (error: Error | null, body: Uint8Array | null) => void,
  ): void {
    const id = ++this.#lastId;
    this.#waiting.set(id, callback);
    this.#socket.write(controlFrame(this.#protocol.call, { id, token: this.#token, method, body }));
  }

  #replied(frame: Buffer): void {
    const { id, error, body } = this.#protocol.reply.decode(frame) as unknown as {
      id: number;
      error: string;
      body: Uint8Array;
    };
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.(error === '' ? null : new ControlError(error), error === '' ? body : null);
  }
}

function readControlFile(directory: string): ControlFile {
  const path = join(directory, controlFileName);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ControlFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw nobodyRuns(directory);
    throw new ControlError(`${path} belongs to somebody else: only the broker's owner may call it`);
  }
}

function nobodyRuns(directory: string): ControlError {
  return new ControlError(`no broker is running on ${directory}`);
}
