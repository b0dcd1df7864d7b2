/**
 * A whole broker in a world that a seed decides: faulty files, virtual time, a network in memory. A life of the broker ends by a kill
 * (what was written stays), a power cut (what was synced stays, of the rest some) or a clean stop; the next one starts on what is left.
 */
import { type Broker, startBroker } from '../../broker/index.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../protocol/schema/api.ts';
import { decoderOf } from '../../protocol/schema/compile.ts';
import { decodeResponseHeader, encodeRequest } from '../../protocol/wire/headers.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import type { Timer } from '../../storage/environment/clock.ts';
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
  #transport: MemoryTransport;
  #broker: Broker | null = null;

  constructor(seed: number, config: Readonly<Record<string, string | number | boolean>>) {
    this.random = new SeededRandom(seed);
    this.#config = config;
    this.files = new FaultyFileSystem({ clock: this.clock });
    this.#transport = new MemoryTransport((callback) => this.clock.defer(callback));
  }

  /** What the broker said above info level, for a failing seed. */
  get logged(): readonly string[] {
    return this.#logged;
  }

  async start(): Promise<void> {
    const note = (level: string) => (message: string, fields?: object) =>
      void this.#logged.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
    const logger = { debug() {}, info() {}, warn: note('warn'), error: note('error'), named: () => logger };
    this.#transport = new MemoryTransport((callback) => this.clock.defer(callback));
    this.#broker = await this.clock.until(
      startBroker({
        dataDir: directory,
        config: this.#config,
        environment: { clock: this.clock, files: this.files, random: this.random },
        transport: this.#transport,
        logger,
      }),
    );
  }

  connect(): SimulatedClient {
    return new SimulatedClient(
      this.#transport.connect({ host: '127.0.0.1', port: this.#broker!.port }),
      this.clock,
    );
  }

  /** Ends this life; the files are then as the next one finds them. */
  async end(how: End): Promise<void> {
    const broker = this.#broker!;
    this.#broker = null;
    if (how === 'stop') await this.clock.until(broker.stop());
    const left = how === 'power cut' ? this.files.afterCrash(this.random) : this.files.afterKill();
    if (how !== 'stop') await this.#letGo(broker);
    this.files = left;
  }

  /**
   * The old one can do nothing to the new files; it only lets go of its timers. What it had under way never ends, nor may its
   * stop then.
   */
  async #letGo(broker: Broker): Promise<void> {
    let timer!: Timer;
    const patience = new Promise<void>((resolve) => {
      timer = this.clock.schedule(patienceMs, resolve);
    });
    await this.clock.until(Promise.race([broker.stop().catch(() => {}), patience]));
    timer.cancel();
  }
}

/** One connection; a request resolves with its answer, or with null when none came. */
export class SimulatedClient {
  readonly #client: MemoryClient;
  readonly #clock: VirtualClock;
  readonly #waiting = new Map<number, (frame: Buffer | null) => void>();
  #received = Buffer.alloc(0);
  #correlationId = 0;

  constructor(client: MemoryClient, clock: VirtualClock) {
    this.#client = client;
    this.#clock = clock;
    client.onBytes = () => this.#take();
    client.onClose = () => this.#giveUp();
  }

  get isClosed(): boolean {
    return this.#client.isClosed;
  }

  async request<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInit<A>,
  ): Promise<ResponseOf<A> | null> {
    const frame = await this.#clock.until(this.#send(api, version, body));
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
    const chunks = encodeRequest(api, version, { correlationId, clientId: 'simulated' }, body as never);
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
