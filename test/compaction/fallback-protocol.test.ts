/** What the broker says to the cleaner's thread, where the package for it could not be loaded at first. */
import { expect, test } from 'vitest';
import { cleanerProtocol } from '../../compaction/service.ts';

test('a protocol that could not be loaded is loaded again with the next pass', async () => {
  const failing = cleanerProtocol(() => Promise.reject(new Error('EMFILE')));
  await expect(failing).rejects.toThrow('EMFILE');
  expect(await cleanerProtocol()).toHaveProperty('service');
});
