/** Who reads the same file stays together: who is ahead waits a little, nobody for somebody who is slow himself. */
import { expect, test } from 'vitest';
import { Convoy, waitMsMax } from '../../../broker/network/convoy.ts';
import type { Clock } from '../../../storage/environment/clock.ts';

const MiB = 1024 * 1024;

/** Turns of the loop end when the test says. */
function convoy() {
  let deferred: (() => void)[] = [];
  let nowMs = 0;
  const defer = (callback: () => void): void => void deferred.push(callback);
  const clock = { defer, monotonicMs: () => nowMs } as unknown as Clock;
  const endTurn = (tookMs = 1): number => {
    nowMs += tookMs;
    const callbacks = deferred;
    deferred = [];
    for (const callback of callbacks) callback();
    return callbacks.length;
  };
  const members = new Convoy(clock);
  const went: string[] = [];
  const readers = new Map<string, object>();
  const ask = (name: string, megabytes: number, contentId = 1): void => {
    if (!readers.has(name)) readers.set(name, {});
    const place = { contentId, position: megabytes * MiB };
    if (members.mayGo(readers.get(name)!, place, () => went.push(name))) went.push(name);
  };
  return { ask, endTurn, went };
}

test('one who reads alone never waits, wherever it goes, and no turn is watched for it', () => {
  const { ask, endTurn, went } = convoy();
  for (const at of [0, 1, 50, 0, 99]) ask('a', at);
  expect(went).toHaveLength(5);
  expect(endTurn()).toBe(0);
});

test('who is ahead waits while others behind are served, and goes on when they have come nearer', () => {
  const { ask, endTurn, went } = convoy();
  ask('behind', 0);
  ask('ahead', 5);
  for (const at of [1, 2, 3]) {
    endTurn();
    ask('behind', at);
  }
  expect(went).toEqual(['behind', 'behind', 'behind', 'behind']);
  ask('behind', 4);
  endTurn();
  expect(went.at(-1)).toBe('ahead');
});

test('who is ahead waits for nobody that is not served in two turns', () => {
  const { ask, endTurn, went } = convoy();
  ask('slow', 0);
  ask('ahead', 5);
  endTurn();
  expect(went).toEqual(['slow']);
  endTurn();
  expect(went).toEqual(['slow', 'ahead']);
});

test('nobody waits for longer than so many turns', () => {
  const { ask, endTurn, went } = convoy();
  ask('behind', 0);
  ask('ahead', 100);
  let turns = 0;
  while (!went.includes('ahead')) {
    endTurn();
    ask('behind', 0);
    turns += 1;
  }
  expect(turns).toBe(32);
});

test('nobody waits for long where each turn is long', () => {
  const { ask, endTurn, went } = convoy();
  ask('behind', 0);
  ask('ahead', 100);
  let waitedMs = 0;
  while (!went.includes('ahead')) {
    endTurn(100);
    ask('behind', 0);
    waitedMs += 100;
  }
  expect(waitedMs).toBeLessThan(waitMsMax + 100);
});

test('what is less than a MiB ahead, too far, or in another file does not wait', () => {
  const { ask, went } = convoy();
  ask('a', 0);
  ask('b', 1);
  ask('c', 200);
  ask('d', 5, 2);
  expect(went).toEqual(['a', 'b', 'c', 'd']);
});

test('when nobody asks any more, no turn is watched', () => {
  const { ask, endTurn, went } = convoy();
  ask('a', 0);
  ask('b', 9);
  let turns = 0;
  while (endTurn() > 0) turns += 1;
  expect(turns).toBeLessThan(6);
  expect(went).toEqual(['a', 'b']);
});
