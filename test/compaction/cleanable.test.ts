import { expect, test } from 'vitest';
import { type Cleanable, findCleanable, rankDue } from '../../compaction/cleanable.ts';
import { resolveTopicSettings } from '../../storage/config/topic-settings.ts';
import type { CleanerSegment, CleanerView } from '../../storage/log/cleaner-view.ts';
import { asIfRolled } from '../../storage/log/cleaner-view.ts';
import { caseNames, checkCase, type Section, settingsIn } from './transcript.ts';

/**
 * What of logs may be cleaned, and which is next, as tables of their segments:
 *
 *    log orders
 *    min.cleanable.dirty.ratio: 0.5          checkpoint: 20    last stable: 40    log start: 0
 *    0..20    1000 bytes                     offsets of a sealed segment, the second one that of the next
 *    20..40   3000 bytes  from 150 to 200    greatest timestamp of its first batch, and of all
 *    40..50   500 bytes                      the last one is active
 *    ---- at 1000
 */
test.each(caseNames('cleanable'))('%s', (name) => checkCase('cleanable', name, async (all) => replay(all)));

function replay([first, ...rest]: readonly Section[]): string[][] {
  const logs = logsIn(first!.lines);
  return rest.map(({ title }) => {
    const nowMs = Number(/^at (\d+)$/.exec(title)![1]);
    const candidates = logs.map((log) => {
      const cleanable = findCleanable(log.view, log.settings, log.checkpoint, nowMs);
      return { ...log, cleanable };
    });
    const lines = candidates.flatMap(({ name, cleanable }) => tell(name, cleanable));
    const next = rankDue(candidates)[0] ?? null;
    return [...lines, `next: ${next === null ? 'none' : next.name}`];
  });
}

interface CandidateLog {
  readonly name: string;
  readonly view: CleanerView;
  readonly settings: ReturnType<typeof resolveTopicSettings>;
  readonly checkpoint: number | null;
}

function logsIn(lines: readonly string[]): CandidateLog[] {
  const heads = lines.flatMap((line, n) => (line.startsWith('log ') && !line.includes(':') ? [n] : []));
  return heads.map((head, n) => {
    const { settings, rest } = settingsIn(lines.slice(head + 1, heads[n + 1]));
    const found = rest.map(segmentOf);
    const segments = found.map((segment, at) => ({ ...segment, isActive: at === found.length - 1 }));
    const endOffset = segments.at(-1)?.nextOffset ?? 0;
    const checkpoint = settings.get('checkpoint');
    const topic = [...settings].filter(([name]) => name.includes('.'));
    return {
      name: lines[head]!.slice('log '.length),
      view: {
        epoch: 0,
        logStartOffset: Number(settings.get('log start') ?? segments[0]?.baseOffset ?? 0),
        lastStableOffset: Number(settings.get('last stable') ?? endOffset),
        highWatermark: endOffset,
        endOffset,
        segments,
        producers: [],
      },
      settings: resolveTopicSettings(new Map(topic)),
      checkpoint: checkpoint === undefined ? null : Number(checkpoint),
    };
  });
}

function segmentOf(line: string): CleanerSegment {
  const [, base, next, bytes, from, to] = /^(\d+)\.\.(\d+) +(\d+) bytes(?: +from (-?\d+) to (-?\d+))?$/.exec(
    line,
  )!;
  return {
    baseOffset: Number(base),
    nextOffset: Number(next),
    path: '',
    sizeBytes: Number(bytes),
    offsetIndexBytes: 0,
    timeIndexBytes: 0,
    firstBatchTimestampMs: Number(from ?? 1),
    largestTimestampMs: Number(to ?? 1),
    modifiedMs: 0,
    isActive: false,
  };
}

function tell(name: string, cleanable: Cleanable): string[] {
  const { firstDirtyOffset, firstUncleanableOffset, isCheckpointStale, blocked } = cleanable;
  const stale = isCheckpointStale ? ' (the checkpoint is void)' : '';
  const forced = cleanable.isForced ? ', forced' : '';
  const due = cleanable.isDue ? `due${forced}` : 'not due';
  const said = blocked.map(({ segment: { baseOffset }, reason, untilMs }) => {
    return `${baseOffset} ${reason}${untilMs >= 0 ? ` until ${untilMs}` : ''}`;
  });
  return [
    `${name}: dirty from ${firstDirtyOffset}${stale} to ${firstUncleanableOffset}`,
    `  ${cleanable.cleanableBytes} of ${cleanable.cleanBytes + cleanable.cleanableBytes} bytes, ratio ${Number(cleanable.dirtyRatio.toFixed(3))}: ${due}`,
    `  left alone: ${said.join(', ') || 'nothing'}`,
  ];
}

test('a log that would be rolled first is looked at as if it had been', () => {
  const [log] = logsIn(['log a', '0..10 100 bytes', '10..20 50 bytes']);
  const rolled = asIfRolled(log!.view);
  expect(
    rolled.segments.map(({ baseOffset, nextOffset, isActive }) => [baseOffset, nextOffset, isActive]),
  ).toEqual([
    [0, 10, false],
    [10, 20, false],
    [20, 20, true],
  ]);
  expect(findCleanable(rolled, log!.settings, null, 0).firstUncleanableOffset).toBe(20);
  expect(asIfRolled(rolled)).toBe(rolled);
});
