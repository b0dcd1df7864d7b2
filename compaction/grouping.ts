import type { CleanSegment, CleanSettings } from './clean-job.ts';

const int32Max = 2 ** 31 - 1;

/**
 * Packs neighbouring segments that become one: as long as their bytes, and those of their indexes, would have room in one
 * segment even if nothing went, and their offsets stay within 2^31 of the first one's base. So a log that shrinks with every
 * pass does not end as thousands of small files. Ascending, each group in order.
 */
export function groupSegments(
  segments: readonly CleanSegment[],
  settings: CleanSettings,
  firstUncleanableOffset: number,
): CleanSegment[][] {
  const groups: CleanSegment[][] = [];
  let group: CleanSegment[] = [];
  let bytes = 0;
  let offsetIndexBytes = 0;
  let timeIndexBytes = 0;
  segments.forEach((segment, i) => {
    bytes += segment.sizeBytes;
    offsetIndexBytes += segment.offsetIndexBytes;
    timeIndexBytes += segment.timeIndexBytes;
    const lastOffset = (segments[i + 1]?.baseOffset ?? firstUncleanableOffset) - 1;
    const fits =
      group.length > 0 &&
      bytes <= settings.segmentBytes &&
      offsetIndexBytes <= settings.segmentIndexBytes &&
      timeIndexBytes <= settings.segmentIndexBytes &&
      (segment.sizeBytes === 0 || lastOffset - group[0]!.baseOffset <= int32Max);
    if (fits) group.push(segment);
    else {
      group = [segment];
      groups.push(group);
      bytes = segment.sizeBytes;
      offsetIndexBytes = segment.offsetIndexBytes;
      timeIndexBytes = segment.timeIndexBytes;
    }
  });
  return groups;
}
