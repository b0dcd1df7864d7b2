/**
 * Frames that are sent together: all of one turn of the event loop's microtasks as one piece of memory, for at some 100,000 small frames
 * a second each write of its own would cost more than what it carries.
 */

import type { Type } from 'protobufjs';
import { microtask } from '../../storage/environment/clock.ts';

const slabBytes = 32 * 1024;
/** A larger frame's body goes as it is, uncopied. */
const copiedBytesMax = 8 * 1024;
const sizeBytes = 4;

export class FrameBatch {
  readonly #send: (chunks: readonly Uint8Array[]) => void;
  /** Complete pieces, in front of what the slab has. */
  #chunks: Uint8Array[] = [];
  #slab: Buffer = Buffer.alloc(0);
  /** Of the slab, what is not sent lies between these. */
  #from = 0;
  #to = 0;
  #isScheduled = false;

  /** `send` owns the chunks that it is given. */
  constructor(send: (chunks: readonly Uint8Array[]) => void) {
    this.#send = send;
  }

  /** Gives the bytes of the frame's body. Throws a RangeError, with nothing added, where these are more than `bytesMax`. */
  add(type: Type, message: object, bytesMax: number): number {
    const body = type.encode(message).finish();
    if (body.length > bytesMax)
      throw new RangeError(`a frame of ${body.length} bytes, of at most ${bytesMax}`);
    const isCopied = body.length <= copiedBytesMax;
    this.#reserve(isCopied ? sizeBytes + body.length : sizeBytes);
    this.#to = this.#slab.writeInt32BE(body.length, this.#to);
    if (isCopied) {
      this.#slab.set(body, this.#to);
      this.#to += body.length;
    } else {
      this.#cut();
      this.#chunks.push(body);
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      microtask(() => this.flush());
    }
    return body.length;
  }

  flush(): void {
    this.#isScheduled = false;
    this.#cut();
    if (this.#chunks.length === 0) return;
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#send(chunks);
  }

  #reserve(byteCount: number): void {
    if (this.#slab.length - this.#to >= byteCount) return;
    this.#cut();
    this.#slab = Buffer.allocUnsafeSlow(slabBytes);
    this.#from = this.#to = 0;
  }

  /** What is written becomes a chunk; the rest of the slab stays for the next. */
  #cut(): void {
    if (this.#to > this.#from) this.#chunks.push(this.#slab.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
