/** Whoever looks up and writes without a pause leaves turns of the event loop to others. */
import { describe, expect, test } from 'vitest';
import { Turns } from '../../../broker/lookup/turns.ts';
import type { Clock } from '../../../storage/environment/clock.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { answered, bytes, openLookupWorld } from './lookup-world.ts';

/** Each look at it takes so long; turns come when the test says. */
class BusyClock implements Pick<Clock, 'monotonicMs' | 'defer'> {
  ms = 0;
  deferred: (() => void)[] = [];
  monotonicMs = (): number => this.ms;
  defer = (callback: () => void): void => void this.deferred.push(callback);
}

describe('a turn', () => {
  test('is due after some milliseconds of calls, for all who come then', async () => {
    const clock = new BusyClock();
    const turns = new Turns(clock as unknown as Clock);
    clock.ms = 1;
    for (let call = 0; call < 1_000; call++) expect(turns.due()).toBeNull();
    clock.ms = 10;
    let waiting: Promise<void> | null = null;
    for (let call = 0; waiting === null && call < 16; call++) waiting = turns.due();
    expect(waiting).not.toBeNull();
    expect(turns.due()).toBe(waiting);
    expect(clock.deferred).toHaveLength(1);
    clock.deferred[0]!();
    await waiting;
    for (let call = 0; call < 1_000; call++) expect(turns.due()).toBeNull();
  });

  test('is none for who calls now and then', () => {
    const clock = new BusyClock();
    const turns = new Turns(clock as unknown as Clock);
    let waits = 0;
    for (let call = 0; call < 160; call++) {
      clock.ms += 1_000;
      if (turns.due() !== null) waits++;
      clock.deferred.splice(0).forEach((callback) => void callback());
    }
    expect(waits).toBe(10);
  });
});

describe('without a pause', () => {
  /** Time goes on by itself, a millisecond with each look at it. */
  class RunningClock extends VirtualClock {
    #looks = 0;
    override monotonicMs(): number {
      return super.monotonicMs() + ++this.#looks;
    }
  }

  test.each(['writes', 'lookups', 'small batches of lookups', 'pages'])(
    '%s let timers run and tables follow',
    async (what) => {
      const world = await openLookupWorld({ clock: new RunningClock() });
      await world.table();
      await world.done(world.lookups.put('articles', bytes('shirt'), bytes('0')));
      let isOver = false;
      world.world.clock.defer(() => {
        isOver = true;
      });
      const busily = async (): Promise<void> => {
        // What goes on for ever would not even let the test end.
        for (let n = 0; n < 10_000 && !isOver; n++) {
          if (what === 'writes') await world.lookups.put('articles', bytes('shirt'), bytes('red'));
          else if (what === 'lookups') await world.lookups.get('articles', bytes('shirt'));
          else if (what === 'pages') await world.lookups.page('articles', { limit: 1 });
          else await world.lookups.getMany('articles', [bytes('shirt')]);
        }
      };
      await world.done(busily());
      expect(isOver).toBe(true);
      expect(answered(await world.done(world.lookups.get('articles', bytes('shirt'))))).toMatch(
        /^found \d+ shirt=/,
      );
    },
  );
});
