import { expect, test } from 'vitest';
import { Room } from '../../../storage/log/room.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

const full = new Error('write /data/orders-0/0.log: ENOSPC');
const begins =
  'no room: appends are refused until there is {"log":"orders-0","error":"write /data/orders-0/0.log: ENOSPC"}';
const ends = (log: string): string => `there is room again: appends are accepted {"log":"${log}"}`;

function room(): { clock: VirtualClock; lines: string[]; room: Room } {
  const lines: string[] = [];
  const say = (message: string, fields?: object): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const clock = new VirtualClock();
  return { clock, lines, room: new Room(clock, { info: say, warn: say, error: say }) };
}

test('of many logs one line says that there is none, and one that there is again', () => {
  const { room: disk, lines } = room();
  for (let partition = 0; partition < 100; partition++) disk.missing(5000, `orders-${partition}`, full);
  expect(lines).toEqual([begins]);
  disk.found(4999, 'orders-7');
  expect(lines).toEqual([begins]);
  disk.found(5000, 'orders-8');
  disk.found(5000, 'orders-9');
  expect(lines).toEqual([begins, ends('orders-8')]);
});

test('it is over when what the smallest that was refused needs is there', () => {
  const { room: disk, lines } = room();
  disk.missing(5000, 'orders-0', full);
  disk.missing(70, 'orders-1', full);
  disk.found(70, 'orders-2');
  expect(lines).toEqual([begins, ends('orders-2')]);
});

test('where small and large appends take turns, it is said once a minute', async () => {
  const { room: disk, lines, clock } = room();
  for (let second = 0; second < 90; second++) {
    disk.missing(5000, 'orders-0', full);
    disk.found(5000, 'orders-0');
    await clock.advance(1000);
  }
  expect(lines).toEqual([begins, ends('orders-0'), begins, ends('orders-0')]);
});
