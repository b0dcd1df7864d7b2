/**
 * The files of a log as a clean stop at this moment would leave them, while it goes on: what stands in a sealed segment's `.log` for good,
 * the beginning of the last one that has been written whole, and what the rest would hold. Nothing of it is changed. Of the producers
 * there is one snapshot, at the end; older ones are not needed for anything.
 */
import type { LogWriter } from './log-writer.ts';
import { partitionMetadataText } from './partition-metadata.ts';
import { encodeSnapshot } from './producer-snapshot.ts';
import type { Segment } from './segment.ts';
import { fileName, leaderEpochFile, partitionMetadataFile, suffixes } from './segment-files.ts';

export type ImageFile =
  | { readonly name: string; readonly content: Buffer }
  | {
      readonly name: string;
      readonly path: string;
      readonly sizeBytes: number;
      /** It will never be written to again, here or there. */
      readonly isShared: boolean;
    };

/** Empty for a log without files. */
export function imageOf(writer: LogWriter, topicId: string): ImageFile[] {
  const { list, producers, epochs, endOffset } = writer;
  if (list.active === undefined) return [];
  const text = (name: string, content: string): ImageFile => ({ name, content: Buffer.from(content) });
  return [
    ...list.segments.flatMap((segment) => segmentFiles(segment, segment === list.active)),
    { name: fileName(endOffset, suffixes.snapshot), content: encodeSnapshot(producers.producers) },
    text(leaderEpochFile, epochs.toText()),
    text(partitionMetadataFile, partitionMetadataText(topicId)),
  ];
}

function segmentFiles(segment: Segment, isActive: boolean): ImageFile[] {
  const { baseOffset, size, file, offsetIndex, timeIndex, transactionIndex } = segment;
  const isShared = !isActive && file.size === size;
  const files: ImageFile[] = [
    { name: fileName(baseOffset, suffixes.log), path: file.path, sizeBytes: size, isShared },
    { name: fileName(baseOffset, suffixes.offsetIndex), content: offsetIndex.image() },
    { name: fileName(baseOffset, suffixes.timeIndex), content: timeIndex.image(segment.maxTimestamp) },
  ];
  const aborted = transactionIndex.file;
  if (aborted !== null)
    files.push({
      name: fileName(baseOffset, suffixes.transactionIndex),
      path: aborted.path,
      sizeBytes: aborted.size,
      isShared: false,
    });
  return files;
}
