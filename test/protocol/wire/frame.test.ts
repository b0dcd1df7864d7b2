import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameSizeError, FrameSplitter, takeBackFrame } from '../../../protocol/wire/frame.ts';

function frameOf(body: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

test('frames come out whole, whatever pieces they arrive in', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 5000, size: 'max' }), { maxLength: 8 });
  fc.assert(
    fc.property(bodies, fc.array(fc.nat(3000), { minLength: 1, maxLength: 40 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(frameOf));
      const got: string[] = [];
      const splitter = new FrameSplitter(5000, (frame) => got.push(frame.toString('hex')));
      for (let at = 0, index = 0; at < stream.length; index++) {
        const end = at + 1 + cuts[index % cuts.length]!;
        // A copy that is overwritten afterwards: what the splitter keeps, it must have copied.
        const piece = Buffer.from(stream.subarray(at, end));
        splitter.feed(piece);
        piece.fill(0xee);
        at = end;
      }
      expect(got).toEqual(sent.map((body) => Buffer.from(body).toString('hex')));
      expect(splitter.pendingBytes).toBe(0);
    }),
    { numRuns: 200 },
  );
});

test('the bytes of a frame under way are counted', () => {
  const splitter = new FrameSplitter(100, () => {});
  splitter.feed(Buffer.from('0000', 'hex'));
  expect(splitter.pendingBytes).toBe(2);
  splitter.feed(Buffer.from('0005aabb', 'hex'));
  expect(splitter.pendingBytes).toBe(6);
  splitter.feed(Buffer.from('ccddee', 'hex'));
  expect(splitter.pendingBytes).toBe(0);
});

test('an empty frame is a frame', () => {
  const lengths: number[] = [];
  const splitter = new FrameSplitter(100, (frame) => lengths.push(frame.length));
  splitter.feed(Buffer.alloc(4));
  splitter.feed(Buffer.alloc(3));
  splitter.feed(Buffer.alloc(1));
  expect(lengths).toEqual([0, 0]);
});

test.each([
  ['ffffffff', -1],
  ['80000000', -0x80000000],
  ['00000065', 101],
  ['7fffffff', 0x7fffffff],
])('a size of %s is refused, in one piece or in two', (hex, size) => {
  const bytes = Buffer.from(hex, 'hex');
  for (const cut of [0, 1, 3]) {
    const splitter = new FrameSplitter(100, () => expect.unreachable());
    splitter.feed(bytes.subarray(0, cut));
    expect(() => splitter.feed(bytes.subarray(cut))).toThrow(FrameSizeError);
    try {
      new FrameSplitter(100, () => {}).feed(bytes);
    } catch (error) {
      expect((error as FrameSizeError).size).toBe(size);
    }
  }
});

test('a large size alone takes no memory', () => {
  const splitters = Array.from({ length: 2000 }, () => new FrameSplitter(0x7fffffff, () => {}));
  const before = process.memoryUsage().arrayBuffers;
  for (const splitter of splitters) splitter.feed(Buffer.from('7ffffffe00', 'hex'));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  for (const splitter of splitters) expect(splitter.pendingBytes).toBe(5);
});

test('the rest of a large frame may be read into its place', () => {
  const body = Buffer.alloc(3_000_000, 7);
  const stream = Buffer.concat([frameOf(body), frameOf(Buffer.from('next'))]);
  const got: Buffer[] = [];
  const splitter = new FrameSplitter(5_000_000, (frame) => got.push(Buffer.from(frame)));
  expect(splitter.room()).toBeNull();
  splitter.feed(Buffer.from(stream.subarray(0, 100_000)));
  let at = 100_000;
  for (let room = splitter.room(); room !== null; room = splitter.room()) {
    const count = Math.min(room.length, 400_000, stream.length - at);
    room.set(stream.subarray(at, at + count));
    splitter.feed(room.subarray(0, count));
    at += count;
  }
  expect(at).toBeGreaterThan(2_900_000);
  splitter.feed(Buffer.from(stream.subarray(at)));
  expect(got.map((frame) => frame.length)).toEqual([3_000_000, 4]);
  expect(got[0]!.equals(body)).toBe(true);
});

describe('memory of large frames', () => {
  const large = 200_000;
  /** Each in two pieces, as a large frame comes. */
  const feed = (splitter: FrameSplitter, body: Uint8Array): void => {
    const stream = frameOf(body);
    splitter.feed(Buffer.from(stream.subarray(0, 50_000)));
    splitter.feed(Buffer.from(stream.subarray(50_000)));
  };
  const placeOf = (splitter: FrameSplitter, frames: Buffer[], bytes: number): ArrayBufferLike => {
    feed(splitter, Buffer.alloc(bytes));
    return frames.pop()!.buffer;
  };
  const splitting = () => {
    const frames: Buffer[] = [];
    return { frames, splitter: new FrameSplitter(5_000_000, (frame) => void frames.push(frame)) };
  };

  test('is used again once it is given back, by any connection that sends large ones, and by one at a time', () => {
    const [first, second, third] = [splitting(), splitting(), splitting()];
    for (const { splitter, frames } of [first, second, third]) placeOf(splitter, frames, large);
    feed(first.splitter, Buffer.alloc(large, 1));
    const given = first.frames.pop()!;
    takeBackFrame(given);
    takeBackFrame(given);
    const [again, other] = [
      placeOf(second.splitter, second.frames, large + 5),
      placeOf(third.splitter, third.frames, large),
    ];
    expect([again === given.buffer, other === given.buffer]).toEqual([true, false]);
  });

  test('is not what a connection begins with, nor for frames that are too small or too large for it', () => {
    const { splitter, frames } = splitting();
    const sizes = [large, large, 3_000_000, large, 50_500, 20_000, large].map((bytes) => {
      if (bytes < 50_000) splitter.feed(Buffer.from(frameOf(Buffer.alloc(bytes)).subarray(0, 10)));
      if (bytes < 50_000) splitter.feed(Buffer.from(frameOf(Buffer.alloc(bytes)).subarray(10)));
      return bytes < 50_000 ? frames.pop()!.buffer.byteLength : placeOf(splitter, frames, bytes).byteLength;
    });
    const reused = 1024 * 1024 + 4096;
    expect(sizes.map((bytes) => bytes === reused)).toEqual([false, true, false, true, true, false, false]);
  });

  test('of more than a largest batch is kept for those that have sent so much before', () => {
    const { splitter, frames } = splitting();
    const sizes = [3_000_000, 1_100_000, large, 1_100_000, 4_500_000].map(
      (bytes) => placeOf(splitter, frames, bytes).byteLength,
    );
    const [ofBatch, ofMany] = [1024 * 1024 + 4096, 4 * 1024 * 1024];
    expect(sizes).toEqual([3_000_000, ofMany, ofBatch, 1_100_000, 4_500_000]);
  });

  test('never holds two frames at once, whoever gives back when', () => {
    const step = fc.record({
      connection: fc.nat(3),
      bytes: fc.integer({ min: 50_001, max: 90_000 }),
      givesBack: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const connections = Array.from({ length: 4 }, splitting);
        const held: { frame: Buffer; mark: number }[] = [];
        steps.forEach(({ connection, bytes, givesBack }, mark) => {
          const { splitter, frames } = connections[connection]!;
          feed(splitter, Buffer.alloc(bytes, mark));
          held.push({ frame: frames.pop()!, mark });
          for (const { frame, mark: written } of held)
            expect([frame[0], frame[frame.length - 1]]).toEqual([written, written]);
          if (givesBack) takeBackFrame(held.shift()!.frame);
        });
        for (const { frame } of held) takeBackFrame(frame);
      }),
      { numRuns: 20 },
    );
  });
});
