/**
 * Whoever answers a lookup on the command line: the running broker that find-broker.ts finds, over its control socket, or with `--remote` one
 * that listens for lookups over TCP, perhaps on another machine.
 */
import { readFileSync } from 'node:fs';
import {
  LookupConnectionError,
  type LookupPlace,
  openRemoteLookups,
  type RemoteLookups,
} from '../broker/connect-lookup.ts';
import { ControlError } from './control-client.ts';
import { type BrokerChoice, findBroker, parseAddress } from './find-broker.ts';

export interface LookupChoice extends BrokerChoice {
  readonly remote?: string;
  /** Of the token for `remote`; else it is in the environment. */
  readonly tokenFile?: string;
}

/** The variable of given-settings.ts, which would bring all keys along. */
const tokenVariable = 'KOMPAKT_LOOKUP_TOKEN';

/** Rejects with a ControlError that says why there is nobody. */
export async function openLookups(choice: LookupChoice): Promise<RemoteLookups> {
  const { remote, tokenFile, dataDir, bootstrap } = choice;
  if (remote === undefined) {
    if (tokenFile !== undefined) throw new ControlError('--token-file is for --remote');
    return orControlError(() => openRemoteLookups(() => placeOf(choice)));
  }
  if (dataDir !== undefined || bootstrap !== undefined)
    throw new ControlError('--remote, --data-dir and --bootstrap contradict each other; give one of them');
  const to = parseAddress(remote, '--remote');
  const token = tokenOf(tokenFile);
  return orControlError(() => openRemoteLookups(() => ({ to, token, where: remote })));
}

/** One that was started again is another process, at another place. */
async function placeOf(choice: BrokerChoice): Promise<LookupPlace> {
  try {
    const client = await findBroker(choice);
    const { address, token, pid } = client.file;
    client.close();
    return { to: { path: address }, token, where: `the broker (process ${pid})` };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    throw new LookupConnectionError(error.message, { cause: error });
  }
}

async function orControlError<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LookupConnectionError)) throw error;
    throw new ControlError(error.message, { cause: error });
  }
}

function tokenOf(file: string | undefined): string {
  if (file === undefined) return process.env[tokenVariable] ?? '';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ControlError(`cannot read --token-file: ${(error as Error).message}`);
  }
}
