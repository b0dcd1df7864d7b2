import { expect, test } from 'vitest';
import { type DueLog, DueLogs } from '../../../broker/cleaning/due-logs.ts';
import type { Log } from '../../../storage/log/log.ts';

/** Logs that are due with these ratios; 0 is not. */
function world(ratios: Record<string, number>) {
  const looks = new Map<Log, number>();
  const ratioOf = new Map<string, number>(Object.entries(ratios));
  const logs = [...ratioOf.keys()].map((name) => ({ name }) as unknown as Log);
  const due = new DueLogs(
    () => logs,
    (log) => {
      looks.set(log, (looks.get(log) ?? 0) + 1);
      const dirtyRatio = ratioOf.get(log.name)!;
      return { log, cleanable: { isDue: dirtyRatio > 0, dirtyRatio } } as unknown as DueLog;
    },
  );
  const passOver = (): string | null => {
    const next = due.next();
    if (next !== null) ratioOf.set(next.log.name, 0);
    return next?.log.name ?? null;
  };
  return { due, ratioOf, passOver, lookCount: () => [...looks.values()].reduce((sum, n) => sum + n, 0) };
}

test('the dirtiest is next, and what is due no more when its turn has come is passed over', () => {
  const { ratioOf, passOver } = world({ half: 0.5, clean: 0, most: 0.9, some: 0.3 });
  expect(passOver()).toBe('most');
  ratioOf.set('half', 0);
  expect(passOver()).toBe('some');
  expect(passOver()).toBeNull();
});

test('what has become due meanwhile comes after those that were, or at once where the ranking is forgotten', () => {
  const { due, ratioOf, passOver } = world({ a: 0.5, b: 0.4, c: 0.3, late: 0 });
  expect(passOver()).toBe('a');
  ratioOf.set('late', 1);
  expect(passOver()).toBe('b');
  due.forget();
  expect(passOver()).toBe('late');
  expect(passOver()).toBe('c');
});

test('many logs that are due are looked at a few times each, not once for every pass', () => {
  const names = Array.from({ length: 100 }, (_, n) => [`log-${n}`, (n + 1) / 101] as const);
  const { passOver, lookCount } = world(Object.fromEntries(names));
  for (let left = 100; left > 0; left--) expect(passOver()).toBe(`log-${left - 1}`);
  expect(passOver()).toBeNull();
  expect(lookCount()).toBeLessThanOrEqual(3 * 100);
});
