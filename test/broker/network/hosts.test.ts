import { expect, it } from 'vitest';
import { hostAndPort, isLoopback, javaHost, plainHost } from '../../../broker/network/hosts.ts';

it('prints hosts as Java does, for group members', () => {
  expect(javaHost('127.0.0.1')).toBe('/127.0.0.1');
  expect(javaHost('::1')).toBe('/0:0:0:0:0:0:0:1');
  expect(javaHost('fe80::0a:1')).toBe('/fe80:0:0:0:0:0:a:1');
  expect(javaHost('2001:db8:0:1:2:3:4:5')).toBe('/2001:db8:0:1:2:3:4:5');
  expect(javaHost('::')).toBe('/0:0:0:0:0:0:0:0');
});

it('unwraps IPv4 that came over IPv6, and drops zones', () => {
  expect(plainHost('::ffff:10.1.2.3')).toBe('10.1.2.3');
  expect(plainHost('::1')).toBe('::1');
  expect(plainHost('fe80::1%eth0')).toBe('fe80::1');
});

it('puts IPv6 in brackets', () => {
  expect(hostAndPort('::1', 9092)).toBe('[::1]:9092');
  expect(hostAndPort('localhost', 9092)).toBe('localhost:9092');
});

it('knows loopback', () => {
  expect(['localhost', '127.0.0.1', '127.9.9.9', '::1', '0.0.0.0', '10.0.0.1'].map(isLoopback)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
});
