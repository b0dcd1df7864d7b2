import type { SystemCalls } from './system-calls.ts';

/** Those that the thread pool does. */
const answeredLater = ['open', 'close', 'write', 'writev', 'read', 'fdatasync', 'fsync', 'unlink'] as const;

type Answer = (...results: never[]) => void;
type Call = (...args: unknown[]) => void;

/**
 * The same calls, of which each holds something (virtual time) from the moment it is made until it was answered and the answer was
 * dealt with.
 */
export function heldCalls(calls: SystemCalls, hold: () => () => void): SystemCalls {
  const held: Record<string, Call> = {};
  for (const name of answeredLater) {
    const call = calls[name] as unknown as Call;
    held[name] = (...args) => {
      const release = hold();
      const done = args.pop() as Answer;
      call(...args, (...results: never[]) => {
        try {
          done(...results);
        } finally {
          release();
        }
      });
    };
  }
  return Object.assign(Object.create(calls) as SystemCalls, held);
}
