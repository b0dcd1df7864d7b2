/** A second broker in a simulated world: on the same machine, in a directory of its own. */
import { type Broker, type BrokerOptions, startBroker } from '../../../broker/index.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { SimulatedClient, type World } from '../world.ts';

export class ForkWorld {
  readonly random: World['random'];
  readonly clock: World['clock'];
  readonly broker: Broker;
  readonly #transport: MemoryTransport;

  private constructor(world: World, broker: Broker, transport: MemoryTransport) {
    this.random = world.random;
    this.clock = world.clock;
    this.broker = broker;
    this.#transport = transport;
  }

  static async start(
    world: World,
    dataDir: string,
    config: BrokerOptions['config'] = {},
  ): Promise<ForkWorld> {
    const { clock, files, random } = world;
    const transport = new MemoryTransport((callback) => clock.defer(callback));
    const environment = { clock, files, random };
    const broker = await clock.until(startBroker({ dataDir, config, environment, transport }));
    return new ForkWorld(world, broker, transport);
  }

  connect(clientId = 'fork'): SimulatedClient {
    const end = this.#transport.connect({ host: '127.0.0.1', port: this.broker.port });
    return new SimulatedClient(end, this.clock, clientId);
  }

  stop(): Promise<void> {
    return this.clock.until(this.broker.stop());
  }
}
