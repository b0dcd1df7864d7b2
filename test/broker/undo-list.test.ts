import { expect, it } from 'vitest';
import { UndoList } from '../../broker/undo-list.ts';

it('undoes in reverse, each step once, and all of them even if one fails', async () => {
  const undone: string[] = [];
  const undo = new UndoList();
  undo.push(() => void undone.push('first'));
  undo.push(async () => {
    throw new Error('stuck');
  });
  undo.push(async () => {
    await Promise.resolve();
    undone.push('last');
  });
  const results = await Promise.allSettled([undo.run(), undo.run()]);
  expect(undone).toEqual(['last', 'first']);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
