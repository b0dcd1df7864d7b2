import { describe, expect, it } from 'vitest';
import type { Environment } from '../../../storage/environment/environment.ts';
import { decodeSnapshot } from '../../../storage/log/producer-snapshot.ts';
import type { ProducerState } from '../../../storage/log/producer-state.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import {
  appendNow,
  batchOf,
  directory,
  type OpenOptions,
  openLog,
  RecordedLogger,
  readAll,
} from './log-fixture.ts';

const settings = { 'internal.segment.bytes': 330, 'index.interval.bytes': 0, 'file.delete.delay.ms': 0 };

/** Nine batches of two records in three segments, from one producer, one leader epoch per segment; not closed. */
function written(environment: Environment): void {
  const log = openLog(environment, { settings });
  for (let n = 0; n < 9; n++) {
    const values = [`${2 * n}`.padEnd(15), `${2 * n + 1}`.padEnd(15)];
    appendNow(
      log,
      batchOf(values, { producerId: 1, producerEpoch: 0, baseSequence: 2 * n }),
      Math.floor(n / 3),
    );
  }
  expect(log.segments().map(({ baseOffset }) => baseOffset)).toEqual([0, 6, 12]);
}

function open(environment: Environment, options: OpenOptions = {}) {
  return openLog(environment, { settings, ...options });
}

function faulty() {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  files.syncDirectorySync('/');
  return { clock, files, environment: { clock, files, random: new SeededRandom(1) } };
}

const path = (offset: number, suffix: string) => `${directory}/${String(offset).padStart(20, '0')}${suffix}`;

/** Changes a file behind the log's back. */
function edit(environment: Environment, name: string, change: (bytes: Buffer) => Buffer): void {
  const file = environment.files.openSync(name, 'create');
  const bytes = Buffer.alloc(file.size);
  file.readSync(bytes, 0, bytes.length, 0);
  const changed = change(bytes);
  file.truncateSync(0);
  file.writeSync([changed], 0);
  file.close();
}

function lastOffsetOf(log: ReturnType<typeof open>): number {
  return readAll(log).at(-1)?.[0] ?? -1;
}

describe('a start after a crash', () => {
  it('cuts the log at the first damaged batch and drops all later segments', () => {
    for (const [segment, damage, endOffset] of [
      [12, (bytes: Buffer) => bytes.subarray(0, bytes.length - 7), 16],
      [12, (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(500)]), 18],
      [
        12,
        (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('junk of any kind, long enough for a header')]),
        18,
      ],
      [12, (bytes: Buffer) => flipped(bytes, 70), 12],
      [6, (bytes: Buffer) => flipped(bytes, bytes.length - 3), 10],
      [0, (bytes: Buffer) => flipped(bytes, 9), 0],
    ] as const) {
      const environment = simulatedEnvironment();
      written(environment);
      edit(environment, path(segment, '.log'), damage);
      const log = open(environment);
      expect(log.endOffset).toBe(endOffset);
      expect(lastOffsetOf(log)).toBe(endOffset - 1);
      expect(log.segments().every(({ baseOffset }) => baseOffset <= segment)).toBe(true);
      expect(appendNow(log, batchOf(['next']), 7).baseOffset).toBe(endOffset);
      expect(readAll(open(environment))).toEqual(readAll(log));
    }
  });

  it('drops what stands behind the beginning of the next segment', () => {
    const environment = simulatedEnvironment();
    written(environment);
    const before = readAll(openLog(environment, { settings }));
    const stale = batchOf(['refused'], { baseOffset: 6 });
    edit(environment, path(0, '.log'), (bytes) => Buffer.concat([bytes, stale]));
    const log = open(environment);
    expect(readAll(log)).toEqual(before);
    expect(log.segments().map(({ baseOffset }) => baseOffset)).toEqual([0, 6, 12]);
  });

  it('finds the producers as of where the log was cut', () => {
    const environment = simulatedEnvironment();
    written(environment);
    edit(environment, path(12, '.log'), (bytes) => bytes.subarray(0, bytes.length - 7));
    const log = open(environment);
    expect([...log.producers()][0]).toMatchObject({ producerId: 1, lastSequence: 15, lastDataOffset: 15 });
    const next = batchOf(['next'], { producerId: 1, producerEpoch: 0, baseSequence: 16 });
    expect(appendNow(log, next, 7).baseOffset).toBe(16);
  });

  it('makes indexes, leader epochs and snapshots anew', async () => {
    const environment = simulatedEnvironment();
    written(environment);
    for (const name of environment.files.listSync(directory)) {
      if (!name.endsWith('.log')) environment.files.removeFileSync(`${directory}/${name}`);
    }
    const log = open(environment);
    expect(lastOffsetOf(log)).toBe(17);
    expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 6 });
    expect([...log.producers()][0]).toMatchObject({ lastSequence: 17 });
    expect(environment.files.statSync(path(0, '.index'))!.size).toBe(16);
    expect(environment.files.statSync(path(6, '.snapshot'))!.size).toBe(56);
    expect(await log.close()).toBe(true);
  });

  it('looks at nothing before the segment that holds the recovery point', () => {
    const { files, environment } = faulty();
    written(environment);
    const after = files.afterKill();
    const log = open({ ...environment, files: after }, { recoveryPoint: 13 });
    const read = after.operations.filter(
      ({ operation, path }) => operation === 'read' && path.endsWith('.log'),
    );
    expect(new Set(read.map(({ path }) => path.slice(-6)))).toEqual(new Set(['12.log']));
    expect(lastOffsetOf(log)).toBe(17);
  });

  it('syncs, under fsync, what only the page cache may have, before it shows it', () => {
    const { files, environment } = faulty();
    written(environment);
    const second = files.afterKill();
    const log = open({ ...environment, files: second }, { durability: { kind: 'fsync' } });
    expect(log.highWatermark).toBe(18);
    expect(log.recoveryPoint).toBe(18);
    const third = second.afterCrash(new SeededRandom(2));
    expect(lastOffsetOf(open({ ...environment, files: third }))).toBe(17);
  });

  it('begins anew at the log start where all records end before it', () => {
    const environment = simulatedEnvironment();
    written(environment);
    const log = open(environment, { logStartOffset: 40 });
    expect([log.logStartOffset, log.endOffset, log.latestEpoch(), [...log.producers()]]).toEqual([
      40,
      40,
      null,
      [],
    ]);
    expect(appendNow(log, batchOf(['next']), 7).baseOffset).toBe(40);
    expect(environment.files.listSync(directory)).toContain('00000000000000000040.log');
    expect(environment.files.listSync(directory)).not.toContain('00000000000000000000.log');
  });

  it('keeps the log start of the checkpoint', () => {
    const environment = simulatedEnvironment();
    written(environment);
    const log = open(environment, { logStartOffset: 7 });
    expect(log.logStartOffset).toBe(7);
    expect(readAll(log)[0]![0]).toBe(7);
    expect(log.earliest()).toEqual({ timestampMs: -1, offset: 7, leaderEpoch: 1 });
  });

  it('takes a damaged file of leader epochs for an empty one, with a warning', () => {
    const environment = simulatedEnvironment();
    written(environment);
    edit(environment, `${directory}/leader-epoch-checkpoint`, () => Buffer.from('0\n7\nrubbish\n'));
    const logger = new RecordedLogger();
    const log = open(environment, { logger });
    expect(log.endOffsetForEpoch(1)).toEqual({ epoch: 1, endOffset: 12 });
    expect(logger.count('warn')).toBe(1);
  });

  it('that is interrupted anywhere is as good as one that is not', () => {
    const { environment } = faulty();
    let { files } = environment;
    written(environment);
    edit(environment, path(6, '.log'), (bytes) => flipped(bytes, bytes.length - 3));
    for (let operations = 1; ; operations++) {
      files = files.afterKill();
      files.stopAfter(operations);
      try {
        open({ ...environment, files });
        break;
      } catch {
        // The next start goes on.
      }
    }
    const log = open({ ...environment, files: files.afterKill() });
    expect(readAll(log).map(([offset]) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('a start after a clean stop', () => {
  async function closed(environment: Environment) {
    written(environment);
    const log = open(environment);
    expect(await log.close()).toBe(true);
  }

  it('reads no batch but the last ones', async () => {
    const { clock, files, environment } = faulty();
    written(environment);
    const log = open(environment);
    expect(await clock.until(log.close())).toBe(true);
    const after = files.afterCrash(new SeededRandom(3));
    const again = open({ ...environment, files: after }, { cleanShutdown: true, recoveryPoint: 18 });
    const read = after.operations.filter(
      ({ operation, path }) => operation === 'read' && path.endsWith('.log'),
    );
    expect(read.map(({ path }) => path.slice(-6))).toEqual(['12.log']);
    expect([again.endOffset, again.recoveryPoint]).toEqual([18, 18]);
    expect([...again.producers()][0]).toMatchObject({ lastSequence: 17 });
  });

  it('and nothing to do, closes again without touching the disk', async () => {
    const { clock, files, environment } = faulty();
    written(environment);
    const log = open(environment);
    expect(await clock.until(log.close())).toBe(true);
    const after = files.afterCrash(new SeededRandom(3));
    const again = open({ ...environment, files: after }, { cleanShutdown: true, recoveryPoint: 18 });
    readAll(again);
    const before = after.operations.length;
    expect(await clock.until(again.close())).toBe(true);
    expect(after.operations.slice(before)).toEqual([]);
  });

  it('leaves no zeros behind the entries of the indexes', async () => {
    const environment = simulatedEnvironment();
    await closed(environment);
    for (const offset of [0, 6, 12]) {
      expect(environment.files.statSync(path(offset, '.index'))!.size).toBe(16);
      expect(environment.files.statSync(path(offset, '.timeindex'))!.size).toBe(12);
    }
  });

  it('recovers a segment whose index is missing, that one alone', async () => {
    const environment = simulatedEnvironment();
    await closed(environment);
    environment.files.removeFileSync(path(6, '.index'));
    const log = open(environment, { cleanShutdown: true });
    expect(environment.files.statSync(path(6, '.index'))!.size).toBe(16);
    expect(lastOffsetOf(log)).toBe(17);
  });

  it('knows all producers though only single segments were recovered', async () => {
    const environment = simulatedEnvironment();
    await closed(environment);
    for (const offset of [0, 12]) environment.files.removeFileSync(path(offset, '.timeindex'));
    for (const offset of [6, 12, 18]) environment.files.removeFileSync(path(offset, '.snapshot'));
    const log = open(environment, { cleanShutdown: true });
    expect([...log.producers()][0]).toMatchObject({ lastSequence: 17 });
    const snapshot = environment.files.readFileSync(path(12, '.snapshot'));
    expect((decodeSnapshot(snapshot) as ProducerState[])[0]).toMatchObject({ lastSequence: 11 });
  });

  it('makes an index anew that has the wrong length, when it is needed', async () => {
    const environment = simulatedEnvironment();
    await closed(environment);
    edit(environment, path(6, '.index'), () => Buffer.alloc(13, 1));
    const log = open(environment, { cleanShutdown: true });
    expect(readAll(log).map(([offset]) => offset)).toEqual(Array.from({ length: 18 }, (_, n) => n));
    expect(environment.files.statSync(path(6, '.index'))!.size).toBe(16);
  });

  it('finds the producers though no snapshot is there', async () => {
    const environment = simulatedEnvironment();
    await closed(environment);
    for (const name of environment.files.listSync(directory)) {
      if (name.endsWith('.snapshot')) environment.files.removeFileSync(`${directory}/${name}`);
    }
    expect([...open(environment, { cleanShutdown: true }).producers()][0]).toMatchObject({
      lastSequence: 17,
    });
  });

  it('drops snapshots that no segment needs', async () => {
    const environment = simulatedEnvironment();
    await closed(environment);
    for (const offset of [3, 8, 99]) {
      edit(environment, path(offset, '.snapshot'), () =>
        Buffer.from('00014867 4bc7 00000000'.replaceAll(' ', ''), 'hex'),
      );
    }
    open(environment, { cleanShutdown: true });
    const left = environment.files.listSync(directory).filter((name) => name.endsWith('.snapshot'));
    expect(left.map((name) => Number(name.slice(0, 20)))).toEqual([6, 12, 18]);
  });
});

describe('leftovers of an interrupted change', () => {
  function names(environment: Environment): string[] {
    return environment.files
      .listSync(directory)
      .filter((name) => /^\d/.test(name) && !name.endsWith('.snapshot'));
  }

  function copy(environment: Environment, from: string, to: string): void {
    const bytes = environment.files.readFileSync(from);
    edit(environment, to, () => bytes);
  }

  it('.deleted files go, but not those of the metadata log’s snapshots', () => {
    const environment = simulatedEnvironment();
    written(environment);
    edit(environment, path(0, '.log.deleted'), () => Buffer.from('old'));
    edit(environment, `${directory}/00000000000000000003-0000000001.checkpoint.deleted`, () =>
      Buffer.from('old'),
    );
    open(environment);
    expect(names(environment).filter((name) => name.endsWith('.deleted'))).toEqual([
      '00000000000000000003-0000000001.checkpoint.deleted',
    ]);
  });

  it('.cleaned files go, and every .swap at or above the lowest of them', () => {
    const environment = simulatedEnvironment();
    written(environment);
    copy(environment, path(0, '.log'), path(0, '.log.swap'));
    copy(environment, path(6, '.log'), path(6, '.log.swap'));
    edit(environment, path(6, '.log.cleaned'), () => Buffer.from('half'));
    const log = open(environment);
    expect(names(environment).some((name) => /cleaned|swap/.test(name))).toBe(false);
    expect(readAll(log)).toHaveLength(18);
  });

  it('a complete .swap takes the place of all files in its range, whichever had been renamed', () => {
    for (const renamed of [[], ['.log'], ['.log', '.index', '.timeindex']]) {
      const environment = simulatedEnvironment();
      written(environment);
      // Segments 0 and 6 became one, without the first two batches.
      const both = Buffer.concat(
        [0, 6].map((offset) => environment.files.readFileSync(path(offset, '.log'))),
      );
      const third = environment.files.readFileSync(path(0, '.log')).length / 3;
      edit(environment, path(0, '.log.swap'), () => both.subarray(2 * third));
      for (const suffix of renamed)
        environment.files.renameSync(path(6, suffix), `${path(6, suffix)}.deleted`);
      const log = open(environment);
      expect(log.segments().map(({ baseOffset }) => baseOffset)).toEqual([0, 12]);
      expect(readAll(log).map(([offset]) => offset)).toEqual([
        4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
      ]);
      expect(log.logStartOffset).toBe(0);
      expect(names(environment).some((name) => /deleted|swap/.test(name))).toBe(false);
    }
  });

  it('an index without its segment goes', () => {
    const environment = simulatedEnvironment();
    written(environment);
    edit(environment, path(3, '.index'), () => Buffer.alloc(8));
    edit(environment, path(3, '.txnindex'), () => Buffer.alloc(34));
    open(environment);
    expect(names(environment).some((name) => name.includes('3.'))).toBe(false);
  });

  it('other people’s files stay', () => {
    const environment = simulatedEnvironment();
    written(environment);
    edit(environment, `${directory}/notes.txt`, () => Buffer.from('mine'));
    open(environment);
    expect(environment.files.readFileSync(`${directory}/notes.txt`).toString()).toBe('mine');
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at]! ^= 0x40;
  return bytes;
}
