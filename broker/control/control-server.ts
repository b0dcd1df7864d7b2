/**
 * The broker's end of the control socket (protocol/control/service.ts): status and stop for whoever can read the control file.
 *
 * The data directory's lock is held before this opens, so files of a dead process are simply replaced. The file appears only
 * when the socket listens, and goes before it stops.
 */
import { timingSafeEqual } from 'node:crypto';
import {
  type ControlFile,
  type ControlProtocol,
  type ControlStatus,
  controlFileName,
  controlFrame,
  controlFrameBytesMax,
  controlProtocol,
  controlSocketName,
} from '../../protocol/control/service.ts';
import { FrameSplitter } from '../../protocol/wire/frame.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { FileSystem } from '../../storage/environment/files.ts';
import type { ConnectionEvents, Listener, Transport, TransportConnection } from '../network/transport.ts';
import type { Logger } from '../observe/logger.ts';

/** What callers may ask for. */
export interface ControlActions {
  status(): ControlStatus;
  /** Begins to stop; the connections of this server are closed when everything else has stopped. */
  stop(): void;
}

export interface ControlServerOptions {
  readonly transport: Transport;
  readonly environment: Environment;
  readonly directory: string;
  readonly processId: number;
  readonly actions: ControlActions;
  readonly logger: Logger;
}

const tokenBytes = 32;
const ownerOnly = 0o600;

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #token: Buffer;
  readonly #connections = new Set<TransportConnection>();
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
      options.logger.warn(
        'no control socket, so `kompakt status` and `kompakt stop` cannot reach this broker',
        { error },
      );
      return null;
    }
  }

  /** The last thing of a broker to go: callers that wait for the end see their connection close. */
  async close(): Promise<void> {
    const { environment, directory } = this.#options;
    environment.files.removeFileSync(environment.files.join(directory, controlFileName));
    await this.#listener?.close();
    const gone = new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
    for (const connection of this.#connections) connection.end();
    if (this.#connections.size > 0) await gone;
  }

  async #listen(): Promise<boolean> {
    const { transport, environment, directory, processId } = this.#options;
    if (transport.listenLocal === null) return false;
    const { files } = environment;
    const filePath = files.join(directory, controlFileName);
    this.#listener = await transport.listenLocal({
      path: files.join(directory, controlSocketName),
      random: environment.random.bytes(16).toString('hex'),
      previousAddress: previousAddress(files, filePath),
      accept: (connection) => this.#accept(connection),
    });
    const content: ControlFile = {
      pid: processId,
      address: this.#listener.local.host,
      token: this.#token.toString(),
    };
    writeForOwner(files, filePath, `${JSON.stringify(content)}\n`);
    return true;
  }

  #accept(connection: TransportConnection): ConnectionEvents {
    this.#connections.add(connection);
    // Calls of one connection are answered in order; the first waits for protobufjs.
    let last: Promise<void> = Promise.resolve();
    const splitter = new FrameSplitter(controlFrameBytesMax, (frame) => {
      const body = Buffer.from(frame);
      last = last
        .then(async () => this.#answer(connection, await controlProtocol(), body))
        .catch(() => connection.destroy());
    });
    return {
      readInto: () => null,
      received: (bytes) => {
        try {
          splitter.feed(bytes);
        } catch {
          connection.destroy();
        }
      },
      drained: () => {},
      closed: () => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#allClosed?.();
      },
    };
  }

  #answer(connection: TransportConnection, protocol: ControlProtocol, frame: Buffer): void {
    const { id, token, method } = protocol.call.decode(frame) as unknown as {
      id: number;
      token: string;
      method: string;
    };
    const given = Buffer.from(token);
    if (given.length !== this.#token.length || !timingSafeEqual(given, this.#token)) {
      connection.destroy();
      return;
    }
    const { actions } = this.#options;
    const reply = (fields: object): void => {
      connection.send([controlFrame(protocol.reply, { id, ...fields })]);
    };
    if (method === 'Status') {
      reply({ body: protocol.status.encode(protocol.status.create(actions.status())).finish() });
    } else if (method === 'Stop') {
      reply({});
      actions.stop();
    } else {
      reply({ error: `this broker has no method ${method}` });
    }
  }
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
