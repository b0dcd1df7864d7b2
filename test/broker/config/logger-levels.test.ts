import { expect, test } from 'vitest';
import { alterLoggerLevels, describeLoggers, LoggerLevels } from '../../../broker/config/logger-levels.ts';

const set = 0;
const remove = 1;

function levelsOf(...names: string[]): LoggerLevels {
  const levels = new LoggerLevels('WARN');
  for (const name of names) levels.register(name);
  return levels;
}

test('a logger without a level has that of root', () => {
  const levels = levelsOf('storage', 'groups');
  alterLoggerLevels(levels, [{ name: 'groups', operation: set, value: 'DEBUG' }], false);
  expect(levels.levelOf('storage')).toBe('WARN');
  expect(levels.isEnabled('groups', 'DEBUG')).toBe(true);
  expect(levels.isEnabled('groups', 'TRACE')).toBe(false);
  alterLoggerLevels(levels, [{ name: 'root', operation: set, value: 'ERROR' }], false);
  expect(levels.levelOf('storage')).toBe('ERROR');
  alterLoggerLevels(levels, [{ name: 'groups', operation: remove, value: null }], false);
  expect(levels.levelOf('groups')).toBe('ERROR');
});

test('registering again forgets nothing', () => {
  const levels = levelsOf('storage');
  levels.set('storage', 'TRACE');
  levels.register('storage');
  expect(levels.levelOf('storage')).toBe('TRACE');
});

test('all of a request or nothing, and nothing when it only asks', () => {
  const levels = levelsOf('storage');
  const good = { name: 'storage', operation: set, value: 'INFO' };
  expect(alterLoggerLevels(levels, [good, { name: 'nope', operation: set, value: 'INFO' }], false)).toEqual({
    errorCode: 40,
    errorMessage: 'Logger nope does not exist!',
  });
  expect(alterLoggerLevels(levels, [good], true)).toBeNull();
  expect(levels.levelOf('storage')).toBe('WARN');
});

test('loggers are described with the level in force', () => {
  expect(describeLoggers(levelsOf('storage', 'groups')).map(({ name, value }) => `${name}=${value}`)).toEqual(
    ['root=WARN', 'groups=WARN', 'storage=WARN'],
  );
});
