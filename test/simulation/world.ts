/**
 * A whole broker in a world that a seed decides: faulty files, virtual time, a network in memory. A life of the broker ends by a kill
 * (what was written stays), a power cut (what was synced stays, of the rest some) or a clean stop; the next one starts on what is left.
 */
import { type Broker, StartError, startBroker } from '../../broker/index.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../protocol/schema/api.ts';
import { decoderOf } from '../../protocol/schema/compile.ts';
import { decodeResponseHeader, encodeRequest } from '../../protocol/wire/headers.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import { DiskWeather } from './disk-weather.ts';
import { FaultyFileSystem } from './faulty-files.ts';
import { type MemoryClient, MemoryTransport } from './memory-transport.ts';
import { SeededRandom } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

const directory = '/data';
/** A request that has no answer by then never gets one: its connection is given up. */
const patienceMs = 120_000;

export type End = 'kill' | 'power cut' | 'stop';

export class World {
  readonly random: SeededRandom;
  readonly clock = new VirtualClock();
  readonly #config: Readonly<Record<string, string | number | boolean>>;
  readonly #logged: string[] = [];
  files: FaultyFileSystem;
  /** Of the life that is being lived. */
  weather: DiskWeather;
  /** The latest moment at which the machine is known to have run. */
  lastAliveMs = 0;
  #transport: MemoryTransport;
  #broker: Broker | null = null;

  constructor(seed: number, config: Readonly<Record<string, string | number | boolean>>) {
    this.random = new SeededRandom(seed);
    this.#config = config;
    this.files = new FaultyFileSystem({ clock: this.clock });
    this.weather = new DiskWeather(this.files, this.random);
    this.#transport = new MemoryTransport((callback) => this.clock.defer(callback));
  }

  /** What the broker said above info level, for a failing seed. */
  get logged(): readonly string[] {
    return this.#logged;
  }

  /** False: the disk would not have it, and the process is gone again with a reason. */
  async start(): Promise<boolean> {
    try {
      this.#broker = await this.clock.until(this.#startBroker());
      return true;
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      this.#logged.push(`did not start: ${error.message}`);
      this.#goOnWith(this.files.afterKill());
      return false;
    }
  }

  /** A life that ends after so many operations of the disk, most likely before the broker is ready. */
  async startAndEnd(operations: number, how: Exclude<End, 'stop'>): Promise<void> {
    this.files.stopAfter(operations);
    // Nobody is left to hear how it went.
    this.#startBroker().catch(() => {});
    await this.clock.advance(1_000);
    this.clock.dropTimers();
    this.#goOnWith(how === 'power cut' ? this.files.afterCrash(this.random) : this.files.afterKill());
  }

  #startBroker(): Promise<Broker> {
    const note = (level: string) => (message: string, fields?: object) =>
      void this.#logged.push(
        `${this.clock.monotonicMs()} ${level} ${message} ${JSON.stringify(fields ?? {})}`,
      );
    const logger = {
      debug() {},
      info: process.env.SIM_INFO ? note('info') : () => {},
      warn: note('warn'),
      error: note('error'),
      named: () => logger,
    };
    this.#transport = new MemoryTransport((callback) => this.clock.defer(callback));
    return startBroker({
      dataDir: directory,
      config: this.#config,
      environment: { clock: this.clock, files: this.files, random: this.random },
      transport: this.#transport,
      logger,
    });
  }

  /** Of the life that is being lived. */
  get broker(): Broker {
    return this.#broker!;
  }

  /** Lets time pass as long as the machine runs. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    if (!this.files.isStopped) this.lastAliveMs = this.clock.monotonicMs();
  }

  connect(clientId = 'simulated'): SimulatedClient {
    const end = this.#transport.connect({ host: '127.0.0.1', port: this.#broker!.port });
    return new SimulatedClient(end, this.clock, clientId);
  }

  /** Ends this life; the files are then as the next one finds them. */
  async end(how: End): Promise<void> {
    const broker = this.#broker!;
    this.#broker = null;
    if (how === 'stop') await this.clock.until(broker.stop());
    else this.clock.dropTimers();
    this.#goOnWith(how === 'power cut' ? this.files.afterCrash(this.random) : this.files.afterKill());
  }

  #goOnWith(files: FaultyFileSystem): void {
    this.files = files;
    this.weather = new DiskWeather(files, this.random);
  }
}

/** One connection; a request resolves with its answer, or with null when none came. */
export class SimulatedClient {
  readonly #client: MemoryClient;
  readonly #clock: VirtualClock;
  readonly #clientId: string;
  readonly #waiting = new Map<number, (frame: Buffer | null) => void>();
  #received = Buffer.alloc(0);
  #correlationId = 0;

  constructor(client: MemoryClient, clock: VirtualClock, clientId = 'simulated') {
    this.#client = client;
    this.#clock = clock;
    this.#clientId = clientId;
    client.onBytes = () => this.#take();
    client.onClose = () => this.#giveUp();
  }

  get isClosed(): boolean {
    return this.#client.isClosed;
  }

  /** Moves time on as far as the answer needs. */
  request<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<ResponseOf<A> | null> {
    return this.#clock.until(this.send(api, version, body));
  }

  /** Others move time meanwhile. */
  async send<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<ResponseOf<A> | null> {
    const frame = await this.#send(api, version, body);
    if (frame === null) return null;
    const reader = new Reader(frame);
    decodeResponseHeader(reader, api, version);
    return decoderOf(api, 'response', version)(reader);
  }

  close(): void {
    this.#client.close();
    this.#giveUp();
  }

  #send(api: AnyApi, version: number, body: object): Promise<Buffer | null> {
    if (this.#client.isClosed) return Promise.resolve(null);
    const correlationId = this.#correlationId++;
    const answer = new Promise<Buffer | null>((resolve) => {
      const timer = this.#clock.schedule(patienceMs, () => this.close());
      this.#waiting.set(correlationId, (frame) => {
        timer.cancel();
        resolve(frame);
      });
    });
    const chunks = encodeRequest(api, version, { correlationId, clientId: this.#clientId }, body as never);
    this.#client.send(Buffer.concat(chunks as Buffer[]));
    return answer;
  }

  #take(): void {
    this.#received = Buffer.concat([this.#received, this.#client.take()]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      const frame = Buffer.from(this.#received.subarray(4, end));
      this.#received = this.#received.subarray(end);
      const correlationId = frame.readInt32BE(0);
      const resolve = this.#waiting.get(correlationId);
      if (resolve === undefined) throw new Error(`a second answer to request ${correlationId}`);
      this.#waiting.delete(correlationId);
      resolve(frame);
    }
  }

  #giveUp(): void {
    for (const resolve of this.#waiting.values()) resolve(null);
    this.#waiting.clear();
  }
}
