/** The HTTP port over a broker's parts. Loaded where there is to be one. */
import { outsideClock } from '../../storage/environment/clock.ts';
import type { ServedLookups } from '../lookup/lookup.ts';
import type { Services } from '../services.ts';
import { version } from '../version.ts';
import { HttpPort } from './http-port.ts';
import type { HttpTransport } from './http-transport.ts';
import { nodeHttp } from './node-http.ts';
import type { TestParts } from './service.ts';

export interface HttpParts {
  /** Left out: TCP. */
  readonly transport?: HttpTransport;
  /** For what tests ask, with kompakt.test.control. */
  readonly test?: TestParts;
}

/** See HttpPort.open. */
export function openHttp(
  { transport = nodeHttp(), test }: HttpParts,
  { environment, logger, partitions, logDirectory, settings, configuration, gaps }: Services,
  lookups: ServedLookups,
): Promise<HttpPort | null> {
  return HttpPort.open({
    transport,
    settings,
    portIsChosen: configuration.staticTexts.has('kompakt.http.port'),
    clock: outsideClock(environment.clock),
    logger: logger.named('http'),
    version,
    lookups,
    messageBytesMax: (topic) => partitions.get(topic, 0)?.log.settings['max.message.bytes'] ?? null,
    isOffline: () => logDirectory.isOffline,
    test:
      test !== undefined && settings['kompakt.test.control']
        ? { control: test.control, broker: test.broker, gaps }
        : null,
  });
}
