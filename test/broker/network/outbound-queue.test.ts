/** Regions on their way out: read at once while that is fast, on the thread pool where they come from the disk. */
import { beforeEach, expect, test } from 'vitest';
import { OutboundQueue } from '../../../broker/network/outbound-queue.ts';
import { CountedRegion } from './frames.ts';

let nowMs = 0;
/** So far apart that no test is cautious because of another. */
beforeEach(() => void (nowMs += 1_000_000));

/** One whose reads take time, and whose reads on the pool end when the test says. */
class DiskRegion extends CountedRegion {
  readonly how: string[] = [];
  readonly #tookMs: (how: string) => number;
  readonly endings: (() => void)[] = [];

  constructor(bytes: Buffer, tookMs: (how: string) => number) {
    super(bytes);
    this.#tookMs = tookMs;
  }

  override readSync(target: Uint8Array, targetStart: number, length: number, start: number): number {
    this.how.push('now');
    nowMs += this.#tookMs('now');
    return super.readSync(target, targetStart, length, start);
  }

  async read(target: Uint8Array, targetStart: number, length: number, start: number): Promise<number> {
    this.how.push('pool');
    await new Promise<void>((resolve) => this.endings.push(resolve));
    nowMs += this.#tookMs('pool');
    return super.readSync(target, targetStart, length, start);
  }
}

interface Sent {
  readonly queue: OutboundQueue;
  readonly bytes: Buffer[];
  readonly failures: Error[];
}

/** A socket that takes everything in the next turn. */
function openQueue(blocksRead?: () => number): Sent {
  const sent: Buffer[] = [];
  const failures: Error[] = [];
  const queue = new OutboundQueue({
    write: (bytes, written) => {
      sent.push(Buffer.from(bytes));
      if (written) queueMicrotask(written);
    },
    waitingBytes: () => 0,
    nowMs: () => nowMs,
    ...(blocksRead && { blocksRead }),
    fail: (error) => failures.push(error),
  });
  return { queue, bytes: sent, failures };
}

/** One that has read often enough to know that it is all in memory. */
async function warmQueue(blocksRead?: () => number): Promise<Sent> {
  const sent = openQueue(blocksRead);
  for (let n = 0; n < 4; n++) {
    const region = new DiskRegion(Buffer.from('x'), () => 0.1);
    sent.queue.send([region]);
    await endAll(region);
    expect(region.how).toEqual(['pool']);
  }
  sent.bytes.length = 0;
  return sent;
}

test('answers that lie one behind the other go out in one write', () => {
  const { queue, bytes } = openQueue();
  const slab = Buffer.from('abcdef--gh');
  queue.send([slab.subarray(0, 2), slab.subarray(2, 3), slab.subarray(3, 6), slab.subarray(8)]);
  expect(bytes.map(String)).toEqual(['abcdef', 'gh']);
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function endAll(region: DiskRegion): Promise<void> {
  for (let n = 0; n < 50; n++) {
    await turn();
    region.endings.shift()?.();
  }
}

const pieceBytes = 256 * 1024;
const ofPieces = (count: number): Buffer => Buffer.alloc(count * pieceBytes, 'a pattern of 17 b');

test('a connection begins on the thread pool; what is fast is then read at once', async () => {
  const region = new DiskRegion(ofPieces(8), () => 0.2);
  const { queue, bytes } = openQueue();
  queue.send([region]);
  await endAll(region);
  expect(region.how).toEqual([...Array(4).fill('pool'), ...Array(4).fill('now')]);
  expect(Buffer.concat(bytes).equals(ofPieces(8))).toBe(true);
});

test('after a slow read the thread pool reads, and the order stays', async () => {
  const region = new DiskRegion(ofPieces(4), () => 5);
  const { queue, bytes } = await warmQueue();
  queue.send([Buffer.from('head'), region, Buffer.from('tail')]);
  queue.send([Buffer.from('next')]);
  await endAll(region);
  expect(region.how).toEqual(['now', 'pool', 'pool', 'pool']);
  const expected = Buffer.concat([Buffer.from('head'), ofPieces(4), Buffer.from('tailnext')]);
  expect(Buffer.concat(bytes).equals(expected)).toBe(true);
  expect(region.releases).toBe(1);
  expect(queue.isEmpty).toBe(true);
});

test('it goes on until as many reads as there should be were fast, and longer each time', async () => {
  const region = new DiskRegion(ofPieces(60), (how) => (how === 'now' ? 20 : 0.7));
  const { queue } = await warmQueue();
  queue.send([region]);
  while (region.releases === 0) await endAll(region);
  const runs = region.how
    .join(' ')
    .split('now')
    .map((run) => run.split('pool').length - 1);
  expect(runs).toEqual([0, 16, 32, 60 - 16 - 32 - 3]);
});

test('a read that only waited for the processor is not slow, unless nothing else would wait as long', async () => {
  let blocks = 1000;
  const counted = (): number => blocks;
  const queues = [
    await warmQueue(counted),
    await warmQueue(counted),
    await warmQueue(counted),
    await warmQueue(counted),
  ];
  const howOf = async (n: number, ms: number): Promise<string> => {
    const region = new DiskRegion(ofPieces(3), () => ms);
    queues[n]!.queue.send([region]);
    await endAll(region);
    return region.how.join(' ');
  };
  // Nobody has asked how many there were before the first.
  expect(await howOf(0, 5)).toBe('now pool pool');
  nowMs += 900;
  expect(await howOf(1, 5)).toBe('now pool pool');
  nowMs += 1001;
  expect(await howOf(2, 5)).toBe('now now now');
  blocks += 8;
  expect(await howOf(2, 0.5)).toBe('now now now');
  expect(await howOf(2, 5)).toBe('now pool pool');
  nowMs += 1001;
  expect(await howOf(3, 201)).toBe('now pool pool');
});

test('one slow read keeps others from trying theirs for a moment', async () => {
  const [slow, other, later] = [5, 0.1, 0.1].map((ms) => new DiskRegion(ofPieces(1), () => ms));
  const queues = [await warmQueue(), await warmQueue(), await warmQueue()];
  queues[0]!.queue.send([slow!]);
  queues[1]!.queue.send([other!]);
  nowMs += 50;
  queues[2]!.queue.send([later!]);
  await endAll(other!);
  expect([slow!.how, other!.how, later!.how]).toEqual([['now'], ['pool'], ['now']]);
});

test('a slow read under another clock, which is ahead, makes nobody cautious', async () => {
  const slow = new DiskRegion(ofPieces(1), () => 5);
  const here = new DiskRegion(ofPieces(1), () => 0.1);
  const queues = [await warmQueue(), await warmQueue()];
  nowMs += 500_000;
  queues[0]!.queue.send([slow]);
  nowMs -= 500_000;
  queues[1]!.queue.send([here]);
  await endAll(here);
  expect([slow.how, here.how]).toEqual([['now'], ['now']]);
});

test('two reads are on the pool at a time, however many wait', async () => {
  const regions = Array.from({ length: 5 }, () => new DiskRegion(ofPieces(1), () => 5));
  const queues = regions.map(() => openQueue());
  regions.forEach((region, n) => void queues[n]!.queue.send([region]));
  await turn();
  expect(regions.map(({ how }) => how.length)).toEqual([1, 1, 0, 0, 0]);
  regions[1]!.endings.shift()!();
  await turn();
  expect(regions.map(({ how }) => how.length)).toEqual([1, 1, 1, 0, 0]);
  for (const region of regions) await endAll(region);
  for (const { bytes } of queues) expect(Buffer.concat(bytes).length).toBe(pieceBytes);
});

test('a queue that ends during a read sends nothing more and lets go once', async () => {
  const region = new DiskRegion(ofPieces(3), () => 5);
  const { queue, bytes, failures } = openQueue();
  queue.send([Buffer.from('head'), region]);
  await turn();
  queue.destroy();
  await endAll(region);
  expect(Buffer.concat(bytes).toString()).toBe('head');
  expect(region.releases).toBe(1);
  expect(failures).toEqual([]);
});

test('a read that fails on the pool costs the connection', async () => {
  const region = new DiskRegion(ofPieces(3), () => 5);
  region.read = () => Promise.reject(new Error('EIO'));
  const { queue, failures } = openQueue();
  queue.send([region]);
  await turn();
  expect(failures.map(({ message }) => message)).toEqual(['EIO']);
  expect(region.releases).toBe(1);
});

test('a region that ends early on the pool costs the connection too', async () => {
  const region = new DiskRegion(ofPieces(3), () => 5);
  region.read = () => Promise.resolve(7);
  const { queue, failures } = openQueue();
  queue.send([region]);
  await turn();
  expect(failures.map(({ message }) => message)).toEqual([
    `a file region ended ${pieceBytes - 7} bytes early`,
  ]);
});
