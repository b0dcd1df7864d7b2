/**
 * How programs look keys up: a protobuf service on a connection of its own, to the control socket or over TCP.
 *
 *    | size int32 | kompakt.control.Call OpenLookup, with the token |     client → broker, the first frame
 *    | size int32 | kompakt.control.Reply with OpenLookupReply      |     broker → client
 *    | size int32 | kompakt.lookup.Call  |  …                             client → broker, from then on
 *    | size int32 | kompakt.lookup.Reply |  …                             broker → client
 *
 * Calls run side by side, and replies name theirs; no order is promised, not even of a write and a read behind it. What is too much for
 * one reply comes as several. A stream of changes goes on while its reader takes it: at most `streamWindowBytes` of it are under way, and
 * a slow reader of one stream holds up nobody else on its connection. A frame that cannot be read ends the connection.
 *
 * The messages (messages.ts) are parsed on the first call.
 */
import type { Namespace, Reader, Type } from 'protobufjs';
import { lookupMessages } from './messages.ts';

/**
 * At a time on one connection; more are refused. A client that knows keeps the rest to itself. While those under way have more than 16 MiB
 * (broker/lookup/rpc-calls.ts), the broker reads no further.
 */
export const lookupCallsMax = 1024;
export const lookupStreamsMax = 256;

/**
 * A reply is at most one record more than `replyPartBytes`, and a record at most what was decompressed with it. It costs memory only as
 * it arrives.
 */
export const lookupReplyBytesMax = 1024 * 1024 * 1024;

/** What comes as several replies is cut about here. */
export const replyPartBytes = 256 * 1024;

/** Of one stream of changes, sent and not yet taken; and one change more. */
export const streamWindowBytes = 256 * 1024;

/**
 * Fields in a call and in its request: keys, headers, etags. Each costs a hundred times its two bytes when it is read, so that a small call
 * needs no counting.
 */
export const callElementsMax = 10_000;
const uncountedBytes = 4 * 1024;

export interface LookupProtocol {
  readonly call: Type;
  readonly reply: Type;
  /** Throws at bytes that are no call, or one of too many elements. They are borrowed as long as the message lives. */
  readCall(bytes: Uint8Array): object;
}

let protocol: Promise<LookupProtocol> | null = null;

/** Loads protobufjs and parses the service, once. */
export function lookupProtocol(): Promise<LookupProtocol> {
  protocol ??= import('protobufjs').then(({ default: protobuf }) => {
    const { root } = protobuf.parse(lookupMessages, { keepCase: true });
    root.resolveAll();
    const types = root.lookup('kompakt.lookup') as Namespace;
    for (const type of types.nestedArray) if (type instanceof protobuf.Type) giveEmptyBytes(type);
    const call = root.lookupType('kompakt.lookup.Call');
    const readCall = (bytes: Uint8Array): object => {
      if (bytes.length > uncountedBytes) {
        const reader = protobuf.Reader.create(bytes);
        checkElements(reader, reader.len, true, callElementsMax);
      }
      return call.decode(bytes);
    };
    return { call, reply: root.lookupType('kompakt.lookup.Reply'), readCall };
  });
  return protocol;
}

/** What other languages leave out because it is empty, such as a key, would be an array here, and no bytes. */
function giveEmptyBytes({ fieldsArray, ctor }: Type): void {
  for (const { name, type, repeated, hasPresence } of fieldsArray)
    if (type === 'bytes' && !repeated && !hasPresence) ctor.prototype[name] = Buffer.alloc(0);
}

const wireTypeBits = 7;
const lengthDelimited = 2;

/** Gives how many more there may be. */
function checkElements(reader: Reader, end: number, goesIn: boolean, mostLeft: number): number {
  let left = mostLeft;
  while (reader.pos < end) {
    const wireType = reader.uint32() & wireTypeBits;
    if (--left < 0) throw new RangeError(`a call of more than ${callElementsMax} elements`);
    if (wireType !== lengthDelimited || !goesIn) {
      reader.skipType(wireType);
      continue;
    }
    const length = reader.uint32();
    if (length > end - reader.pos) throw new RangeError('a field that is longer than its message');
    left = checkElements(reader, reader.pos + length, false, left);
  }
  return left;
}

/** The fields of message OpenLookupReply: what the broker takes. */
export interface OpenLookupReply {
  readonly callsMax: number;
  readonly streamsMax: number;
  readonly callBytesMax: number;
}
