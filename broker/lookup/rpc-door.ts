/** Lets a connection whose token was right speak the Lookup service: answers its call OpenLookup, and takes over what comes next. */
import { type ControlProtocol, controlFrame, controlMethod } from '../../protocol/control/service.ts';
import {
  lookupCallsMax,
  lookupProtocol,
  lookupStreamsMax,
  type OpenLookupReply,
} from '../../protocol/lookup/service.ts';
import { encode } from '../../protocol/protobuf.ts';
import type { TransportConnection } from '../network/transport.ts';
import type { Logger } from '../observe/logger.ts';
import type { ServedLookups } from './lookup.ts';
import { LookupCalls } from './rpc-calls.ts';

/** The method of `kompakt.control.Control` with which a connection begins. */
export const openLookupMethod = 'OpenLookup';

export interface LookupDoor {
  readonly lookups: ServedLookups;
  /** Of one call, with the value that it writes. */
  readonly callBytesMax: number;
  readonly logger: Logger;
}

/** `id` is that of the call which asks for it. */
export async function openLookup(
  { lookups, callBytesMax, logger }: LookupDoor,
  control: ControlProtocol,
  connection: TransportConnection,
  id: number,
): Promise<LookupCalls> {
  const protocol = await lookupProtocol();
  const calls = new LookupCalls({ protocol, lookups, connection, callBytesMax, logger });
  const opened: OpenLookupReply = { callsMax: lookupCallsMax, streamsMax: lookupStreamsMax, callBytesMax };
  const { response } = controlMethod(control, openLookupMethod)!;
  connection.send([controlFrame(control.reply, { id, body: encode(response, opened) })]);
  return calls;
}
