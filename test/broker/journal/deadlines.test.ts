import { describe, expect, test } from 'vitest';
import { Deadlines } from '../../../broker/journal/deadlines.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

describe('deadlines', () => {
  test('fire once, in order of their moment, then in the order in which they were set', async () => {
    const clock = new VirtualClock();
    const deadlines = new Deadlines(clock);
    const fired: string[] = [];
    for (const [key, delayMs] of [
      ['late', 30],
      ['first', 10],
      ['second', 10],
      ['zero', 0],
    ] as const)
      deadlines.set(key, delayMs, () => fired.push(key));
    await clock.advance(29);
    expect(fired).toEqual(['zero', 'first', 'second']);
    await clock.advance(100);
    expect(fired).toEqual(['zero', 'first', 'second', 'late']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a key set again forgets its old moment and action, earlier or later', async () => {
    const clock = new VirtualClock();
    const deadlines = new Deadlines(clock);
    const fired: string[] = [];
    deadlines.set('a', 10, () => fired.push('old'));
    deadlines.set('a', 50, () => fired.push('a'));
    deadlines.set('b', 50, () => fired.push('old'));
    deadlines.set('b', 10, () => fired.push('b'));
    await clock.advance(20);
    expect(fired).toEqual(['b']);
    expect(deadlines.remainingMs('a')).toBe(30);
    await clock.advance(30);
    expect(fired).toEqual(['b', 'a']);
    expect(deadlines.remainingMs('a')).toBeUndefined();
  });

  test('the wall clock may jump', async () => {
    const clock = new VirtualClock();
    const deadlines = new Deadlines(clock);
    let fired = 0;
    deadlines.set('session', 1_000, () => fired++);
    clock.setWallMs(0);
    await clock.advance(999);
    clock.setWallMs(clock.nowMs() + 3_600_000);
    expect(fired).toBe(0);
    await clock.advance(1);
    expect(fired).toBe(1);
  });

  test('one timer serves all, and none is left when all are cancelled or cleared', async () => {
    const clock = new VirtualClock();
    const deadlines = new Deadlines(clock);
    for (let key = 0; key < 1_000; key++) deadlines.set(`${key}`, 1_000 - key, () => undefined);
    expect(clock.pendingTimers).toBe(1);
    expect(deadlines.size).toBe(1_000);
    deadlines.clear();
    expect(clock.pendingTimers).toBe(0);
    deadlines.set('again', 5, () => undefined);
    expect(deadlines.cancel('again')).toBe(true);
    expect(deadlines.cancel('again')).toBe(false);
    await clock.advance(10);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a deadline that throws does not silence the others', async () => {
    const clock = new VirtualClock();
    const deadlines = new Deadlines(clock);
    let fired = 0;
    deadlines.set('bad', 1, () => {
      throw new Error('boom');
    });
    deadlines.set('good', 1, () => fired++);
    await expect(clock.advance(1)).rejects.toThrow('boom');
    await clock.advance(1);
    expect(fired).toBe(1);
  });

  test('random sets, moves and cancels agree with a sorted list', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = new SeededRandom(seed);
      const clock = new VirtualClock();
      const deadlines = new Deadlines<number>(clock);
      const model = new Map<number, { dueMs: number; order: number }>();
      const fired: number[] = [];
      const expected: number[] = [];
      for (let step = 0; step < 200; step++) {
        const key = random.below(20);
        if (random.chance(0.7)) {
          const delayMs = random.below(40);
          deadlines.set(key, delayMs, () => fired.push(key));
          model.set(key, { dueMs: clock.monotonicMs() + delayMs, order: step });
        } else if (random.chance(0.5)) {
          expect(deadlines.cancel(key)).toBe(model.delete(key));
        } else {
          await clock.advance(random.below(25));
          const due = [...model].filter(([, at]) => at.dueMs <= clock.monotonicMs());
          due.sort(([, a], [, b]) => a.dueMs - b.dueMs || a.order - b.order);
          for (const [dueKey] of due) {
            expected.push(dueKey);
            model.delete(dueKey);
          }
        }
        expect(deadlines.size, `seed ${seed}`).toBe(model.size);
      }
      expect(fired, `seed ${seed}`).toEqual(expected);
    }
  });
});
