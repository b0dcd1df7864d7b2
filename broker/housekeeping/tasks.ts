/** What a broker does again and again while it runs. */
import type { LogDirectory } from '../../storage/directory/log-directory.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { LogCleaner } from '../cleaning/log-cleaner.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { Logger } from '../observe/logger.ts';
import type { UndoList } from '../undo-list.ts';
import { PeriodicTask } from './periodic.ts';

export interface TaskParts {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly logDirectory: LogDirectory;
  readonly cleaner: LogCleaner;
  readonly logger: Logger;
}

export function startTasks(
  { environment: { clock }, settings, logDirectory, cleaner, logger }: TaskParts,
  undo: UndoList,
): void {
  const retention = new PeriodicTask({
    name: 'retention',
    clock,
    logger,
    firstMs: settings['log.initial.task.delay.ms'],
    intervalMs: () => settings['log.retention.check.interval.ms'],
    run: async () => {
      const segments = await logDirectory.applyRetention(clock.nowMs(), (log) => !cleaner.isBusyWith(log));
      if (segments > 0) logger.info('retention removed segments', { segments });
    },
  });
  undo.push(() => retention.stop());
  const producerExpiry = new PeriodicTask({
    name: 'expiry of producers',
    clock,
    logger,
    firstMs: settings['producer.id.expiration.check.interval.ms'],
    intervalMs: () => settings['producer.id.expiration.check.interval.ms'],
    run: () => logDirectory.expireProducers(clock.nowMs()),
  });
  undo.push(() => producerExpiry.stop());
}
