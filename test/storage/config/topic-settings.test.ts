import { expect, test } from 'vitest';
import { closestNames } from '../../../storage/config/closest-names.ts';
import {
  defaultTopicSettings,
  resolveTopicSettings,
  type TopicSettings,
  validateTopicConfigs,
} from '../../../storage/config/topic-settings.ts';

const texts = (configs: Record<string, string>) => new Map(Object.entries(configs));
const messageOf = (configs: Record<string, string>, defaults?: TopicSettings) => {
  const checked = validateTopicConfigs(texts(configs), defaults);
  return checked.ok ? 'ok' : checked.message;
};

test('overrides lie on the defaults', () => {
  const checked = validateTopicConfigs(
    texts({ 'segment.bytes': ' 2097152 ', 'cleanup.policy': 'compact,delete' }),
  );
  expect(checked).toEqual({
    ok: true,
    settings: {
      ...defaultTopicSettings,
      'segment.bytes': 2_097_152,
      'cleanup.policy': ['compact', 'delete'],
    },
  });
});

test('segments below 1 MiB need the internal key', () => {
  expect(messageOf({ 'segment.bytes': '1048575' })).toMatch(/at least 1048576/);
  expect(messageOf({ 'internal.segment.bytes': '1000' })).toBe('ok');
});

test('unknown names, with the nearest one', () => {
  expect(messageOf({ 'retention.mss': '1' })).toBe(
    'Unknown topic config name: retention.mss (did you mean retention.ms?)',
  );
  expect(messageOf({ 'message.format.version': '3.0' })).toMatch(
    /^Unknown topic config name: message\.format\.version/,
  );
  expect(messageOf({ constructor: '1' })).toBe('Unknown topic config name: constructor');
});

test('the two lags of compaction must agree, whoever sets them', () => {
  expect(messageOf({ 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' })).toMatch(
    /\(10\) .* \(5\)/,
  );
  expect(messageOf({ 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '10' })).toBe('ok');
  expect(
    messageOf({ 'max.compaction.lag.ms': '5' }, { ...defaultTopicSettings, 'min.compaction.lag.ms': 10 }),
  ).toMatch(/must not be larger/);
});

test('remote storage cannot be switched on', () => {
  expect(messageOf({ 'remote.storage.enable': 'true' })).toMatch(/there is no remote storage/);
  expect(messageOf({ 'remote.storage.enable': 'false' })).toBe('ok');
});

test('what was accepted once resolves, what cannot be read any more falls back', () => {
  expect(
    resolveTopicSettings(texts({ 'retention.ms': '5', 'segment.bytes': '1', 'no.such.key': '1' })),
  ).toEqual({
    ...defaultTopicSettings,
    'retention.ms': 5,
  });
});

test('defaults cannot be changed by accident', () => {
  expect(Object.isFrozen(defaultTopicSettings)).toBe(true);
});

test('the nearest names are named, far ones not', () => {
  const table = { 'log.dir': 0, 'log.dirs': 0, 'num.partitions': 0 };
  expect(closestNames('log.dri', table)).toBe(' (did you mean log.dir or log.dirs?)');
  expect(closestNames('LOG.DIRS', table)).toBe(' (did you mean log.dirs?)');
  expect(closestNames('something.else', table)).toBe('');
});
