/**
 * How the command line talks to a running broker: a protobuf service over a local socket, one call a frame.
 *
 *    | size int32 | Call |      client → broker         | size int32 | Reply |      broker → client
 *
 * The broker writes `kompakt.control` into its data directory, readable by its owner alone; it tells the process id, the
 * socket's address and a token that every call carries. The text below is parsed on the first call: a broker that nobody
 * calls never loads protobufjs.
 */
import type { Root, Type } from 'protobufjs';

export const controlFileName = 'kompakt.control';
export const controlSocketName = 'kompakt.sock';

/** A call is a few hundred bytes; whoever sends more is no client of ours. */
export const controlFrameBytesMax = 1024 * 1024;

/** What `kompakt.control` holds, as JSON. */
export interface ControlFile {
  readonly pid: number;
  /** Path of a Unix socket, or name of a Windows pipe. */
  readonly address: string;
  readonly token: string;
}

const text = `
  syntax = "proto3";
  package kompakt.control;

  service Control {
    rpc Status (StatusRequest) returns (StatusReply);
    // Answered when the broker begins to stop; it has stopped when the connection closes.
    rpc Stop (StopRequest) returns (StopReply);
  }

  message StatusRequest {}
  message StatusReply {
    string version = 1;
    uint32 pid = 2;
    double uptimeMs = 3;
    string dataDirectory = 4;
    string clusterId = 5;
    sint32 nodeId = 6;
    // host:port, as bound.
    repeated string listeners = 7;
    uint32 topics = 8;
    uint32 partitions = 9;
    uint32 connections = 10;
    double requests = 11;
    double unforeseenErrors = 12;
    // The disk has failed: writes are refused.
    bool offline = 13;
  }

  message StopRequest {}
  message StopReply {}

  message Call {
    uint32 id = 1;
    string token = 2;
    string method = 3;
    bytes body = 4;
  }
  message Reply {
    uint32 id = 1;
    // Empty: it went well.
    string error = 2;
    bytes body = 3;
  }
`;

export interface ControlStatus {
  readonly version: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly dataDirectory: string;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly listeners: readonly string[];
  readonly topics: number;
  readonly partitions: number;
  readonly connections: number;
  readonly requests: number;
  readonly unforeseenErrors: number;
  readonly offline: boolean;
}

export interface ControlProtocol {
  readonly root: Root;
  readonly call: Type;
  readonly reply: Type;
  readonly status: Type;
}

let protocol: Promise<ControlProtocol> | null = null;

/** Loads protobufjs and parses the service, once. */
export function controlProtocol(): Promise<ControlProtocol> {
  protocol ??= import('protobufjs').then(({ default: protobuf }) => {
    const { root } = protobuf.parse(text, { keepCase: true });
    const type = (name: string): Type => root.lookupType(`kompakt.control.${name}`);
    return { root, call: type('Call'), reply: type('Reply'), status: type('StatusReply') };
  });
  return protocol;
}

/** A message as one frame. */
export function controlFrame(type: Type, message: object): Buffer {
  const body = type.encode(type.create(message)).finish();
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeInt32BE(body.length, 0);
  frame.set(body, 4);
  return frame;
}
