import { expect, test } from 'vitest';
import type { CompactionProgress } from '../../broker/index.ts';
import { lineEveryMs, ProgressLine } from '../../tools/progress-line.ts';

const progress = (bytesDone: number): CompactionProgress => {
  return {
    topic: 'articles',
    partition: 3,
    pass: 2,
    phase: 'rewrite',
    bytesDone,
    bytesTotal: 4 * 1024 * 1024,
  };
};

function open(isTerminal: boolean) {
  let written = '';
  const clock = { nowMs: 0 };
  const line = new ProgressLine({
    write: (text) => {
      written += text;
    },
    isTerminal,
    columns: () => 40,
    nowMs: () => clock.nowMs,
  });
  const take = () => {
    const text = written;
    written = '';
    return text;
  };
  return { line, clock, take };
}

test('on a terminal it is one line, cut to its width, that goes when something stays', () => {
  const { line, take } = open(true);
  line.show(progress(1024));
  expect(take()).toBe('\rarticles-3: rewriting (pass 2), 1.00 KB\u001b[K');
  line.clear();
  expect(take()).toBe('\r\u001b[K');
  line.clear();
  expect(take()).toBe('');
});

test('elsewhere it is a line now and then, and none for what is quick', () => {
  const { line, clock, take } = open(false);
  line.show(progress(0));
  clock.nowMs = lineEveryMs - 1;
  line.show(progress(1024));
  expect(take()).toBe('');
  clock.nowMs = lineEveryMs;
  line.show(progress(1024 * 1024));
  line.show(progress(2 * 1024 * 1024));
  expect(take()).toBe('articles-3: rewriting (pass 2), 1.00 MB of 4.00 MB, 25 %\n');
  line.clear();
  expect(take()).toBe('');
});
