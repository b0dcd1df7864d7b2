/** A process of its own that takes a lock, tells its parent, and holds it until it is killed. */
import fs from 'node:fs';
import { FileLocks } from '../../../storage/environment/file-locks.ts';
import { bindSocket, createNodeEnvironment } from '../../../storage/environment/node.ts';

const [path = '', kind, isShared] = process.argv.slice(2);
const locks =
  kind === 'binding'
    ? createNodeEnvironment().files
    : new FileLocks({ calls: fs, platform: process.platform, loadBinding: () => null, bindSocket });
const lock = isShared === undefined ? locks.tryLock(path) : createNodeEnvironment().files.trySharedLock(path);
// A listener keeps the channel, and so the process, until the parent goes or kills it.
if (lock !== null) process.on('message', () => {});
process.send?.(lock === null ? 'refused' : 'held');
