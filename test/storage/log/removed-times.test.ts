import { describe, expect, it } from 'vitest';
import {
  boundOf,
  coarsened,
  joined,
  startedAt,
  stepsMax,
  type TimeStep,
  TimesBuilder,
} from '../../../storage/log/removed-times.ts';
import { timesOfBytes, timesToBytes } from '../../../storage/log/removed-times-file.ts';

const sure = (offset: number, ms: number): TimeStep => ({ offset, ms, isSure: true });
const everything = Number.POSITIVE_INFINITY;

/** "10 30- 20": records from offset 0 on with these timestamps, of which those with a dash go. */
function passOver(records: string, given: readonly TimeStep[] = []): TimeStep[] {
  const builder = new TimesBuilder(given);
  const all = records.split(' ');
  for (const [offset, text] of all.entries()) {
    if (text === '') continue;
    if (text.endsWith('-')) builder.goes(offset, Number(text.slice(0, -1)));
    else builder.stays(offset, Number(text));
  }
  return builder.finish(all.length);
}

describe('the timestamps of removed records', () => {
  it('are not needed where they ascend, and else where what is left does not tell them', () => {
    expect(passOver('10 20- 30 40- 50')).toEqual([]);
    expect(passOver('10 30- 20 25- 40')).toEqual([sure(1, 30)]);
    // What is left tells that there was a 30.
    expect(passOver('10 30 20- 25 28- 40')).toEqual([]);
    // Nothing is left behind it that could.
    expect(passOver('10 20 30-')).toEqual([sure(2, 30)]);
  });

  it('are taken over from pass to pass, and given up when what is left tells them', () => {
    const first = passOver('10 30- 20 25 40');
    expect(passOver('10  20 25- 40', first)).toEqual([sure(1, 30)]);
    expect(passOver('10  20- 25- 40', first)).toEqual([]);
  });

  it('say where the first later record was', () => {
    const steps = passOver('10 30- 20 25- 40 90- 50');
    expect(steps).toEqual([sure(1, 30), sure(5, 90)]);
    expect(boundOf(steps, 20)).toEqual({ low: 1, high: 1 });
    expect(boundOf(steps, 30)).toEqual({ low: 5, high: 5 });
    expect(boundOf(steps, 90)).toEqual({ low: everything, high: everything });
    // What is not known makes it lie between two offsets.
    const unknown = { offset: 3, ms: everything, isSure: false };
    expect(boundOf(joined(steps, [unknown]), 30)).toEqual({ low: 3, high: 5 });
    expect(boundOf(joined(steps, [unknown]), 90)).toEqual({ low: 3, high: everything });
  });

  it('are one step for all that the log start has passed', () => {
    const times = { startOffset: 0, upToOffset: 7, steps: passOver('10 30- 20 25- 40 90- 50') };
    expect(startedAt(times, 4, 25)).toEqual({
      startOffset: 4,
      upToOffset: 7,
      steps: [sure(3, 30), sure(5, 90)],
    });
    expect(startedAt(times, 9, 95)).toEqual({ startOffset: 9, upToOffset: 9, steps: [sure(8, 95)] });
  });

  it('become rougher where they are too many, and stay true', () => {
    const steps = Array.from({ length: 40 }, (_, n) => sure(n * 10, n * 5));
    const rough = coarsened(steps, 12);
    expect(rough.length).toBeLessThanOrEqual(12);
    for (let ms = -1; ms < 210; ms++) {
      const exact = boundOf(steps, ms);
      const { low, high } = boundOf(rough, ms);
      expect(low).toBeLessThanOrEqual(exact.low);
      expect(high).toBeGreaterThanOrEqual(exact.high);
    }
    const many = Array.from({ length: 3 * stepsMax }, (_, n) => sure(n, n));
    expect(joined(many, []).length).toBeLessThanOrEqual(stepsMax);
  });

  it('come back from their file, unless a byte of it or its topic is another one', () => {
    const topicId = 'AbCdEfGhIjKlMnOpQrStUv';
    const times = {
      startOffset: 3,
      upToOffset: 2 ** 40,
      steps: [sure(5, 1_795_348_800_000), { offset: 6, ms: everything, isSure: false }],
      segments: [{ baseOffset: 3, sizeBytes: 2 ** 33 }],
    };
    const bytes = timesToBytes(topicId, times);
    expect(timesOfBytes(topicId, bytes)).toEqual(times);
    expect(timesOfBytes('BbCdEfGhIjKlMnOpQrStUv', bytes)).toBeNull();
    for (let at = 0; at < bytes.length; at++) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1;
      expect(timesOfBytes(topicId, other), `byte ${at}`).toBeNull();
      expect(timesOfBytes(topicId, bytes.subarray(0, at)), `${at} bytes`).toBeNull();
    }
  });
});
