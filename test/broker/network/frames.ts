/** Frames, handlers and log lines for the tests of this folder. */
import type { Connection, FrameHandler, Reply } from '../../../broker/network/connection.ts';
import type { OutboundRegion } from '../../../broker/network/transport.ts';
import type { LogFields, Logger } from '../../../broker/observe/logger.ts';

export function frame(body: string | Uint8Array): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body);
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

/** The frames in a stream of bytes, as text; throws when it ends inside one. */
export function framesIn(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readInt32BE(at);
    if (at + 4 + size > bytes.length) throw new Error('the bytes end inside a frame');
    found.push(bytes.toString('utf8', at + 4, at + 4 + size));
    at += 4 + size;
  }
  return found;
}

/** A handler made of a function from a frame's text to its reply. */
export function frameHandler(
  handle: (text: string, connection: Connection, ownsBytes: boolean) => Reply | Promise<Reply>,
): FrameHandler {
  return { handle: (bytes, connection, ownsBytes) => handle(bytes.toString('utf8'), connection, ownsBytes) };
}

/** Answers every frame with itself. */
export const echo: FrameHandler = { handle: (bytes) => [frame(bytes)] };

/** A promise and how to settle it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** A region over memory that counts its releases and fails when it is read after one. */
export class CountedRegion implements OutboundRegion {
  readonly #bytes: Buffer;
  releases = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  readSync(target: Uint8Array, targetStart: number, length: number, start: number): number {
    if (this.releases > 0) throw new Error('read after release');
    const part = this.#bytes.subarray(start, start + length);
    target.set(part, targetStart);
    return part.length;
  }

  release(): void {
    this.releases += 1;
  }
}

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines. */
export function keepingLogger(): Logger & { readonly lines: LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const at =
    (level: LoggedLine['level']) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields });
    };
  const logger = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    named: () => logger,
  };
  return logger;
}
