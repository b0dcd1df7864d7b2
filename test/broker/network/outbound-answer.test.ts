import { expect, it } from 'vitest';
import { outbound } from '../../../broker/network/outbound-answer.ts';
import { SharedChunks } from '../../../broker/network/shared-chunks.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

it('regions of an answer that are in memory already are sent from there, and let go of at once', () => {
  let released = 0;
  const bytes = Buffer.from('23456');
  const region = { byteLength: 5, bytes, release: () => (released += 1) };
  const shared = new SharedChunks(0, new VirtualClock());
  expect(outbound([Buffer.from('head'), region], shared)).toEqual([Buffer.from('head'), bytes]);
  expect(released).toBe(1);
});
