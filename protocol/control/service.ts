/**
 * How the command line talks to a running broker: a protobuf service over a local socket.
 *
 *    | size int32 | Call |      client → broker         | size int32 | Reply |      broker → client
 *
 * Calls of one connection run side by side; replies name theirs. One with a stream for an answer gets replies until one says that it
 * was the last. Whoever closes the connection takes back what he has called for.
 *
 * The broker writes `kompakt.control` into its data directory, readable by its owner alone; it tells the process id, the
 * socket's address and a token that every call carries. The messages (messages.ts) are parsed on the first call: a broker that
 * nobody calls never loads protobufjs.
 */
import type { Service, Type } from 'protobufjs';
import { encode } from '../protobuf.ts';
import { controlMessages } from './messages.ts';

export const controlFileName = 'kompakt.control';
export const controlSocketName = 'kompakt.sock';

/** In both directions. A call is a few hundred bytes; long answers come as many replies. */
export const controlFrameBytesMax = 1024 * 1024;

/** What `kompakt.control` holds, as JSON. */
export interface ControlFile {
  readonly pid: number;
  /** Path of a Unix socket, or name of a Windows pipe. */
  readonly address: string;
  readonly token: string;
  /** host:port, as bound. */
  readonly listeners: readonly string[];
}

export interface ControlProtocol {
  readonly service: Service;
  readonly call: Type;
  readonly reply: Type;
}

let protocol: Promise<ControlProtocol> | null = null;

/** Loads protobufjs and parses the service, once. */
export function controlProtocol(): Promise<ControlProtocol> {
  protocol ??= import('protobufjs').then(({ default: protobuf }) => {
    const { root } = protobuf.parse(controlMessages, { keepCase: true });
    const type = (name: string): Type => root.lookupType(`kompakt.control.${name}`);
    return {
      service: root.lookupService('kompakt.control.Control'),
      call: type('Call'),
      reply: type('Reply'),
    };
  });
  return protocol;
}

export interface ControlMethod {
  readonly request: Type;
  readonly response: Type;
  readonly isStream: boolean;
}

/** What a method takes and gives; null when there is none of this name. */
export function controlMethod({ service }: ControlProtocol, name: string): ControlMethod | null {
  if (!Object.hasOwn(service.methods, name)) return null;
  const method = service.methods[name]!;
  method.resolve();
  const { resolvedRequestType: request, resolvedResponseType: response, responseStream } = method;
  return { request: request!, response: response!, isStream: responseStream === true };
}

/** A message as one frame. Throws where it is larger than the other end would take. */
export function controlFrame(type: Type, message: object): Buffer {
  const body = encode(type, message);
  if (body.length > controlFrameBytesMax)
    throw new RangeError(`a frame of ${body.length} bytes, of at most ${controlFrameBytesMax}`);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeInt32BE(body.length, 0);
  frame.set(body, 4);
  return frame;
}
