/** Files by their paths, and those below a directory: as a plain list would have them. */
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FileNames } from '../../../storage/environment/file-names.ts';
import { type OpenFile, openFile } from '../../../storage/environment/open-files.ts';

const part = fc.constantFrom('a', 'b', 'orders-1', 'orders-10');
const root = path.resolve('/');
const anyPath = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => path.resolve(root, ...parts));

test('whatever is remembered and forgotten, it finds what a search through all of them finds', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('remember', 'forget'), anyPath), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.array(anyPath, { maxLength: 10 }), (changes, asked) => {
      const names = new FileNames();
      const model = new Map<string, OpenFile>();
      for (const [change, where] of changes) {
        // What is a file is no directory.
        const isBelowFile = Array.from(model.keys()).some((known) => where.startsWith(known + path.sep));
        const isDirectory = Array.from(model.keys()).some((known) => known.startsWith(where + path.sep));
        if (change === 'remember' && !isBelowFile && !isDirectory) {
          const file = openFile(where, 0, true);
          names.remember(file);
          model.set(where, file);
        } else if (change === 'forget' && model.has(where)) {
          names.forget(model.get(where)!);
          model.delete(where);
        }
      }
      for (const where of [...asked, root]) {
        const below = where === root ? root : where + path.sep;
        const expected = Array.from(model.values()).filter(
          (file) => file.path === where || file.path.startsWith(below),
        );
        expect(new Set(names.atOrBelow(where))).toEqual(new Set(expected));
        expect(names.at(where)).toBe(model.get(where));
      }
    }),
    { numRuns: 300 },
  );
});

test('a file that lost its name to another is forgotten without harm', () => {
  const names = new FileNames();
  const where = path.resolve('/data/x');
  const [first, second] = [openFile(where, 0, true), openFile(where, 0, true)];
  names.remember(first);
  names.remember(second);
  names.forget(first);
  expect(names.at(where)).toBe(second);
});
