/** Memory that several connections send from: the bytes of the file whatever is done to it, no more than allowed, and given back. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { outbound } from '../../../broker/network/outbound-answer.ts';
import { OutboundQueue } from '../../../broker/network/outbound-queue.ts';
import {
  idleMs,
  partBytes,
  SharedChunks,
  sharedChunkBytes,
  sharedPartBytesMin,
} from '../../../broker/network/shared-chunks.ts';
import type { LentBytes } from '../../../broker/network/transport.ts';
import type { Clock } from '../../../storage/environment/clock.ts';
import type { File } from '../../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import type { FileRegion } from '../../../storage/log/log-types.ts';

/** A segment's file as the log keeps it: another content once it was cut or replaced. */
class Content {
  static #last = 0;
  readonly #files = new MemoryFileSystem({ clock: { nowMs: () => 0 } });
  file: File;
  id = ++Content.#last;
  size = 0;
  reads = 0;

  constructor() {
    this.file = this.#files.openSync('/0.log', 'create');
  }

  append(bytes: Uint8Array): void {
    this.file.writeSync([bytes], this.size);
    this.size += bytes.length;
  }

  truncateTo(size: number): void {
    this.id = ++Content.#last;
    this.file.truncateSync(size);
    this.size = size;
  }

  replaceBy(bytes: Uint8Array): void {
    this.file = this.#files.openSync(`/${++Content.#last}.log`, 'create');
    this.id = ++Content.#last;
    this.size = 0;
    this.append(bytes);
  }

  region(position: number, byteLength: number): FileRegion {
    const { file } = this;
    const counted = {
      readSync: (target: Uint8Array, at: number, length: number, from: number) => {
        this.reads += 1;
        return file.readSync(target, at, length, from);
      },
    } as File;
    const [contentId, contentEnd] = [this.id, this.size];
    const bytes = null;
    return { file: counted, position, byteLength, bytes, contentId, contentEnd, wasSlow() {}, release() {} };
  }

  bytes(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    this.file.readSync(bytes, 0, length, position);
    return bytes;
  }
}

let grown = 0;
/** Never the same twice. */
function fresh(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(++grown, at);
  return bytes;
}

function contentOf(length: number): Content {
  const content = new Content();
  content.append(fresh(length));
  return content;
}

/** A socket that takes everything when the test says so. */
function openQueue() {
  const sent: Buffer[] = [];
  const taken: (() => void)[] = [];
  const failures: Error[] = [];
  const queue = new OutboundQueue({
    write: (bytes, written) => {
      sent.push(bytes as Buffer);
      if (written) taken.push(written);
    },
    waitingBytes: () => 0,
    fail: (error) => failures.push(error),
  });
  /** What it writes from is looked at when it goes, not when it came. */
  const take = (): Buffer => {
    const all: Buffer[] = [];
    do {
      all.push(...sent.splice(0).map((bytes) => Buffer.from(bytes)));
      for (const written of taken.splice(0)) written();
    } while (sent.length > 0);
    return Buffer.concat(all);
  };
  return { queue, taken, take, failures };
}

/** Turns of the loop, and time, go on at once when the test says. */
class StepClock {
  #deferred: (() => void)[] = [];
  #timers: { dueMs: number; callback: () => void }[] = [];
  #nowMs = 0;

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  schedule(delayMs: number, callback: () => void) {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((one) => one !== timer)) };
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  get timers(): number {
    return this.#timers.length;
  }

  endTurns(): void {
    while (this.#deferred.length > 0) for (const callback of this.#deferred.splice(0)) callback();
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#timers = this.#timers.filter(({ dueMs }) => dueMs > this.#nowMs);
    for (const { callback } of due) callback();
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MiB = 1024 * 1024;
const clock = new StepClock();
const chunksOf = (count: number): SharedChunks =>
  new SharedChunks(count * sharedChunkBytes, clock as unknown as Clock);

/** Sends a region to a queue of its own; its bytes. */
function sendTo(shared: SharedChunks, region: FileRegion): Buffer {
  const { queue, take } = openQueue();
  queue.send(outbound([Buffer.from('head'), region], shared));
  clock.endTurns();
  return take().subarray(4);
}

test('who reads alone takes none of it; the second reads for all others', () => {
  const content = contentOf(3 * MiB);
  const shared = chunksOf(64);
  for (let at = 0; at < content.size; at += MiB) sendTo(shared, content.region(at, MiB));
  expect(shared.byteLength).toBe(0);
  for (let at = 0; at < content.size; at += MiB) sendTo(shared, content.region(at, MiB));
  expect(shared.byteLength).toBe(3 * MiB);
  const { reads } = content;
  for (let n = 0; n < 18; n++)
    expect(sendTo(shared, content.region(MiB + 7, MiB - 7)).equals(content.bytes(MiB + 7, MiB - 7))).toBe(
      true,
    );
  expect(content.reads).toBe(reads);
});

test('one who goes on from the middle of what it was sent, as consumers do, is alone still', () => {
  const content = contentOf(8 * MiB);
  const shared = chunksOf(64);
  for (let at = 0; at + MiB <= content.size; at += MiB - 50_000) sendTo(shared, content.region(at, MiB));
  expect(shared.byteLength).toBe(0);
});

test('a chunk that has grown in its file is read on', () => {
  const content = contentOf(100_000);
  const shared = chunksOf(64);
  for (let n = 0; n < 3; n++) sendTo(shared, content.region(0, 100_000));
  content.append(fresh(50_000));
  const { reads } = content;
  for (let n = 0; n < 3; n++)
    expect(sendTo(shared, content.region(90_000, 60_000)).equals(content.bytes(90_000, 60_000))).toBe(true);
  expect(content.reads).toBe(reads + 1);
});

test('what a socket still writes from is not used again: others read for themselves', () => {
  const content = contentOf(4 * MiB);
  const shared = chunksOf(2);
  const slow = openQueue();
  sendTo(shared, content.region(0, MiB / 2));
  slow.queue.send(outbound([content.region(0, MiB / 2)], shared));
  expect(shared.byteLength).toBe(MiB / 2);
  for (let n = 0; n < 3; n++)
    for (const at of [MiB, 2 * MiB])
      expect(sendTo(shared, content.region(at, MiB)).equals(content.bytes(at, MiB))).toBe(true);
  expect(shared.byteLength).toBe(MiB / 2);
  expect(slow.take().equals(content.bytes(0, MiB / 2))).toBe(true);
  for (let n = 0; n < 3; n++) sendTo(shared, content.region(MiB, MiB / 2));
  expect(shared.byteLength).toBe(MiB / 2);
});

test('fifty that never read hold no more than is allowed', () => {
  const content = contentOf(8 * MiB);
  const shared = chunksOf(8);
  const dead = Array.from({ length: 50 }, openQueue);
  for (let n = 0; n < dead.length; n++)
    dead[n]!.queue.send(outbound([content.region((n % 7) * MiB, MiB)], shared));
  clock.endTurns();
  expect(shared.byteLength).toBeLessThanOrEqual(8 * sharedChunkBytes);
  expect(sendTo(shared, content.region(0, MiB)).equals(content.bytes(0, MiB))).toBe(true);
  for (const { queue, take } of dead) {
    queue.destroy();
    take();
  }
  for (let n = 0; n < 3; n++) sendTo(shared, content.region(7 * MiB, MiB));
  const { reads } = content;
  sendTo(shared, content.region(7 * MiB, MiB));
  expect(content.reads).toBe(reads);
});

test('what nobody uses any more is given back, what a socket holds when it does', () => {
  const shared = chunksOf(64);
  const content = contentOf(2 * MiB);
  for (let n = 0; n < 2; n++) sendTo(shared, content.region(0, MiB));
  const slow = openQueue();
  sendTo(shared, content.region(MiB, sharedChunkBytes));
  slow.queue.send(outbound([content.region(MiB, sharedChunkBytes)], shared));
  clock.advance(idleMs);
  expect(shared.byteLength).toBe(MiB + sharedChunkBytes);
  clock.advance(idleMs);
  expect(shared.byteLength).toBe(sharedChunkBytes);
  slow.take();
  clock.advance(idleMs);
  expect(shared.byteLength).toBe(0);
  expect(clock.timers).toBe(0);
  for (let n = 0; n < 2; n++) sendTo(shared, content.region(0, MiB));
  shared.close();
  expect([shared.byteLength, clock.timers]).toEqual([0, 0]);
});

test('who is far ahead of others sends after them, and all of it', () => {
  const content = contentOf(8 * MiB);
  const shared = chunksOf(64);
  const [behind, ahead] = [openQueue(), openQueue()];
  behind.queue.send(outbound([content.region(0, MiB)], shared));
  ahead.queue.send(outbound([content.region(3 * MiB, MiB), Buffer.from('tail')], shared));
  ahead.queue.send(outbound([Buffer.from('next')], shared));
  expect(ahead.take().length).toBe(0);
  expect(behind.take().length).toBe(MiB);
  clock.endTurns();
  const expected = Buffer.concat([content.bytes(3 * MiB, MiB), Buffer.from('tailnext')]);
  expect(ahead.take().equals(expected)).toBe(true);
  expect(ahead.queue.isEmpty).toBe(true);
});

test('who has sent and gone is not kept', async () => {
  const content = contentOf(MiB);
  const shared = chunksOf(64);
  const send = (): WeakRef<OutboundQueue> => {
    const { queue, take } = openQueue();
    queue.send(outbound([content.region(0, MiB)], shared));
    expect(take().length).toBe(MiB);
    queue.destroy();
    return new WeakRef(queue);
  };
  const gone = send();
  // A weak reference holds what it refers to until the turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(gone.deref()).toBe(undefined);
  // Keeps the memory of places alive till here: it is that which must not hold the connection.
  expect(sendTo(shared, content.region(0, MiB)).length).toBe(MiB);
});

test('one that ends while it lets others go first sends nothing', () => {
  const content = contentOf(8 * MiB);
  const shared = chunksOf(64);
  const [behind, ahead] = [openQueue(), openQueue()];
  behind.queue.send(outbound([content.region(0, MiB)], shared));
  ahead.queue.send(outbound([content.region(3 * MiB, MiB)], shared));
  ahead.queue.destroy();
  clock.endTurns();
  expect(ahead.take().length).toBe(0);
});

test('none allowed, or a part that is small: none is taken', () => {
  const content = contentOf(MiB);
  const none = new SharedChunks(sharedChunkBytes - 1, clock as unknown as Clock);
  const some = chunksOf(4);
  for (let n = 0; n < 4; n++) {
    expect(sendTo(none, content.region(0, MiB)).equals(content.bytes(0, MiB))).toBe(true);
    sendTo(some, content.region(5, sharedPartBytesMin - 1));
  }
  expect([none.byteLength, some.byteLength]).toEqual([0, 0]);
});

test('a read that fails, or ends early, costs its own connection alone', () => {
  const content = contentOf(MiB);
  const shared = chunksOf(4);
  sendTo(shared, content.region(0, MiB));
  const early: File['readSync'] = (target, at, _length, from) => content.file.readSync(target, at, 7, from);
  const never = (): number => {
    throw new Error('EIO');
  };
  for (const readSync of [early, never]) {
    const { queue, take, failures } = openQueue();
    const broken: FileRegion = { ...content.region(0, MiB), file: { readSync } as File };
    queue.send(outbound([broken], shared));
    clock.endTurns();
    take();
    expect(failures).toHaveLength(1);
  }
  for (let n = 0; n < 3; n++)
    expect(sendTo(shared, content.region(0, MiB)).equals(content.bytes(0, MiB))).toBe(true);
});

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('append' as const), bytes: fc.nat(400_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('truncate' as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replace' as const), bytes: fc.nat(400_000) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('lend' as const),
      which: fc.nat(1),
      from: fc.constantFrom(0, 0.2, 0.5),
      bytes: fc.constantFrom(100_000, 262_144, 600_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('give back' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
);

test('whatever is appended, cut, replaced, lent and given back: what is lent is what the file had', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const shared = chunksOf(3);
      const contents = [contentOf(700_000), contentOf(300_000)];
      const out: { lent: LentBytes; expected: Buffer }[] = [];
      for (const one of steps) {
        const content = contents[0]!;
        if (one.kind === 'append') content.append(fresh(one.bytes));
        else if (one.kind === 'truncate') content.truncateTo(Math.floor(content.size * one.part));
        else if (one.kind === 'replace') content.replaceBy(fresh(one.bytes));
        else if (one.kind === 'wait') clock.advance(idleMs);
        else if (one.kind === 'give back') out.splice(one.which % (out.length + 1), 1)[0]?.lent.giveBack();
        else {
          const { size } = contents[one.which]!;
          const position = Math.floor(size * one.from);
          const region = contents[one.which]!.region(position, Math.min(one.bytes, size - position));
          const isWanted = shared.isWanted(region);
          for (let start = 0; start < region.byteLength; ) {
            const bytes = partBytes(region, start);
            const from = region.position;
            const lent = !isWanted
              ? null
              : shared.lend(region, start, (target, at, length, at2) =>
                  region.file.readSync(target, at, length, from + at2),
                );
            if (lent !== null) {
              expect(lent.bytes.byteLength).toBe(bytes);
              out.push({ lent, expected: contents[one.which]!.bytes(from + start, bytes) });
            }
            start += bytes;
          }
        }
        for (const { lent, expected } of out) expect(expected.equals(lent.bytes)).toBe(true);
        expect(shared.byteLength).toBeLessThanOrEqual(3 * sharedChunkBytes);
      }
    }),
    { numRuns: 40 },
  );
});
