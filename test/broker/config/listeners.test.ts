import { describe, expect, test } from 'vitest';
import { replaceAddress } from '../../../broker/config/listeners.ts';
import { readConfiguration } from '../../../broker/config/settings.ts';

function listenersOf(set: Record<string, string>) {
  const read = readConfiguration({ set: new Map(Object.entries(set)) });
  if (!read.ok) throw new Error(read.messages.join('\n'));
  const { open, controller, advertised } = read.configuration.listeners;
  return { open, controller, advertised: Object.fromEntries(advertised) };
}
const listeners = (text: string, more: Record<string, string> = {}) =>
  listenersOf({ listeners: text, ...more });

test('without any key: this machine on 9092, and clients are told how they came', () => {
  expect(listenersOf({})).toEqual({
    open: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092 }],
    controller: [],
    advertised: {},
  });
});

test('no host is every interface, and tells clients how they came', () => {
  expect(listeners('PLAINTEXT://:9092')).toMatchObject({
    open: [{ name: 'PLAINTEXT', host: null, port: 9092 }],
    advertised: {},
  });
  expect(listeners('PLAINTEXT://0.0.0.0:9092').advertised).toEqual({});
  expect(listeners('PLAINTEXT://[::]:9092').advertised).toEqual({});
});

test('a host in listeners is told to clients', () => {
  expect(listeners('PLAINTEXT://broker.example:0').advertised).toEqual({
    PLAINTEXT: { host: 'broker.example', port: 0 },
  });
});

test('IPv6 hosts stand in brackets', () => {
  expect(listeners('PLAINTEXT://[::1]:9092').open).toEqual([{ name: 'PLAINTEXT', host: '::1', port: 9092 }]);
});

test('names are upper case, several listeners may be named freely', () => {
  const map = { 'listener.security.protocol.map': 'inside:plaintext, OUTSIDE:PLAINTEXT' };
  expect(listeners('inside://:19092,outside://localhost:29092', map).open).toEqual([
    { name: 'INSIDE', host: null, port: 19092 },
    { name: 'OUTSIDE', host: 'localhost', port: 29092 },
  ]);
});

test('a controller listener is read, but not opened nor advertised', () => {
  const both = { 'advertised.listeners': 'PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093' };
  expect(listeners('PLAINTEXT://:9092,CONTROLLER://:9093', both)).toEqual({
    open: [{ name: 'PLAINTEXT', host: null, port: 9092 }],
    controller: [{ name: 'CONTROLLER', host: null, port: 9093 }],
    advertised: { PLAINTEXT: { host: 'localhost', port: 9092 } },
  });
});

test('advertised.listeners may name fewer listeners, and other ports', () => {
  const map = 'A:PLAINTEXT,B:PLAINTEXT';
  expect(
    listeners('A://:1,B://:2', {
      'listener.security.protocol.map': map,
      'advertised.listeners': 'B://outside:92',
    }).advertised,
  ).toEqual({ B: { host: 'outside', port: 92 } });
});

test('two listeners may share a port, one with IPv4, the other with IPv6', () => {
  const map = { 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT' };
  expect(listeners('A://127.0.0.1:9092,B://[::1]:9092', map).open).toHaveLength(2);
  expect(listeners('A://:0,B://:0', map).open).toHaveLength(2);
});

describe('refused', () => {
  const ab = { 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT,S:SASL_SSL' };
  test.each<[string, Record<string, string>, RegExp]>([
    ['no form', { listeners: 'localhost:9092' }, /localhost:9092 is not NAME:\/\/host:port/],
    ['no port', { listeners: 'PLAINTEXT://localhost' }, /is not NAME/],
    ['a port that is none', { listeners: 'PLAINTEXT://localhost:70000' }, /no valid port/],
    ['an unknown name', { listeners: 'INSIDE://:1' }, /INSIDE has no security protocol/],
    ['a name twice', { listeners: 'PLAINTEXT://:1,PLAINTEXT://:2' }, /PLAINTEXT stands there twice/],
    ['a shared port', { ...ab, listeners: 'A://:1,B://:1' }, /a port of its own/],
    [
      'a shared port of one family',
      { ...ab, listeners: 'A://127.0.0.1:1,B://127.0.0.2:1' },
      /a port of its own/,
    ],
    ['TLS', { listeners: 'SSL://:9093' }, /SSL, which is not served yet/],
    ['SASL', { ...ab, listeners: 'S://:9093' }, /listener S uses SASL_SSL, which is not served yet/],
    ['an unknown protocol', { 'listener.security.protocol.map': 'A:TLS' }, /TLS is not a security protocol/],
    ['a map without protocols', { 'listener.security.protocol.map': 'A' }, /A is not NAME:PROTOCOL/],
    ['only controllers', { listeners: 'CONTROLLER://:9093' }, /at least one listener for clients/],
    ['0.0.0.0 for clients', { 'advertised.listeners': 'PLAINTEXT://0.0.0.0:9092' }, /cannot use 0\.0\.0\.0/],
    [
      'advertised but not open',
      { ...ab, listeners: 'B://:1', 'advertised.listeners': 'A://h:1' },
      /A is not one of listeners \(B\)/,
    ],
    [
      'only controllers advertised',
      { 'advertised.listeners': 'CONTROLLER://h:1' },
      /at least one listener for clients/,
    ],
    [
      'a controller listener that is not there',
      { listeners: 'PLAINTEXT://:9092', 'controller.listener.names': 'CONTROLLER' },
      /CONTROLLER is not among them/,
    ],
    [
      'a controller listener on a broker alone',
      {
        listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093',
        'controller.listener.names': 'CONTROLLER',
        'process.roles': 'broker',
      },
      /process\.roles is broker alone/,
    ],
    [
      'an unknown inter-broker listener',
      { 'inter.broker.listener.name': 'INSIDE' },
      /must be one of PLAINTEXT, not INSIDE/,
    ],
  ])('%s', (_name, set, message) => {
    expect(() => listenersOf(set)).toThrow(message);
  });
});

test('another host or port goes to the one listener for clients', () => {
  const texts = ['PLAINTEXT://:9092', 'CONTROLLER://:9093'];
  expect(replaceAddress(texts, ['CONTROLLER'], { port: 19092 })).toEqual([
    'PLAINTEXT://:19092',
    'CONTROLLER://:9093',
  ]);
  expect(replaceAddress(texts, ['CONTROLLER'], { host: '::1' })).toEqual([
    'PLAINTEXT://[::1]:9092',
    'CONTROLLER://:9093',
  ]);
  expect(replaceAddress(texts, [], { port: 1 })).toBeUndefined();
});
