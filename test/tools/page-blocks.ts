/** Code blocks of a page of documentation, as their reader copies them: ```` ```language runner name-of-the-file ````. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './program.ts';

export interface PageBlock {
  readonly language: string;
  /** Who runs it, a word that only the test knows; empty where the block is not a file. */
  readonly runner: string;
  /** The file that it is. */
  readonly name: string;
  readonly code: string;
}

export function pageBlocks(page: string): PageBlock[] {
  const text = readFileSync(join(repository, page), 'utf8');
  return [...text.matchAll(/^```(\w+)(?: (\S+))?(?: (\S+))?\n([\s\S]*?)^```/gm)].map(
    ([, language, runner, name, code]) => ({
      language: language!,
      runner: runner ?? '',
      name: name ?? '',
      code: code!,
    }),
  );
}

/** Those that are files, by name. */
export function filesOf(blocks: readonly PageBlock[]): Record<string, string> {
  return Object.fromEntries(blocks.filter(({ name }) => name !== '').map(({ name, code }) => [name, code]));
}
