/**
 * The real network: TCP, and Unix sockets or Windows pipes for programs on the same machine. The only file of the broker
 * that imports node:net.
 *
 * Reading. All connections read into one shared buffer of 256 KiB: what arrives is consumed before the callback returns, so
 * nothing is kept per connection (measured: half the CPU per GB of the 'data' event, and 10,000 idle connections cost 4 to 7 KB
 * each). Node offers such reading (`onread`) only where a socket is made, not where one is accepted; `withOnread` makes a
 * second socket around the accepted handle. `_handle` is Node's own affair, so where it is not what we expect, the 'data'
 * event does the same work at about twice the cost.
 *
 * Writing. See outbound-queue.ts, socket-writes.ts and storage/environment/pool-reads.ts. Writes of one turn leave in one system call, small
 * ones by the socket's descriptor; what is all that there is goes out at once.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  rmdirSync,
  unlinkSync,
  writeSync,
  writevSync,
} from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterThis, blocksRead, nodeClock } from '../../storage/environment/node.ts';
import { hostAndPort, plainHost } from './hosts.ts';
import { OutboundQueue, outboundHighWaterBytes, releaseRegions } from './outbound-queue.ts';
import { SocketWrites } from './socket-writes.ts';
import {
  type ConnectionEvents,
  type Endpoint,
  ListenError,
  type Listener,
  type ListenLocalOptions,
  type ListenOptions,
  type OutboundChunk,
  type Transport,
  type TransportConnection,
} from './transport.ts';

const sharedReadBytes = 256 * 1024;

type Accept = ListenOptions['accept'];

export class NodeTransport implements Transport {
  /** One for all connections of this transport; see above. */
  readonly #sharedRead = Buffer.allocUnsafeSlow(sharedReadBytes);
  readonly #useOnread: boolean;

  /** `reading: 'data-event'` takes the slower way that needs nothing undocumented (tests use both). */
  constructor(options: { reading?: 'onread' | 'data-event' } = {}) {
    this.#useOnread = options.reading !== 'data-event';
  }

  async listen({ host, port, backlog = 511, accept }: ListenOptions): Promise<Listener> {
    // exclusive: a broker inside a cluster worker has its own port, as anywhere else.
    const server = this.#server(accept);
    await listening(server, { host, port, backlog, exclusive: true }, hostAndPort(host, port));
    const { address, port: boundPort } = server.address() as net.AddressInfo;
    return { local: { host: plainHost(address), port: boundPort }, close: () => closed(server) };
  }

  readonly listenLocal = async (options: ListenLocalOptions): Promise<Listener> => {
    const { accept, previousAddress } = options;
    if (previousAddress !== null) removeLocalAddress(previousAddress);
    const address = localAddress(options);
    const server = this.#server(accept);
    await listening(server, { path: address }, address);
    if (!isPipe(address)) chmodSync(address, 0o600);
    const close = async (): Promise<void> => {
      await closed(server);
      removeLocalAddress(address);
    };
    return { local: { host: address, port: 0 }, close };
  };

  /** The other way round: as a client of a listener. Rejects with the system's error. */
  connect(to: Endpoint | { readonly path: string }, events: ConnectionEvents): Promise<TransportConnection> {
    const remote = 'path' in to ? { host: to.path, port: 0 } : to;
    const connection = new NodeConnection(remote, { host: '', port: 0 });
    const socket = net.connect({
      ...to,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: () => connection.readTarget(this.#sharedRead) as Buffer,
        callback: (count, bytes) => {
          connection.received(Buffer.from(bytes.buffer, bytes.byteOffset, count));
          return true;
        },
      },
    });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        connection.attach(socket);
        connection.start(events, false);
        resolve(connection);
      });
    });
  }

  #server(accept: Accept): net.Server {
    const server = net.createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true });
    server.on('connection', (socket) => this.#accepted(socket, accept));
    return server;
  }

  #accepted(accepted: net.Socket, accept: Accept): void {
    const remote = { host: plainHost(accepted.remoteAddress ?? ''), port: accepted.remotePort ?? 0 };
    const local = { host: plainHost(accepted.localAddress ?? ''), port: accepted.localPort ?? 0 };
    const connection = new NodeConnection(remote, local);
    const socket = this.#useOnread ? withOnread(accepted, connection, this.#sharedRead) : null;
    connection.attach(socket ?? accepted);
    const events = accept(connection);
    if (events === null) {
      connection.destroy();
      return;
    }
    connection.start(events, socket === null);
  }
}

/** A socket that reads into `shared` (or where its connection says), around the handle of `accepted`; null if that cannot be had. */
function withOnread(accepted: net.Socket, connection: NodeConnection, shared: Buffer): net.Socket | null {
  const owner = accepted as unknown as { _handle: { useUserBuffer?: unknown } | null };
  const handle = owner._handle;
  if (typeof handle?.useUserBuffer !== 'function') return null;
  const options = {
    handle,
    manualStart: true,
    onread: {
      buffer: () => connection.readTarget(shared),
      callback: (count: number, bytes: Uint8Array) => {
        connection.received(Buffer.from(bytes.buffer, bytes.byteOffset, count));
        return true;
      },
    },
  };
  const socket = new net.Socket(options as unknown as net.SocketConstructorOpts);
  owner._handle = null;
  return socket;
}

const gone = new Error('the connection is closed');

/**
 * Small writes by the descriptor; what fails here is left to the stream, which then finds the same error and tells of it. The descriptor is asked for each
 * time: one that was closed may be another file's.
 */
function writeNow(socket: net.Socket, parts: readonly Uint8Array[]): number {
  const descriptor = (socket as unknown as { _handle: { fd?: number } | null })._handle?.fd;
  // On Windows there is none.
  if (descriptor === undefined || descriptor < 0) return 0;
  try {
    const only = parts.length === 1 ? parts[0]! : null;
    return only === null ? writevSync(descriptor, parts) : writeSync(descriptor, only, 0, only.length);
  } catch {
    return 0;
  }
}

class NodeConnection implements TransportConnection {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  #socket!: net.Socket;
  #writes!: SocketWrites;
  #events: ConnectionEvents | null = null;
  readonly #queue: OutboundQueue;
  #isPaused = false;
  /** What is written now will be flushed at the end of the turn, or of the call. */
  #isGathering = false;
  #isEnding = false;
  #owesDrain = false;
  #closedByUs = false;
  #error: Error | null = null;

  constructor(remote: Endpoint, local: Endpoint) {
    this.remote = remote;
    this.local = local;
    this.#queue = new OutboundQueue({
      write: (bytes, written) => this.#write(bytes, written),
      waitingBytes: () => this.#writes.waitingBytes,
      nowMs: nodeClock.monotonicMs,
      blocksRead,
      fail: (error) => {
        this.#error = error;
        this.destroy();
      },
    });
  }

  attach(socket: net.Socket): void {
    this.#socket = socket;
    this.#writes = new SocketWrites(socket, (parts) => writeNow(socket, parts));
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('end', () => {
      // The peer is done sending; what is under way for it would be answered to nobody.
      this.#queue.destroy();
      socket.destroy();
    });
    socket.on('drain', () => this.#drained());
    socket.on('close', () => {
      this.#queue.destroy();
      this.#writes.drop(gone);
      this.#events?.closed(this.#closedByUs, this.#error);
    });
  }

  start(events: ConnectionEvents, byDataEvent: boolean): void {
    this.#events = events;
    if (byDataEvent) this.#socket.on('data', (bytes) => this.received(bytes as Buffer));
    if (this.#isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  readTarget(shared: Buffer): Uint8Array {
    return this.#events?.readInto() ?? shared;
  }

  received(bytes: Buffer): void {
    this.#events?.received(bytes);
  }

  send(chunks: readonly OutboundChunk[], isAll = false): boolean {
    if (this.#socket.destroyed || this.#isEnding) {
      releaseRegions(chunks);
      return false;
    }
    const isRoomLeft = isAll && !this.#isGathering ? this.#sendAtOnce(chunks) : this.#queue.send(chunks);
    if (!isRoomLeft) this.#owesDrain = true;
    return isRoomLeft;
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    if (this.#events !== null) this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#events !== null && !this.#socket.destroyed) this.#socket.resume();
  }

  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#closedByUs = true;
    if (this.#queue.isEmpty) this.#closeSoon();
  }

  destroy(): void {
    if (this.#socket.destroyed) return;
    this.#closedByUs = true;
    this.#queue.destroy();
    this.#socket.destroy();
  }

  #sendAtOnce(chunks: readonly OutboundChunk[]): boolean {
    this.#isGathering = true;
    try {
      return this.#queue.send(chunks);
    } finally {
      this.#flush();
    }
  }

  #write(bytes: Uint8Array, written: (() => void) | null): void {
    if (!this.#isGathering) {
      this.#isGathering = true;
      afterThis(() => this.#flush());
    }
    if (written === null) {
      this.#writes.gather(bytes, null);
      return;
    }
    this.#writes.gather(bytes, (error) => {
      // A socket whose peer has gone takes everything at once: nothing more is read for it (measured: 6 s for 50 that had 1 GB each to come).
      if (error !== null) this.#queue.destroy();
      written();
      if (this.#queue.isEmpty) this.#drained();
    });
  }

  #flush(): void {
    this.#isGathering = false;
    this.#writes.flush();
  }

  #closeSoon(): void {
    this.#writes.flush();
    this.#socket.destroySoon();
  }

  /** All that was waiting is out, or few enough bytes are left. */
  #drained(): void {
    if (this.#socket.destroyed || !this.#queue.isEmpty) return;
    if (this.#isEnding) {
      this.#closeSoon();
    } else if (this.#owesDrain && this.#writes.waitingBytes <= outboundHighWaterBytes) {
      this.#owesDrain = false;
      this.#events?.drained();
    }
  }
}

function listening(server: net.Server, options: net.ListenOptions, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new ListenError(error.code ?? 'EOTHER', where, error)),
    );
    server.listen(options, () => {
      server.removeAllListeners('error');
      // Too many open files while accepting: the connection is lost, the broker is not.
      server.on('error', () => {});
      resolve();
    });
  });
}

/** The port is free when this resolves; connections that were accepted stay. */
function closed(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close();
    nodeClock.defer(resolve);
  });
}

/** `sockaddr_un` holds 104 bytes on macOS and 108 on Linux, one of them for the end. */
const socketPathBytesMax = 100;
const temporaryFolderPrefix = 'kompakt-control-';

function isPipe(address: string): boolean {
  return address.startsWith('\\\\');
}

function localAddress({ path, random }: ListenLocalOptions): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\kompakt-${random}`;
  removeLocalAddress(path);
  if (Buffer.byteLength(path) <= socketPathBytesMax) return path;
  // Only its owner may enter a folder that mkdtemp makes.
  return join(mkdtempSync(join(tmpdir(), temporaryFolderPrefix)), basename(path));
}

/** Removes a socket that nobody listens on any more, and the temporary folder that was made for it. */
function removeLocalAddress(address: string): void {
  if (isPipe(address)) return;
  const folder = dirname(address);
  const isOurFolder = dirname(folder) === tmpdir() && basename(folder).startsWith(temporaryFolderPrefix);
  try {
    if (lstatSync(address, { throwIfNoEntry: false })?.isSocket()) unlinkSync(address);
    if (isOurFolder && existsSync(folder)) rmdirSync(folder);
  } catch {
    // Not ours to remove after all; listening says what is wrong, if anything is.
  }
}
