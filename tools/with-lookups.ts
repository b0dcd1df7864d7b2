/** A command's work on the key/value store of a running broker, and what its exit code says. */
import { LookupConnectionError, LookupRefused, type RemoteLookups } from '../broker/connect-lookup.ts';
import type { LookupRefusal } from '../broker/index.ts';
import { ControlError } from './control-client.ts';
import { type LookupChoice, openLookups } from './open-lookups.ts';
import { etagText } from './record-text.ts';
import { untilSignal } from './until-signal.ts';

/** 0: it was found, or written. */
export const exitCodes = { failed: 1, absent: 3, deleted: 4, several: 5, precondition: 6 } as const;

export async function withLookups(
  choice: LookupChoice,
  work: (lookups: RemoteLookups, signal: AbortSignal) => Promise<number>,
  stop?: () => void,
): Promise<number> {
  try {
    return await untilSignal(async (signal) => {
      const lookups = await openLookups(choice);
      try {
        return await work(lookups, signal);
      } finally {
        lookups.close();
      }
    }, stop);
  } catch (error) {
    if (error instanceof ControlError || error instanceof LookupConnectionError)
      return refuse(error.message, exitCodes.failed);
    if (!(error instanceof LookupRefused)) throw error;
    const { refusal, message } = error;
    return refuse(`${message}${more(refusal)}`, codeOf(refusal));
  }
}

function codeOf({ reason }: LookupRefusal): number {
  if (reason === 'several') return exitCodes.several;
  return reason === 'precondition' ? exitCodes.precondition : exitCodes.failed;
}

function more(refusal: LookupRefusal): string {
  if (refusal.reason !== 'precondition' || refusal.current === null) return '';
  return `; its etag is ${etagText(refusal.current)}`;
}

function refuse(message: string, code: number): number {
  process.stderr.write(`kompakt: ${message}\n`);
  return code;
}
