/** The calls of one connection, without a socket: what is sent, in which order, and what ends them. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { CompactionRefused } from '../../../broker/cleaning/compaction-refused.ts';
import type {
  CompactionProgress,
  CompactOptions,
  ExplainOptions,
} from '../../../broker/cleaning/compactions.ts';
import type { PartitionExplanation } from '../../../broker/cleaning/explain-log.ts';
import { ControlCalls, callsMax } from '../../../broker/control/control-calls.ts';
import {
  cleanerToMessage,
  compactReplyOf,
  explanationsOf,
} from '../../../broker/control/control-messages.ts';
import { Gaps } from '../../../broker/observe/gaps.ts';
import type { ExplainedRecord } from '../../../compaction/explain.ts';
import type { CompactionReceipt } from '../../../compaction/receipt.ts';
import type { ControlStatus } from '../../../protocol/control/messages.ts';
import {
  type ControlProtocol,
  controlFrameBytesMax,
  controlMethod,
  controlProtocol,
} from '../../../protocol/control/service.ts';
import { decode, encode } from '../../../protocol/protobuf.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { deferred, keepingLogger } from '../network/frames.ts';

const protocol: ControlProtocol = await controlProtocol();

interface Reply {
  readonly id: number;
  readonly error: string;
  readonly body: Uint8Array;
  readonly isEnd: boolean;
}

let clock: VirtualClock;
let sent: Reply[];
let hasRoom: boolean;
let stops: number;
let logger: ReturnType<typeof keepingLogger>;
let calls: ControlCalls;
let receipts: (topic: string, options: CompactOptions) => AsyncGenerator<CompactionReceipt>;
let explanations: (
  topic: string,
  key: Buffer,
  options: ExplainOptions,
) => AsyncGenerator<PartitionExplanation>;

let gaps: Gaps;

beforeEach(() => {
  clock = new VirtualClock();
  gaps = new Gaps(clock, { ignoredKeys: () => [] });
  sent = [];
  hasRoom = true;
  stops = 0;
  logger = keepingLogger();
  calls = new ControlCalls({
    protocol,
    clock,
    logger,
    actions: {
      status: () => ({ version: '1' }) as ControlStatus,
      gaps,
      stop: () => {
        stops++;
      },
      compactions: {
        receipts: (topic, options = {}) => receipts(topic, options),
        explanations: (topic, key, options = {}) => explanations(topic, key, options),
      },
    },
    send: (frame) => {
      expect(frame.length).toBeLessThanOrEqual(4 + controlFrameBytesMax);
      sent.push(decode(protocol.reply, frame.subarray(4)) as Reply);
      return hasRoom;
    },
  });
});

function call(id: number, method: string, request: object = {}): Promise<void> {
  const { request: type } = controlMethod(protocol, method)!;
  return calls.take({ id, token: '', method, body: encode(type, request) });
}

/** The messages of a call's answer, without the reply that ends it. */
function messagesOf(id: number, method: string): object[] {
  const { response } = controlMethod(protocol, method)!;
  const replies = sent.filter((reply) => reply.id === id && !reply.isEnd);
  return replies.map(({ body }) => decode(response, body));
}

function receipt(partition: number, why: string | null = null): CompactionReceipt {
  return {
    topic: 'articles',
    partition,
    outcome: why === null ? 'compacted' : 'failed',
    why,
    range: { logStart: 1, firstDirty: 2, end: 3, firstUncleanable: 4, logEnd: 2 ** 53 - 1 },
    records: {
      before: 10,
      after: 11,
      kept: { newest: 12, tombstones: 13, markers: 14, beyondMap: 15 },
      removed: { superseded: 16, tombstonesExpired: 17, aborted: 18, markersExpired: 19, nullKeys: 20 },
      notCleanable: { lag: 21, 'open-transaction': 22, active: 23 },
    },
    emptyBatches: 24,
    bytes: { before: 25, after: 26 },
    segments: { before: 27, after: 28 },
    nextHorizonMs: -1,
    passes: 29,
    durationMs: 30.5,
    memoryBytes: 31,
    map: { keys: 32, capacity: 33 },
  };
}

const progress = (bytesDone: number, phase: 'index' | 'rewrite' = 'index'): CompactionProgress => {
  return { topic: 'articles', partition: 0, pass: 1, phase, bytesDone, bytesTotal: 100 };
};

describe('Compact', () => {
  it('streams how far it is, now and then, each receipt when it is there, and an end', async () => {
    let asked: [string, CompactOptions] | undefined;
    receipts = async function* (topic, options) {
      asked = [topic, options];
      options.onProgress!(progress(1));
      options.onProgress!(progress(2));
      await clock.advance(100);
      options.onProgress!(progress(3));
      options.onProgress!(progress(4, 'rewrite'));
      yield receipt(0);
      yield receipt(1, 'the disk failed');
    };
    await call(7, 'Compact', { topic: 'articles', includeActive: true, partition: 0 });
    expect(asked).toMatchObject(['articles', { includeActive: true, dryRun: false, partition: 0 }]);
    expect(asked![1]).not.toHaveProperty('dropTombstonesOlderThanMs');
    expect(messagesOf(7, 'Compact').map(compactReplyOf)).toEqual([
      { progress: progress(1), receipt: null },
      { progress: progress(3), receipt: null },
      { progress: progress(4, 'rewrite'), receipt: null },
      { progress: null, receipt: receipt(0) },
      { progress: null, receipt: receipt(1, 'the disk failed') },
    ]);
    expect(sent.at(-1)).toMatchObject({ id: 7, error: '', isEnd: true });
  });

  it('is refused in one line; what nobody expected is in the log too', async () => {
    receipts = async function* () {
      yield receipt(0);
      throw new CompactionRefused('there is no topic articles');
    };
    await call(1, 'Compact', { topic: 'articles' });
    receipts = async function* () {
      yield await Promise.reject(new TypeError('x is undefined'));
    };
    await call(2, 'Compact', { topic: 'articles' });
    expect(sent.map(({ id, error, isEnd }) => ({ id, error, isEnd }))).toEqual([
      { id: 1, error: '', isEnd: false },
      { id: 1, error: 'there is no topic articles', isEnd: false },
      { id: 2, error: 'Compact failed unexpectedly: x is undefined', isEnd: false },
    ]);
    expect(logger.lines.map(({ level }) => level)).toEqual(['error']);
  });

  it('leaves out progress, and nothing else, for a caller who is slow', async () => {
    const next = deferred<void>();
    receipts = async function* (_, options) {
      hasRoom = false;
      yield receipt(0);
      options.onProgress!(progress(2));
      next.resolve();
      yield receipt(1);
    };
    const done = call(1, 'Compact', { topic: 'articles' });
    await clock.advance(0);
    expect(messagesOf(1, 'Compact')).toHaveLength(1);
    hasRoom = true;
    calls.drained();
    await next.promise;
    await done;
    expect(messagesOf(1, 'Compact').map((message) => compactReplyOf(message).receipt?.partition)).toEqual([
      0,
      undefined,
      1,
    ]);
  });
});

describe('a connection', () => {
  it('has calls side by side', async () => {
    const goOn = deferred<void>();
    receipts = async function* () {
      await goOn.promise;
      yield receipt(0);
    };
    const compacting = call(1, 'Compact', { topic: 'articles' });
    await call(2, 'Status');
    expect(sent.map(({ id }) => id)).toEqual([2]);
    goOn.resolve();
    await compacting;
    expect(sent.map(({ id }) => id)).toEqual([2, 1, 1]);
  });

  it('takes back what it called for when it closes, and hears no more of it', async () => {
    const signals: AbortSignal[] = [];
    receipts = async function* (_, { signal }) {
      signals.push(signal!);
      await new Promise((resolve) => signal!.addEventListener('abort', resolve));
      yield receipt(0);
      throw new Error('nobody hears this');
    };
    const running = [1, 2].map((id) => call(id, 'Compact', { topic: 'articles' }));
    calls.closed();
    await Promise.all(running);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(sent).toEqual([]);
  });

  it('that closes while it is waited for lets everything go', async () => {
    let isOver = false;
    receipts = async function* () {
      try {
        hasRoom = false;
        yield receipt(0);
        yield receipt(1);
      } finally {
        isOver = true;
      }
    };
    const done = call(1, 'Compact', { topic: 'articles' });
    await clock.advance(0);
    calls.closed();
    await done;
    expect(isOver).toBe(true);
  });

  it('has so many at a time and no more, and only those that there are', async () => {
    const goOn = deferred<void>();
    receipts = async function* () {
      await goOn.promise;
      yield receipt(0);
    };
    const running = Array.from({ length: callsMax }, (_, n) => call(n, 'Compact', { topic: 'articles' }));
    await call(100, 'Status');
    expect(sent).toMatchObject([
      { id: 100, error: `more than ${callsMax} calls at a time on one connection` },
    ]);
    goOn.resolve();
    await Promise.all(running);
    await calls.take({ id: 101, token: '', method: 'toString', body: new Uint8Array() });
    expect(sent.at(-1)).toMatchObject({ id: 101, error: 'this broker has no method toString' });
    await calls.take({ id: 102, token: '', method: 'Explain', body: Buffer.from([255, 255]) });
    expect(sent.at(-1)).toMatchObject({ id: 102, error: expect.stringContaining('Explain failed') });
  });

  it('is answered before the broker begins to stop', async () => {
    await call(1, 'Stop');
    expect(sent).toMatchObject([{ id: 1, error: '' }]);
    expect(stops).toBe(1);
  });
});

describe('Explain', () => {
  const record = (offset: number): ExplainedRecord => ({
    offset,
    timestampMs: 1.7e12,
    segmentBaseOffset: 0,
    valueBytes: offset % 3 === 0 ? null : offset % 3,
    deleteHorizonMs: -1,
    transaction: 'none',
    producerId: -1,
    state: 'superseded',
    supersededBy: 5,
    staysUntilMs: -1,
    why: 'superseded by offset 5: it goes with the next pass',
  });
  const explanation = (partition: number, records: number, blocked: number): PartitionExplanation => ({
    topic: 'articles',
    partition,
    why: 'due',
    state: {
      logStartOffset: 0,
      firstDirtyOffset: 1,
      firstUncleanableOffset: 2,
      lastStableOffset: 3,
      endOffset: 4,
      dirtyRatio: 0.25,
      minDirtyRatio: 0.5,
      isDue: true,
      isForced: false,
      obstacle: partition % 2 === 0 ? null : 'log.cleaner.enable is false',
      blocked: Array.from({ length: blocked }, (_, n) => {
        return { baseOffset: n, nextOffset: n + 1, reason: 'lag', untilMs: 1.7e12 };
      }),
    },
    unreadable: partition % 2 === 0 ? null : 'damaged',
    recordCount: 1e6,
    records: Array.from({ length: records }, (_, n) => record(n)),
  });

  it('comes back as it was, whatever it takes in replies', async () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(199, 200, 201, 1000));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(size, size), { maxLength: 4 }), async (sizes) => {
        sent = [];
        const all = sizes.map(([records, blocked], partition) => explanation(partition, records, blocked));
        explanations = async function* () {
          yield* all;
        };
        await call(1, 'Explain', { topic: 'articles', key: Buffer.from('k') });
        const stream = (async function* () {
          yield* messagesOf(1, 'Explain');
        })();
        const found: PartitionExplanation[] = [];
        for await (const each of explanationsOf(stream)) found.push(each);
        expect(found).toEqual(all);
      }),
      { numRuns: 20 },
    );
  });

  it('asks for what was asked, and may have 100,000 records', async () => {
    let asked: unknown[] = [];
    explanations = async function* (topic, key, options) {
      asked = [topic, key.toString(), options];
      yield explanation(0, 100_000, 0);
    };
    await call(1, 'Explain', { topic: 'articles', key: Buffer.from('ünter'), partition: 0, limit: 100_000 });
    expect(asked).toMatchObject(['articles', 'ünter', { partition: 0, limit: 100_000 }]);
    expect(messagesOf(1, 'Explain')).toHaveLength(500);
    await call(2, 'Explain', { topic: 'articles', key: Buffer.from('k') });
    expect(asked[2]).not.toHaveProperty('limit');
    expect(asked[2]).not.toHaveProperty('partition');
  });
});

describe('Status', () => {
  it('names a hundred troubles at most, cut to a line that fits, and counts all', () => {
    const troubles = Array.from({ length: 5_000 }, (_, partition) => {
      return { topic: 'articles', partition, why: 'x'.repeat(5_000), failures: 1, sinceMs: 1, retryMs: 2 };
    });
    const counts = { passes: 0, failures: 0, discarded: 0, recordsRemoved: 0, bytesRemoved: 0 };
    const message = cleanerToMessage({
      isEnabled: true,
      threads: 1,
      runsIn: 'thread',
      running: [],
      troubles,
      counts,
    });
    expect(message).toMatchObject({ troubleCount: 5_000, troubles: { length: 100 } });
    expect(JSON.stringify(message).length).toBeLessThan(controlFrameBytesMax / 4);
  });
});
