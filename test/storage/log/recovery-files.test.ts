import { describe, expect, it } from 'vitest';
import { settleLeftovers } from '../../../storage/log/recovery-files.ts';
import { fileName } from '../../../storage/log/segment-files.ts';
import type { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { faultyEnvironment } from '../../simulation/simulated-environment.ts';
import { batchOf, RecordedLogger } from './log-fixture.ts';

/** What a start makes of the files of an interrupted swap; which states there can be stands in segment-swap.ts. */

const directory = '/data/orders-3';

/** Files with a word in each, but for `.log` files: they hold a batch at each of the offsets. */
function world(files: Readonly<Record<string, string | readonly number[]>>): FaultyFileSystem {
  const { files: disk } = faultyEnvironment();
  disk.makeDirectorySync(directory);
  for (const [name, content] of Object.entries(files)) {
    const file = disk.openSync(`${directory}/${full(name)}`, 'create');
    const bytes = typeof content === 'string' ? [Buffer.from(content)] : batchesAt(content);
    file.writeSync(bytes, 0);
    file.close();
  }
  disk.syncDirectorySync(directory);
  return disk;
}

/** `10.log` for the name with all its digits. */
function full(name: string): string {
  const [, offset, suffix] = /^(\d+)(\..*)$/.exec(name)!;
  return fileName(Number(offset), suffix!);
}

function batchesAt(offsets: readonly number[]): Buffer[] {
  return offsets.map((baseOffset) => batchOf(['a'], { baseOffset }));
}

/** What is left, short names and contents of those that are words. */
function settled(disk: FaultyFileSystem): Record<string, string> {
  const names = settleLeftovers(disk, directory, disk.listSync(directory), new RecordedLogger());
  expect(disk.listSync(directory)).toEqual(names);
  return Object.fromEntries(
    names.map((name) => {
      const content = disk.readFileSync(`${directory}/${name}`);
      const short = name.replace(/^0*(\d)/, '$1');
      return [
        short,
        name.endsWith('.log') ? `${content.length / batchesAt([0])[0]!.length} batches` : String(content),
      ];
    }),
  );
}

const old = {
  '0.log': [0, 5],
  '0.index': 'old',
  '0.timeindex': 'old',
  '10.log': [10, 15],
  '10.index': 'old',
  '10.timeindex': 'old',
  '20.log': [20, 25],
  '20.index': 'old',
  '20.timeindex': 'old',
};
const swap = { '0.log.swap': [5], '0.index.swap': 'new', '0.timeindex.swap': 'new' };
const oldLeft = {
  '0.index': 'old',
  '0.log': '2 batches',
  '0.timeindex': 'old',
  '10.index': 'old',
  '10.log': '2 batches',
  '10.timeindex': 'old',
  '20.index': 'old',
  '20.log': '2 batches',
  '20.timeindex': 'old',
};

describe('an interrupted swap', () => {
  it('of which a file is still .cleaned has not happened', () => {
    const { '0.index.swap': index, ...rest } = swap;
    expect(settled(world({ ...old, ...rest, '0.index.cleaned': index }))).toEqual(oldLeft);
    expect(settled(world({ ...old, ...swap, '0.sources.cleaned': '20\n' }))).toEqual(oldLeft);
  });

  it('that was announced is completed, in the range of the new segment', () => {
    expect(settled(world({ ...old, ...swap }))).toEqual({
      ...oldLeft,
      '0.index': 'new',
      '0.log': '1 batches',
      '0.timeindex': 'new',
    });
  });

  it('is completed up to the source that is named, where the new segment ends before', () => {
    expect(settled(world({ ...old, ...swap, '0.sources.swap': '10\n' }))).toEqual({
      '0.index': 'new',
      '0.log': '1 batches',
      '0.timeindex': 'new',
      '20.index': 'old',
      '20.log': '2 batches',
      '20.timeindex': 'old',
    });
  });

  it('is completed as Apache Kafka would where nobody can read which source that is', () => {
    expect(settled(world({ ...old, ...swap, '0.sources.swap': '' }))['10.log']).toBe('2 batches');
  });

  it('leaves what lies between two of them', () => {
    const second = { '20.log.swap': [25], '20.index.swap': 'new', '20.timeindex.swap': 'new' };
    expect(settled(world({ ...old, ...swap, ...second }))).toEqual({
      ...oldLeft,
      '0.index': 'new',
      '0.log': '1 batches',
      '0.timeindex': 'new',
      '20.index': 'new',
      '20.log': '1 batches',
      '20.timeindex': 'new',
    });
  });

  it('whose .log has its name already gets new indexes where one may be that of the source', () => {
    const indexes = { '0.index.swap': 'new', '0.timeindex.swap': 'new', '0.txnindex.swap': 'new' };
    const left = settled(world({ '0.log': [5], '0.index': 'whose', '0.timeindex': 'whose', ...indexes }));
    expect(left).toEqual({ '0.log': '1 batches', '0.timeindex': 'whose' });
  });

  it('of an empty segment takes the transaction index of its source away', () => {
    const left = settled(
      world({ '0.log': [0], '0.index': 'old', '0.txnindex': 'old', '0.log.swap': [], '0.index.swap': '' }),
    );
    // Without an offset index the segment is looked at again.
    expect(left).toEqual({ '0.log': '0 batches' });
  });

  it('leaves nothing that only said how far it reached', () => {
    expect(settled(world({ '0.log': [5], '0.sources': '20\n', '7.sources.swap': '9\n' }))).toEqual({
      '0.log': '1 batches',
    });
  });
});
