/** Jobs and results with something in each field, and threads that are none: the other end runs in the test itself. */
import type { CleanJob, CleanResult } from '../../compaction/clean-job.ts';
import type { CleanerProtocol } from '../../compaction/service.ts';
import { type CleanerActions, CleanerServer } from '../../compaction/service-stub.ts';
import type { StartThread, ThreadEnd, ThreadEvents } from '../../compaction/thread-port.ts';

const records = {
  newest: 1,
  tombstones: 2,
  markers: 3,
  beyondMap: 4,
  superseded: 5,
  tombstonesExpired: 6,
  aborted: 7,
  markersExpired: 8,
  nullKeys: 9,
};

export const sampleResult: CleanResult = {
  endOffset: 2 ** 53 - 1,
  groups: [{ baseOffset: 0, sourceBaseOffsets: [0, 10, 2 ** 40] }],
  records,
  emptyBatches: 10,
  bytesBefore: 11,
  bytesAfter: 12,
  nextHorizonMs: -1,
  uncleanable: { lag: 13, 'open-transaction': 14, active: 15 },
  mapEntries: 16,
  mapCapacity: 17,
  memoryBytes: 18,
  bytesRead: 19,
  durationMs: 20.5,
  times: { upToOffset: 100, steps: [{ offset: 7, ms: 1_700_000_000_000, isSure: true }] },
};

export const sampleJob: CleanJob = {
  directory: '/data/articles-0',
  firstDirtyOffset: 5,
  firstUncleanableOffset: 100,
  highWatermark: 120,
  nowMs: 1_700_000_000_000,
  segments: [],
  uncleanable: [],
  abortedTransactions: [],
  producers: [],
  settings: { segmentBytes: 1, segmentIndexBytes: 2, indexIntervalBytes: 3, deleteRetentionMs: 4 },
  limits: {
    dedupeBufferBytes: 1,
    loadFactor: 0.9,
    ioBufferBytes: 2,
    ioBytesPerSecond: Number.POSITIVE_INFINITY,
  },
  isDryRun: false,
  tombstonesGoUpToMs: -1,
  timeSteps: null,
};

export interface FakeThreads {
  readonly start: StartThread;
  /** How many were started. */
  readonly started: () => number;
  /** How many of them live. */
  readonly alive: () => number;
  /** The last one ends by itself. */
  die(how?: Partial<ThreadEnd>): void;
}

/** Threads that do what `actions` say, in later turns of the loop as real ones. */
export function fakeThreads(protocol: CleanerProtocol, actions: CleanerActions): FakeThreads {
  const living = new Set<ThreadEvents>();
  let started = 0;
  let last: ThreadEvents | null = null;
  const end = (events: ThreadEvents, how: Partial<ThreadEnd>): void => {
    if (living.delete(events)) events.ended({ code: 1, failure: null, said: '', ...how });
  };
  const start: StartThread = (events) => {
    started++;
    last = events;
    living.add(events);
    const post = (message: Uint8Array): void =>
      queueMicrotask(() => {
        if (living.has(events)) events.received(message);
      });
    const server = new CleanerServer(protocol, post, actions);
    return {
      post: (message) => queueMicrotask(() => server.receive(message)),
      end: async () => end(events, {}),
    };
  };
  return {
    start,
    started: () => started,
    alive: () => living.size,
    die: (how = {}) => end(last!, how),
  };
}
