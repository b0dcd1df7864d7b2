import { describe, expect, it } from 'vitest';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { appendNow, batchOf, directory, openLog, readAll } from './log-fixture.ts';

describe('a log', () => {
  it('gives back what was appended, in order', () => {
    const log = openLog(simulatedEnvironment());
    expect(appendNow(log, batchOf(['a', 'b']))).toMatchObject({ baseOffset: 0, lastOffset: 1 });
    expect(appendNow(log, batchOf(['c']))).toMatchObject({ baseOffset: 2, lastOffset: 2 });
    expect(readAll(log)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ]);
    expect(log.endOffset).toBe(3);
    expect(log.highWatermark).toBe(3);
  });

  it('puts nothing on the disk before its first append', () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment);
    expect(environment.files.statSync(directory)).toBeNull();
    appendNow(log, batchOf(['a']));
    expect(environment.files.listSync(directory)).toEqual([
      '00000000000000000000.index',
      '00000000000000000000.log',
      '00000000000000000000.timeindex',
      'leader-epoch-checkpoint',
      'partition.metadata',
    ]);
  });

  it('is there again after a clean close', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { 'internal.segment.bytes': 300 } });
    for (let n = 0; n < 20; n++) appendNow(log, batchOf([`value ${n}`]));
    const before = readAll(log);
    expect(await log.close()).toBe(true);
    const again = openLog(environment, { cleanShutdown: true });
    expect(readAll(again)).toEqual(before);
    appendNow(again, batchOf(['more']));
    expect(readAll(again)).toHaveLength(21);
  });

  it('is there again after a crash', () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { 'internal.segment.bytes': 300 } });
    for (let n = 0; n < 20; n++) appendNow(log, batchOf([`value ${n}`]));
    const before = readAll(log);
    expect(readAll(openLog(environment))).toEqual(before);
  });
});
