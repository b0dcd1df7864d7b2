import type { Configuration } from '../config/settings.ts';
import { hostAndPort, isLoopback } from '../network/hosts.ts';
import type { BoundListener } from '../network/network.ts';
import type { Logger } from './logger.ts';

export interface StartReport {
  readonly configuration: Pick<Configuration, 'ignoredKeys'>;
  readonly listeners: readonly BoundListener[];
  /** Apache Kafka cannot open the same directory. */
  readonly keepsKafkaOut: boolean;
  readonly logger: Logger;
}

/** What was configured without effect, and what leaves this machine. */
export function reportStart({ configuration, listeners, keepsKafkaOut, logger }: StartReport): void {
  for (const { reason, keys } of configuration.ignoredKeys()) logger.info(`${keys.join(', ')}: ${reason}`);
  const reachable = listeners.flatMap(({ endpoints }) => endpoints).filter(({ host }) => !isLoopback(host));
  if (reachable.length > 0) {
    const where = reachable.map(({ host, port }) => hostAndPort(host, port)).join(', ');
    logger.warn(`listening on ${where} without security: whoever reaches it may read and write everything`);
  }
  if (!keepsKafkaOut)
    logger.info(
      'this platform has no file lock that Apache Kafka respects: do not start one on this data directory',
    );
}
