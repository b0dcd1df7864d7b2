import { describe, expect, test } from 'vitest';
import { codeOf } from '../suites/file-system.ts';
import type { FaultyFileSystemOptions } from './faulty-files.ts';
import { FaultyFileSystem } from './faulty-files.ts';
import { SeededRandom } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

function setUp(options: Partial<FaultyFileSystemOptions> = {}): {
  files: FaultyFileSystem;
  clock: VirtualClock;
} {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock, ...options });
  files.makeDirectorySync('/data');
  files.syncDirectorySync('/');
  return { files, clock };
}

function put(files: FaultyFileSystem, path: string, text: string): void {
  const file = files.openSync(path, 'create');
  file.writeSync([Buffer.from(text)], file.size);
  file.close();
}

/** What 300 crashes of the same history leave; the history is made anew for each. */
function crashes<Seen>(
  history: (files: FaultyFileSystem) => void,
  look: (files: FaultyFileSystem) => Seen,
): Set<Seen> {
  const seen = new Set<Seen>();
  for (let seed = 0; seed < 300; seed++) {
    const { files } = setUp();
    history(files);
    seen.add(look(files.afterCrash(new SeededRandom(seed))));
  }
  return seen;
}

describe('a crash', () => {
  test('keeps synced bytes under a synced name, and any part of the rest', () => {
    const lengths = new Set<number>();
    const kinds = crashes(
      (files) => {
        const file = files.openSync('/data/log', 'create-new');
        file.writeSync([Buffer.alloc(1000, 's')], 0);
        file.syncSync();
        files.syncDirectorySync('/data');
        file.writeSync([Buffer.alloc(3000, 'u')], 1000);
      },
      (after) => {
        const bytes = after.readFileSync('/data/log');
        expect(bytes.subarray(0, 1000).equals(Buffer.alloc(1000, 's'))).toBe(true);
        lengths.add(bytes.length);
        const rest = bytes.subarray(1000).toString('latin1');
        expect(rest).toMatch(/^[u\0]*$/);
        // Torn at sector boundaries: the first ends at 1024.
        if (bytes.length > 1024) expect(new Set(rest.slice(24, 24 + 512)).size).toBeLessThanOrEqual(1);
        return rest === '' ? 'nothing' : rest === 'u'.repeat(3000) ? 'all' : 'torn';
      },
    );
    expect(kinds).toEqual(new Set(['nothing', 'all', 'torn']));
    expect(lengths.size).toBeGreaterThan(4);
  });

  test('may take a name whose directory was not synced, never one that was', () => {
    const seen = crashes(
      (files) => {
        put(files, '/data/synced', 'x');
        files.syncDirectorySync('/data');
        put(files, '/data/not', 'y');
      },
      (after) => after.listSync('/data').join(' '),
    );
    expect(seen).toEqual(new Set(['synced', 'not synced']));
  });

  test('leaves the old or the new file under a name that was replaced', () => {
    const replaced = (files: FaultyFileSystem): void => {
      files.replaceFileSync('/data/checkpoint', Buffer.from('old'));
      const file = files.openSync('/data/checkpoint.tmp', 'create-new');
      file.writeSync([Buffer.from('new')], 0);
      file.syncSync();
      file.renameTo('/data/checkpoint');
    };
    const seen = crashes(replaced, (after) => after.readFileSync('/data/checkpoint').toString());
    expect(seen).toEqual(new Set(['old', 'new']));
  });

  test('shows what a missing sync before the rename costs', () => {
    const seen = crashes(
      (files) => {
        files.replaceFileSync('/data/checkpoint', Buffer.from('old'));
        const file = files.openSync('/data/checkpoint.tmp', 'create-new');
        file.writeSync([Buffer.from('new')], 0);
        file.renameTo('/data/checkpoint');
        files.syncDirectorySync('/data');
      },
      (after) => after.readFileSync('/data/checkpoint').toString(),
    );
    expect(seen).toContain('');
    expect(seen).not.toContain('old');
  });

  test('undoes a removal or a truncation that was not synced, sometimes', () => {
    const seen = crashes(
      (files) => {
        put(files, '/data/gone', 'x');
        const file = files.openSync('/data/cut', 'create-new');
        file.writeSync([Buffer.from('abcdef')], 0);
        file.syncSync();
        files.syncDirectorySync('/data');
        files.removeFileSync('/data/gone');
        file.truncateSync(3);
      },
      (after) => `${after.listSync('/data').join(' ')}: ${after.readFileSync('/data/cut')}`,
    );
    expect(seen).toEqual(new Set(['cut: abc', 'cut: abcdef', 'cut gone: abc', 'cut gone: abcdef']));
  });

  test('covers what was written before a sync began, not what came while it ran', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const { files, clock } = setUp();
      files.delay('sync', 10);
      const file = files.openSync('/data/log', 'create-new');
      files.syncDirectorySync('/data');
      file.writeSync([Buffer.from('before')], 0);
      const synced = file.sync();
      file.writeSync([Buffer.from('after')], 6);
      await clock.until(synced);
      expect(files.afterCrash(new SeededRandom(seed)).readFileSync('/data/log').toString()).toMatch(
        /^before/,
      );
    }
  });

  test('is the same for the same seed', () => {
    const run = (): string => {
      const { files } = setUp();
      for (let index = 0; index < 20; index++) put(files, `/data/${index}`, 'x'.repeat(index * 100));
      const after = files.afterCrash(new SeededRandom(42));
      return after
        .listSync('/data')
        .map((name) => `${name}:${after.statSync(`/data/${name}`)?.size}`)
        .join(' ');
    };
    expect(run()).toBe(run());
  });

  test('can come after any number of operations', () => {
    const { files } = setUp();
    files.stopAfter(3);
    put(files, '/data/a', 'x');
    files.openSync('/data/b', 'create');
    expect(files.isStopped).toBe(false);
    expect(codeOf(() => put(files, '/data/c', 'x'))).toBe('ECLOSED');
    expect(codeOf(() => files.listSync('/data'))).toBe('ECLOSED');
    expect(files.isStopped).toBe(true);
    expect(files.afterKill().listSync('/data')).toEqual(['a', 'b']);
  });
});

describe('a kill', () => {
  test('keeps everything written, and lets go of locks; a crash after it may still lose what was not synced', () => {
    const { files } = setUp();
    put(files, '/data/log', 'not synced');
    expect(files.tryLock('/data/.lock')).not.toBeNull();
    const next = files.afterKill();
    expect(next.readFileSync('/data/log').toString()).toBe('not synced');
    expect(next.tryLock('/data/.lock')).not.toBeNull();
    expect(codeOf(() => files.readFileSync('/data/log'))).toBe('ECLOSED');
    const names = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const memory = next.afterCrash(new SeededRandom(seed));
      names.add(memory.listSync('/data').length);
    }
    expect(names.size).toBeGreaterThan(1);
  });

  test('what was under way never ends', async () => {
    const { files, clock } = setUp();
    files.delay('sync', 10);
    const file = files.openSync('/data/log', 'create');
    let ended = false;
    const note = (): void => {
      ended = true;
    };
    file.sync().then(note, note);
    files.afterKill();
    await clock.advance(1000);
    expect(ended).toBe(false);
  });
});

describe('faults', () => {
  test('strike the operation, files and times they are meant for', async () => {
    const { files } = setUp();
    const rule = files.fail('sync').on('*.index').after(1).times(2);
    const log = files.openSync('/data/0.log', 'create');
    const index = files.openSync('/data/0.index', 'create');
    for (let round = 0; round < 4; round++) await log.sync();
    index.syncSync();
    await expect(index.sync()).rejects.toMatchObject({ code: 'EIO' });
    expect(codeOf(() => index.syncSync())).toBe('EIO');
    index.syncSync();
    expect(rule.hits).toBe(2);
    files.fail('open').on('/data/*/log').with('EMFILE');
    files.makeDirectorySync('/data/a/b');
    expect(codeOf(() => files.openSync('/data/a/log', 'create'))).toBe('EMFILE');
    files.openSync('/data/a/b/log', 'create');
  });

  test('let part of a write arrive', async () => {
    const { files } = setUp();
    const file = files.openSync('/data/log', 'create');
    const rule = files.fail('write').short(2).times(2);
    expect(codeOf(() => file.writeSync([Buffer.from('ab'), Buffer.from('cd')], 0))).toBe('EIO');
    expect(file.size).toBe(2);
    await expect(file.write([Buffer.from('xyz')], 2)).rejects.toMatchObject({ code: 'EIO' });
    expect(files.readFileSync('/data/log').toString()).toBe('abxy');
    await file.write([Buffer.from('z')], 4);
    expect(rule.hits).toBe(2);
  });

  test('a failed sync covers nothing', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const { files } = setUp();
      const file = files.openSync('/data/log', 'create');
      files.syncDirectorySync('/data');
      file.writeSync([Buffer.from('x')], 0);
      files.fail('sync').times(1);
      await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
      const { size } = files.afterCrash(new SeededRandom(seed)).statSync('/data/log')!;
      if (size === 0) return;
    }
    throw new Error('no crash lost what was not synced');
  });

  test('a full disk takes what fits; a removal makes room', () => {
    const { files } = setUp();
    files.limitSpace(10);
    const file = files.openSync('/data/log', 'create');
    file.writeSync([Buffer.alloc(6)], 0);
    expect(codeOf(() => file.writeSync([Buffer.alloc(6)], 6))).toBe('ENOSPC');
    expect(file.size).toBe(10);
    expect(codeOf(() => put(files, '/data/other', 'x'))).toBe('ENOSPC');
    file.truncateSync(8);
    put(files, '/data/other', 'xy');
    files.removeFileSync('/data/log');
    put(files, '/data/other', '12345678');
    expect(files.roomBytes).toBe(0);
  });

  test('delays take time of the clock', async () => {
    const { files, clock } = setUp();
    files.delay('sync', 5).times(1);
    files.delay('write', () => 7);
    const file = files.openSync('/data/log', 'create');
    const done: string[] = [];
    void file.sync().then(() => done.push(`sync ${clock.monotonicMs()}`));
    void file.write([Buffer.from('abc')], 0).then(() => done.push(`write ${clock.monotonicMs()}`));
    expect(file.size).toBe(0);
    await clock.advance(20);
    expect(done).toEqual(['sync 5', 'write 7']);
    await file.sync();
  });
});

describe('by the rules of Windows', () => {
  test('a retained file holds up the rename of its directory and its own removal', () => {
    const { files } = setUp({ windowsRules: true });
    files.makeDirectorySync('/data/orders-0');
    put(files, '/data/orders-0/log', 'x');
    const file = files.openSync('/data/orders-0/log', 'read');
    file.retain();
    expect(codeOf(() => files.renameSync('/data/orders-0', '/data/orders-0-delete'))).toBe('EBUSY');
    files.removeFileSync('/data/orders-0/log');
    expect(files.listSync('/data/orders-0')).toEqual(['log']);
    file.release();
    expect(files.listSync('/data/orders-0')).toEqual([]);
    files.renameSync('/data/orders-0', '/data/orders-0-delete');
  });

  test('names last from the next sync of a file on', () => {
    for (let seed = 0; seed < 30; seed++) {
      const { files } = setUp({ windowsRules: true });
      put(files, '/data/a', 'x');
      files.openSync('/data/b', 'create').syncSync();
      const after = files.afterCrash(new SeededRandom(seed));
      expect(after.listSync('/data')).toEqual(['a', 'b']);
    }
  });
});
