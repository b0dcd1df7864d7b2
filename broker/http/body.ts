/** A request's body, up to a limit that its topic has. */
import type { RawRequest } from './http-transport.ts';
import { ProblemError } from './problems.ts';

/** Rejects with a ProblemError as soon as it is too large; what still comes then is passed over. */
export async function readBody(
  request: RawRequest,
  contentLength: string | undefined,
  bytesMax: number,
): Promise<Buffer> {
  if (Number(contentLength ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      request.off('data', take).off('end', done).off('error', lost).off('close', lost);
    };
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= bytesMax) return void chunks.push(chunk);
      leave();
      // Somebody who is told in the middle of sending hears it only if all of it is taken.
      request.resume();
      reject(tooLarge(bytesMax));
    };
    const done = (): void => {
      leave();
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
    };
    const lost = (): void => {
      leave();
      reject(new ProblemError('bad-request', 'the body ended too early'));
    };
    request.on('data', take).on('end', done).on('error', lost).on('close', lost);
  });
}

function tooLarge(bytesMax: number): ProblemError {
  return new ProblemError('too-large', `the topic takes ${bytesMax} bytes (max.message.bytes)`);
}
