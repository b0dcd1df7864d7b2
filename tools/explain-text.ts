/** Explanations of a key as a person reads them. */
import type { ExplainedRecord, PartitionExplanation } from '../broker/index.ts';
import { bytes, count, counted, table, time } from './quantities.ts';

/** `isOne`: only this partition was asked for, so that it is told of even without a record. */
export function explanationText(explanations: readonly PartitionExplanation[], isOne: boolean): string {
  const told = explanations.filter(
    ({ recordCount, unreadable }) => isOne || recordCount > 0 || unreadable !== null,
  );
  const without = explanations.filter(
    ({ recordCount, unreadable }) => recordCount === 0 && unreadable === null,
  ).length;
  const parts = told.map(partitionText);
  if (without > 0) {
    const isRest = without < explanations.length;
    const which = isRest && without === 1 ? 'partition' : counted(without, 'partition');
    parts.push(`no record of this key in ${isRest ? 'the other ' : ''}${which}\n`);
  }
  return parts.join('\n');
}

function partitionText(explanation: PartitionExplanation): string {
  const { topic, partition, why, state, unreadable, records, recordCount } = explanation;
  const { logStartOffset, firstDirtyOffset, lastStableOffset, endOffset } = state;
  const lines = [
    `${topic}-${partition}: ${why}`,
    `  log [${logStartOffset}, ${endOffset}), clean below ${firstDirtyOffset}, stable below ${lastStableOffset}`,
  ];
  if (unreadable !== null) {
    lines.push(`  not read to its end: ${unreadable}`);
    if (recordCount === 0) lines.push('  no record of this key before that');
  }
  if (records.length > 0) lines.push('', ...recordLines(records));
  if (recordCount > records.length) {
    const rest = recordCount - records.length;
    lines.push(`  ${counted(rest, 'older record')} of this key left out (--limit shows more)`);
  }
  return `${lines.join('\n')}\n`;
}

function recordLines(records: readonly ExplainedRecord[]): string[] {
  const header = ['offset', 'time', 'segment', 'value', 'why'];
  const rows = records.map(({ offset, timestampMs, segmentBaseOffset, valueBytes, why }) => [
    String(offset),
    time(timestampMs),
    String(segmentBaseOffset),
    valueBytes === null ? 'tombstone' : valueBytes < 1024 ? `${count(valueBytes)} B` : bytes(valueBytes),
    why,
  ]);
  return table([header, ...rows], [0, 2, 3]).map((row) => `  ${row}`);
}
