import { describe, expect, it } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { appendNow, batchOf, directory, openLog } from './log-fixture.ts';

/** Which producers a start after a crash knows, where the log start lies above records that are still in the files. */

const settings = { 'internal.segment.bytes': 330, 'index.interval.bytes': 0 };

describe('with a transaction that was left open in the first segment, a start after a crash', () => {
  function withOpenTransaction() {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings });
    const transactional = { producerId: 2, producerEpoch: 0, baseSequence: 0, isTransactional: true };
    appendNow(log, batchOf(['open'], transactional));
    for (let n = 1; n < 9; n++) appendNow(log, batchOf([`${n}`.padEnd(30)]));
    expect(log.lastStableOffset).toBe(0);
    return { environment, secondBase: log.segments()[1]!.baseOffset };
  }

  it('knows it as long as the log starts in that segment', () => {
    const { environment, secondBase } = withOpenTransaction();
    const log = openLog(environment, { settings, logStartOffset: secondBase - 1 });
    expect([...log.producers()].map(({ producerId }) => producerId)).toEqual([2]);
  });

  it('does not when all records of the segment lie before the log start', () => {
    const { environment, secondBase } = withOpenTransaction();
    const log = openLog(environment, { settings, logStartOffset: secondBase });
    expect([...log.producers()]).toEqual([]);
    expect(log.lastStableOffset).toBe(9);
  });

  it('nor when those that do not are gone', () => {
    const { environment, secondBase } = withOpenTransaction();
    const file = environment.files.openSync(`${directory}/00000000000000000000.log`, 'update');
    const header = Buffer.alloc(batch.batchHeaderBytes);
    file.readSync(header, 0, header.length, 0);
    file.truncateSync(batch.batchSizeInBytes(header, 0));
    const log = openLog(environment, { settings, logStartOffset: secondBase - 1 });
    expect([...log.producers()]).toEqual([]);
  });
});
