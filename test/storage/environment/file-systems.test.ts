import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { windowsDisk } from '../../simulation/windows-calls.ts';
import { describeFileSystem } from '../../suites/file-system.ts';

describeFileSystem('in memory', () => {
  const files = new MemoryFileSystem({ clock: new VirtualClock() });
  files.makeDirectorySync('/data dir');
  return { files, directory: '/data dir', dispose() {} };
});

for (const openFilesMax of [512, 1]) {
  describeFileSystem(`on a disk with at most ${openFilesMax} descriptors`, () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt files '));
    const { files } = createNodeEnvironment({ openFilesMax });
    return { files, directory, dispose: () => fs.rmSync(directory, { recursive: true }) };
  });
}

for (const openFilesMax of [512, 1]) {
  describeFileSystem(`on a disk by the rules of Windows, with at most ${openFilesMax} descriptors`, () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt files '));
    const { files } = windowsDisk({ openFilesMax });
    return { files, directory, dispose: () => fs.rmSync(directory, { recursive: true }) };
  });
}

for (const windowsRules of [false, true]) {
  describeFileSystem(
    `with faults that are not asked for${windowsRules ? ', by the rules of Windows' : ''}`,
    () => {
      const files = new FaultyFileSystem({ clock: new VirtualClock(), windowsRules });
      files.makeDirectorySync('/data dir');
      return { files, directory: '/data dir', dispose() {} };
    },
  );
}
