/**
 * One connection as bytes: what is written goes out as it is, frames come back in order, null when the broker has closed it. Also frames
 * that no codec would make can be sent here.
 */
import { createConnection, type Socket } from 'node:net';
import { ceilingMs } from '../eventually.ts';

export class Wire {
  readonly #socket: Socket;
  readonly #frames: Buffer[] = [];
  #received: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #wake: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#take(bytes));
    // How it ended makes no difference: with unread bytes of ours in its buffer a broker's end is a reset.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake?.();
    });
  }

  static connect(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ host: '127.0.0.1', port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Wire(socket));
      });
    });
  }

  send(chunks: readonly Uint8Array[]): void {
    this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    this.#socket.uncork();
  }

  /** Sends bytes that nothing else is to travel with: once they are out, the other side's turn has come. */
  async sendAlone(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
    await new Promise(setImmediate);
  }

  /** The next frame without its size; null when the connection is closed instead. */
  async next(): Promise<Buffer | null> {
    for (let isOver = false; ; ) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.#isClosed) return null;
      if (isOver) throw new Error('the broker neither answers nor closes the connection');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          isOver = true;
          resolve();
        }, ceilingMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
  }

  /** Whether a frame is there or the connection is closed, so that `next` would not wait. */
  get hasNews(): boolean {
    return this.#isClosed || this.#frames.length > 0;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) break;
      this.#frames.push(this.#received.subarray(4, end));
      this.#received = this.#received.subarray(end);
    }
    if (this.#frames.length > 0) this.#wake?.();
  }
}
