/**
 * What is known of removed records' timestamps (removed-times.ts), as a file in the partition's directory, `kompakt-removed-times`.
 * Apache Kafka passes over files that it does not know. Little-endian, numbers as doubles:
 *
 *     0          8         12    16               40       48      56      60         64
 *    | RMVTIMES | version | crc | topic id, text | start  | up to | steps | segments | step … | segment …
 *
 *    step: offset, ms, 1 if it is sure            segment: base offset, size of the .log
 *
 * `crc` is CRC-32C of all behind it. The segments are those below `up to`, as they were when this was written and as a pass was about to
 * make them: where one has another size now, somebody else has cleaned the log since, and nothing here counts.
 */
import { crc32c } from '../../protocol/records/crc32c.ts';
import type { RemovedTimes, TimeStep } from './removed-times.ts';

export const removedTimesFile = 'kompakt-removed-times';

export interface KeptSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
}

export interface KeptTimes extends RemovedTimes {
  readonly segments: readonly KeptSegment[];
}

const magic = Buffer.from('RMVTIMES');
const version = 1;
const at = { version: 8, crc: 12, topicId: 16, start: 40, upTo: 48, steps: 56, segments: 60 } as const;
const headerBytes = 64;
const topicIdBytes = at.start - at.topicId;
const numberBytes = 8;
const stepNumbers = 3;
const segmentNumbers = 2;

export function timesToBytes(topicId: string, times: KeptTimes): Buffer {
  const { startOffset, upToOffset, steps, segments } = times;
  const count = steps.length * stepNumbers + segments.length * segmentNumbers;
  const bytes = Buffer.alloc(headerBytes + count * numberBytes);
  magic.copy(bytes);
  bytes.writeUInt32LE(version, at.version);
  bytes.write(topicId, at.topicId, topicIdBytes, 'latin1');
  bytes.writeDoubleLE(startOffset, at.start);
  bytes.writeDoubleLE(upToOffset, at.upTo);
  bytes.writeUInt32LE(steps.length, at.steps);
  bytes.writeUInt32LE(segments.length, at.segments);
  let position = headerBytes;
  const add = (number: number): void => {
    position = bytes.writeDoubleLE(number, position);
  };
  for (const { offset, ms, isSure } of steps) for (const one of [offset, ms, isSure ? 1 : 0]) add(one);
  for (const { baseOffset, sizeBytes } of segments) for (const one of [baseOffset, sizeBytes]) add(one);
  bytes.writeUInt32LE(crc32c(bytes, at.topicId, bytes.length), at.crc);
  return bytes;
}

/** null: it is not what was written for this topic. */
export function timesOfBytes(topicId: string, bytes: Buffer): KeptTimes | null {
  if (bytes.length < headerBytes || !bytes.subarray(0, magic.length).equals(magic)) return null;
  if (bytes.readUInt32LE(at.version) !== version) return null;
  if (crc32c(bytes, at.topicId, bytes.length) !== bytes.readUInt32LE(at.crc)) return null;
  if (bytes.toString('latin1', at.topicId, at.topicId + topicId.length) !== topicId) return null;
  const stepCount = bytes.readUInt32LE(at.steps);
  const segmentCount = bytes.readUInt32LE(at.segments);
  const count = stepCount * stepNumbers + segmentCount * segmentNumbers;
  if (bytes.length !== headerBytes + count * numberBytes) return null;
  let position = headerBytes;
  const next = (): number => {
    const number = bytes.readDoubleLE(position);
    position += numberBytes;
    return number;
  };
  const steps: TimeStep[] = [];
  while (steps.length < stepCount) steps.push({ offset: next(), ms: next(), isSure: next() === 1 });
  const segments: KeptSegment[] = [];
  while (segments.length < segmentCount) segments.push({ baseOffset: next(), sizeBytes: next() });
  return {
    startOffset: bytes.readDoubleLE(at.start),
    upToOffset: bytes.readDoubleLE(at.upTo),
    steps,
    segments,
  };
}
