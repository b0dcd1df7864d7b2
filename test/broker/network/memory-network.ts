/** A Network on the memory transport and the virtual clock. */
import type { FrameHandler } from '../../../broker/network/connection.ts';
import type { ConnectionLimits } from '../../../broker/network/limits.ts';
import { Network } from '../../../broker/network/network.ts';
import type { Endpoint } from '../../../broker/network/transport.ts';
import { LimitedLog } from '../../../broker/observe/limited-log.ts';
import { RequestCounts } from '../../../broker/observe/request-counts.ts';
import type { Clock } from '../../../storage/environment/clock.ts';
import { type MemoryClient, MemoryTransport } from '../../simulation/memory-transport.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { keepingLogger } from './frames.ts';

export interface MemoryNetwork {
  readonly network: Network;
  readonly clock: VirtualClock;
  readonly counts: RequestCounts;
  readonly logger: ReturnType<typeof keepingLogger>;
  readonly limits: { -readonly [Name in keyof ConnectionLimits]: ConnectionLimits[Name] };
  connect(fromHost?: string): MemoryClient;
}

let clientPort = 1000;

export async function memoryNetwork(
  frames: FrameHandler,
  options: { requestBytesMax?: number; monotonicMs?: () => number; serves?: boolean } = {},
): Promise<MemoryNetwork> {
  const clock = new VirtualClock();
  const seen: Clock =
    options.monotonicMs === undefined
      ? clock
      : {
          nowMs: () => clock.nowMs(),
          monotonicMs: options.monotonicMs,
          schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
          defer: (callback) => clock.defer(callback),
        };
  const logger = keepingLogger();
  const counts = new RequestCounts();
  const transport = new MemoryTransport((callback) => clock.defer(callback));
  const limits = {
    connectionsMax: 1_000_000,
    connectionsMaxPerHost: 1_000_000,
    connectionsMaxPerHostOverrides: new Map<string, number>() as ReadonlyMap<string, number>,
    idleMsMax: 600_000,
  };
  const network = new Network({
    transport,
    clock: seen,
    log: new LimitedLog(logger, clock),
    counts,
    limits: () => limits,
    requestBytesMax: options.requestBytesMax ?? 104_857_600,
    backlog: 50,
  });
  const { endpoints } = await network.listen({ name: 'PLAINTEXT', host: '127.0.0.1', port: 9092 });
  if (options.serves !== false) network.serve(frames);
  const connect = (host = '127.0.0.1'): MemoryClient =>
    transport.connect(endpoints[0] as Endpoint, { host, port: ++clientPort });
  return { network, clock, counts, logger, limits, connect };
}
