import { expect, it } from 'vitest';
import { LoggerLevels } from '../../../broker/config/logger-levels.ts';
import { leveledLogger } from '../../../broker/observe/leveled-logger.ts';
import { LimitedLog } from '../../../broker/observe/limited-log.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { keepingLogger } from '../network/frames.ts';

it('a leveled logger follows the levels of the moment, and makes its names known', () => {
  const kept = keepingLogger();
  const levels = new LoggerLevels('WARN');
  const logger = leveledLogger(kept, levels, 'kompakt');
  const groups = logger.named('groups');
  expect(levels.names()).toEqual(['root', 'groups', 'kompakt']);
  logger.info('hidden');
  logger.warn('shown');
  levels.set('groups', 'DEBUG');
  groups.debug('shown too', { n: 1 });
  logger.debug('hidden');
  expect(kept.lines.map(({ message }) => message)).toEqual(['shown', 'shown too']);
  expect(kept.lines[1]!.fields).toEqual({ n: 1 });
});

it('a limited log says a thing of a kind once in a while, and how often it was left out', async () => {
  const kept = keepingLogger();
  const clock = new VirtualClock();
  const log = new LimitedLog(kept, clock);
  for (let n = 0; n < 5; n++) log.warn('a', `a ${n}`);
  log.warn('b', 'b');
  await clock.advance(10_000);
  log.warn('a', 'a again');
  expect(kept.lines.map(({ message }) => message)).toEqual(['a 0', 'b', 'a again (and 4 more like it)']);
});
