import { expect, it } from 'vitest';
import { buildEndTransactionMarker } from '../../../protocol/records/control.ts';
import { FileError } from '../../../storage/environment/files.ts';
import type { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { faultyEnvironment } from '../../simulation/simulated-environment.ts';
import { appendNow, batchOf, directory, openLog, readAll } from './log-fixture.ts';

/**
 * A segment that lacks an index is recovered though all else is skipped. If that is interrupted, or its work lost with the power, the
 * next start must see the same reason, for nothing else would bring the aborted transactions back.
 */
it('a recovery for want of an index is repeated until it is done', async () => {
  for (let seed = 1, ended = false; !ended; seed++) {
    const environment = faultyEnvironment();
    const { clock } = environment;
    const settings = { 'internal.segment.bytes': 330, 'index.interval.bytes': 0 };
    const log = openLog(environment, { settings });
    const identity = { producerId: 1, producerEpoch: 0 };
    appendNow(log, batchOf(['aborted'], { ...identity, baseSequence: 0, isTransactional: true }));
    const marker = { ...identity, committed: false, coordinatorEpoch: 0, timestampMs: 1_700_000_000_001 };
    log.append(buildEndTransactionMarker(marker), { origin: 'coordinator', leaderEpoch: 0 });
    for (let n = 0; n < 6; n++) appendNow(log, batchOf([`${n}`.padEnd(30)]));
    await clock.until(log.close());
    let files = environment.files;
    files.removeFileSync(`${directory}/00000000000000000000.index`);
    files.durability.settleAll(files.memory);
    const before = ['.timeindex', '.txnindex'].map((suffix) => bytesOf(files, suffix));

    const random = new SeededRandom(seed);
    const restart = (last: FaultyFileSystem) => (seed % 2 === 0 ? last.afterKill() : last.afterCrash(random));
    files = restart(files);
    files.stopAfter(Math.floor(seed / 6));
    try {
      const reopened = openLog({ clock, files, random }, { settings, cleanShutdown: true });
      await clock.until(reopened.flush());
      ended = !files.isStopped;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
    files = restart(files);
    const again = openLog({ clock, files, random }, { settings, cleanShutdown: true });
    expect(readAll(again, 0, 'stable').map(([offset]) => offset)).toEqual([0, 2, 3, 4, 5, 6, 7]);
    expect(again.abortedTransactions(0, 8)).toMatchObject([{ firstOffset: 0, lastOffset: 1 }]);
    expect(['.timeindex', '.txnindex'].map((suffix) => bytesOf(files, suffix))).toEqual(before);
  }
});

function bytesOf(files: FaultyFileSystem, suffix: string): Buffer {
  return files.readFileSync(`${directory}/00000000000000000000${suffix}`);
}
