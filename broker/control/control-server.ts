/**
 * The broker's end of the control socket (protocol/control/service.ts), for whoever can read the control file.
 *
 *    on a disk    kompakt.control and kompakt.sock in the data directory
 *    in memory    the socket where a `ControlFolder` wants it, for there is no data directory that anybody else could see
 *
 * With a folder a second copy of the file lies there, where it is found by port. The data directory's lock is held before this opens, so
 * files of a dead process are simply replaced. Files appear only when the socket listens, and go before it stops.
 */
import { timingSafeEqual } from 'node:crypto';
import {
  type ControlFile,
  controlFileName,
  controlFrameBytesMax,
  controlProtocol,
  controlSocketName,
} from '../../protocol/control/service.ts';
import { FrameSplitter } from '../../protocol/wire/frame.ts';
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { FileSystem } from '../../storage/environment/files.ts';
import type { LookupCalls } from '../lookup/rpc-calls.ts';
import { type LookupDoor, openLookup, openLookupMethod } from '../lookup/rpc-door.ts';
import type { ConnectionEvents, Listener, Transport, TransportConnection } from '../network/transport.ts';
import type { Logger } from '../observe/logger.ts';
import { type ControlActions, ControlCalls } from './control-calls.ts';

/** A place outside of the data directory where callers look for a broker by its port. */
export interface ControlFolder {
  /** Of a socket that has no data directory to be in. */
  socketPath(random: string): string;
  /** Puts the file there; gives back how to take it away. */
  publish(file: ControlFile): () => void;
}

export interface ControlServerOptions {
  readonly transport: Transport;
  readonly environment: Environment;
  /** null: in memory. */
  readonly directory: string | null;
  readonly folder: ControlFolder | null;
  readonly processId: number;
  /** host:port, as bound. */
  readonly listeners: readonly string[];
  readonly actions: ControlActions;
  /** For connections that begin with OpenLookup. */
  readonly lookup: LookupDoor;
  readonly logger: Logger;
}

const tokenBytes = 32;
const ownerOnly = 0o600;

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #token: Buffer;
  readonly #connections = new Set<TransportConnection>();
  /** Takes the files away. */
  readonly #hide: (() => void)[] = [];
  #listener: Listener | null = null;
  #allClosed: (() => void) | null = null;

  private constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#token = Buffer.from(options.environment.random.bytes(tokenBytes).toString('hex'));
  }

  /** Null where there are no local sockets, or none can be had: a broker runs without one, with a line in the log. */
  static async open(options: ControlServerOptions): Promise<ControlServer | null> {
    const server = new ControlServer(options);
    try {
      return (await server.#listen()) ? server : null;
    } catch (error) {
      await server.close();
      options.logger.warn(
        'no control socket, so that `kompakt status` and the like cannot reach this broker',
        {
          error,
        },
      );
      return null;
    }
  }

  /** The last thing of a broker to go: callers that wait for the end see their connection close. */
  async close(): Promise<void> {
    for (const hide of this.#hide.splice(0)) hide();
    await this.#listener?.close();
    const gone = new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
    for (const connection of this.#connections) connection.end();
    if (this.#connections.size > 0) await gone;
  }

  async #listen(): Promise<boolean> {
    const { transport, environment, directory, folder, processId, listeners } = this.#options;
    if (transport.listenLocal === null || (directory === null && folder === null)) return false;
    const { files, random } = environment;
    const name = random.bytes(16).toString('hex');
    const filePath = directory === null ? null : files.join(directory, controlFileName);
    this.#listener = await transport.listenLocal({
      path: directory === null ? folder!.socketPath(name) : files.join(directory, controlSocketName),
      random: name,
      previousAddress: filePath === null ? null : previousAddress(files, filePath),
      accept: (connection) => this.#accept(connection),
    });
    const address = this.#listener.local.host;
    const content: ControlFile = { pid: processId, address, token: this.#token.toString(), listeners };
    if (filePath !== null) {
      writeForOwner(files, filePath, `${JSON.stringify(content)}\n`);
      this.#hide.push(() => files.removeFileSync(filePath));
    }
    if (folder !== null) this.#publish(folder, content);
    return true;
  }

  #publish(folder: ControlFolder, content: ControlFile): void {
    const { directory, logger } = this.#options;
    try {
      this.#hide.push(folder.publish(content));
    } catch (error) {
      if (directory === null) throw error;
      logger.warn('this broker is not found by --bootstrap, only by --data-dir', { error });
    }
  }

  #accept(connection: TransportConnection): ConnectionEvents {
    this.#connections.add(connection);
    const spoken: Spoken = { control: null, lookup: null };
    let last: Promise<void> = Promise.resolve();
    const splitter = new FrameSplitter(controlFrameBytesMax, (frame) => {
      const body = Buffer.from(frame);
      // The first call waits for protobufjs, and those behind it with it.
      last = last.then(() => this.#take(connection, spoken, body)).catch(() => connection.destroy());
    });
    return {
      readInto: () => null,
      received: (bytes) => {
        if (spoken.lookup !== null) return spoken.lookup.received(bytes);
        try {
          splitter.feed(bytes);
        } catch {
          connection.destroy();
        }
      },
      drained: () => {
        spoken.control?.drained();
        spoken.lookup?.drained();
      },
      closed: () => {
        spoken.control?.closed();
        spoken.lookup?.closed();
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#allClosed?.();
      },
    };
  }

  /** Throws at whatever is no call, or none of the broker's owner. */
  async #take(connection: TransportConnection, spoken: Spoken, frame: Buffer): Promise<void> {
    const { actions, environment, logger, lookup } = this.#options;
    const protocol = await controlProtocol();
    if (!this.#connections.has(connection)) return;
    const send = (frame: Buffer) => connection.send([frame]);
    const isFirst = spoken.control === null;
    spoken.control ??= new ControlCalls({
      protocol,
      actions,
      clock: outsideClock(environment.clock),
      logger,
      send,
    });
    const call = spoken.control.read(frame);
    const given = Buffer.from(call.token);
    if (given.length !== this.#token.length || !timingSafeEqual(given, this.#token))
      throw new Error('a call with a wrong token');
    if (spoken.lookup !== null) throw new Error('a frame before the answer to OpenLookup');
    if (call.method !== openLookupMethod || !isFirst) return void spoken.control.take(call);
    const calls = await openLookup(lookup, protocol, connection, call.id);
    if (this.#connections.has(connection)) spoken.lookup = calls;
    else calls.closed();
  }
}

/** What a connection speaks, from its first call on; the Lookup service instead of calls of its own where it began with OpenLookup. */
interface Spoken {
  control: ControlCalls | null;
  lookup: LookupCalls | null;
}

function previousAddress(files: FileSystem, path: string): string | null {
  try {
    const { address } = JSON.parse(files.readFileSync(path).toString()) as Partial<ControlFile>;
    return typeof address === 'string' ? address : null;
  } catch {
    return null;
  }
}

/** Whole or not at all, and never for a moment readable by anybody else. */
function writeForOwner(files: FileSystem, path: string, content: string): void {
  const temporary = `${path}.tmp`;
  files.removeFileSync(temporary);
  const file = files.openSync(temporary, 'create-new', { permissions: ownerOnly });
  try {
    file.writeSync([Buffer.from(content)], 0);
    file.renameTo(path);
  } finally {
    file.close();
  }
}
