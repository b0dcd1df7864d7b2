/**
 * What broker and cleaner thread say to each other: a protobuf service, one message each of the port between them.
 *
 *    Call  { id, method, body }      broker → thread
 *    Reply { id, error, body }       thread → broker; several for one call of Progress, as long as the pass runs
 *
 * Offsets, times and byte counts are doubles: exact up to 2^53, as everywhere here, and infinity has a place. The text below is
 * parsed when the cleaner first starts: a broker that cleans nothing never loads protobufjs. The two ends are service-stub.ts.
 */
import type { NamespaceBase, Service, Type } from 'protobufjs';
import type { TimeStep } from '../storage/log/removed-times.ts';
import type { CleanJob, CleanProgress, CleanResult, UncleanableReason } from './clean-job.ts';

const text = `
  syntax = "proto3";
  package kompakt.cleaner;

  service Cleaner {
    // One at a time.
    rpc Clean (CleanJob) returns (CleanResult);
    // How far the pass is that runs, now and then, and a sign of life in any case.
    rpc Progress (ProgressRequest) returns (stream CleanProgress);
    // The pass ends at its next chunk with an error of kind "aborted".
    rpc Abort (AbortRequest) returns (AbortReply);
  }

  message CleanJob {
    string directory = 1;
    double firstDirtyOffset = 2;
    double firstUncleanableOffset = 3;
    double nowMs = 4;
    repeated CleanSegment segments = 5;
    repeated UncleanableSegment uncleanable = 6;
    repeated AbortedTransaction abortedTransactions = 7;
    repeated LiveProducer producers = 8;
    CleanSettings settings = 9;
    CleanLimits limits = 10;
    bool isDryRun = 11;
    double tombstonesGoUpToMs = 12;
    double highWatermark = 13;
    // Absent: nobody wants to know.
    TimeSteps timeSteps = 14;
  }
  message TimeSteps {
    repeated TimeStep steps = 1;
    double upToOffset = 2;
  }
  message TimeStep {
    double offset = 1;
    double ms = 2;
    bool isSure = 3;
  }
  message CleanSegment {
    double baseOffset = 1;
    double nextOffset = 2;
    string path = 3;
    double sizeBytes = 4;
    double offsetIndexBytes = 5;
    double timeIndexBytes = 6;
    double modifiedMs = 7;
  }
  message UncleanableSegment {
    string path = 1;
    double sizeBytes = 2;
    string reason = 3;
  }
  message AbortedTransaction {
    double producerId = 1;
    double firstOffset = 2;
    double lastOffset = 3;
    double lastStableOffset = 4;
  }
  message LiveProducer {
    double producerId = 1;
    sint32 epoch = 2;
    double lastDataOffset = 3;
  }
  message CleanSettings {
    double segmentBytes = 1;
    double segmentIndexBytes = 2;
    double indexIntervalBytes = 3;
    double deleteRetentionMs = 4;
  }
  message CleanLimits {
    double dedupeBufferBytes = 1;
    double loadFactor = 2;
    double ioBufferBytes = 3;
    double ioBytesPerSecond = 4;
  }

  message CleanResult {
    double endOffset = 1;
    repeated CleanedGroup groups = 2;
    CleanedRecords records = 3;
    double emptyBatches = 4;
    double bytesBefore = 5;
    double bytesAfter = 6;
    double nextHorizonMs = 7;
    // In the order of uncleanableReasons.
    repeated double uncleanable = 8;
    double mapEntries = 9;
    double mapCapacity = 10;
    double memoryBytes = 11;
    double bytesRead = 12;
    double durationMs = 13;
    // Absent: nobody wants to know.
    TimeSteps times = 14;
  }
  message CleanedGroup {
    double baseOffset = 1;
    repeated double sourceBaseOffsets = 2;
  }
  message CleanedRecords {
    double newest = 1;
    double tombstones = 2;
    double markers = 3;
    double beyondMap = 4;
    double superseded = 5;
    double tombstonesExpired = 6;
    double aborted = 7;
    double markersExpired = 8;
    double nullKeys = 9;
  }

  message ProgressRequest {}
  message CleanProgress {
    string phase = 1;
    double bytesDone = 2;
    double bytesTotal = 3;
    // Nothing new, but the thread lives.
    bool isSignOfLife = 4;
  }

  message AbortRequest {}
  message AbortReply {}

  message Call {
    uint32 id = 1;
    string method = 2;
    bytes body = 3;
  }
  message Reply {
    uint32 id = 1;
    // Absent: it went well.
    CleanerError error = 2;
    bytes body = 3;
  }
  // See service-errors.ts.
  message CleanerError {
    string kind = 1;
    string message = 2;
    string code = 3;
    string path = 4;
    string trace = 5;
  }
`;

const uncleanableReasons: readonly UncleanableReason[] = ['lag', 'open-transaction', 'active'];

/** What a Progress reply holds; none: only a sign of life. */
export type ProgressReply = CleanProgress | null;

export interface CleanerProtocol {
  readonly service: Service;
  readonly call: Type;
  readonly reply: Type;
  /** Its fields are those of a CleanJob. */
  readonly cleanJob: Type;
  readonly cleanResult: Type;
  readonly cleanProgress: Type;
  readonly abortReply: Type;
}

let protocol: Promise<CleanerProtocol> | null = null;

/** Lets others have their turn; whoever has nobody beside him need not. */
type GiveWay = () => Promise<void>;

/**
 * Loads protobufjs and parses the service, once. All of it takes 23 ms of processor time: a broker's event loop does it piece by piece
 * (the package 7, the text 6, a type at most 2).
 */
export function cleanerProtocol(giveWay?: GiveWay): Promise<CleanerProtocol> {
  protocol ??= load(giveWay).catch((error: unknown) => {
    // A process without a free descriptor may have one for the next pass.
    protocol = null;
    throw error;
  });
  return protocol;
}

async function load(giveWay: GiveWay | undefined): Promise<CleanerProtocol> {
  await giveWay?.();
  const { default: protobuf } = await import('protobufjs');
  await giveWay?.();
  const { root } = protobuf.parse(text, { keepCase: true });
  await giveWay?.();
  root.resolveAll();
  const type = (name: string): Type => root.lookupType(`kompakt.cleaner.${name}`);
  const service = root.lookupService('kompakt.cleaner.Cleaner');
  if (giveWay) await compileEach(service.parent!, giveWay);
  return {
    service,
    call: type('Call'),
    reply: type('Reply'),
    cleanJob: type('CleanJob'),
    cleanResult: type('CleanResult'),
    cleanProgress: type('CleanProgress'),
    abortReply: type('AbortReply'),
  };
}

/** Else the first message of a type compiles what it holds, all types of it at a time. */
async function compileEach(namespace: NamespaceBase, giveWay: GiveWay): Promise<void> {
  for (const each of namespace.nestedArray) {
    if (!('setup' in each)) continue;
    (each as Type).setup();
    await giveWay();
  }
}

/** Its fields are those of a CleanJob, but for a list that may be missing. */
export function jobToMessage(job: CleanJob): object {
  return { ...job, timeSteps: job.timeSteps && { steps: job.timeSteps } };
}

export function jobOf(message: object): CleanJob {
  const { timeSteps, ...rest } = message as CleanJob & { timeSteps: { steps: TimeStep[] } | null };
  return { ...rest, timeSteps: timeSteps?.steps ?? null };
}

export function resultToMessage(result: CleanResult): object {
  return { ...result, uncleanable: uncleanableReasons.map((reason) => result.uncleanable[reason]) };
}

export function resultOf(message: object): CleanResult {
  const { uncleanable, ...rest } = message as Omit<CleanResult, 'uncleanable'> & { uncleanable: number[] };
  const counts = uncleanableReasons.map((reason, i) => [reason, uncleanable[i] ?? 0] as const);
  return { ...rest, uncleanable: Object.fromEntries(counts) as Record<UncleanableReason, number> };
}

export function progressToMessage(progress: ProgressReply): object {
  return progress ?? { isSignOfLife: true };
}

export function progressOf(message: object): ProgressReply {
  const { isSignOfLife, ...progress } = message as CleanProgress & { isSignOfLife: boolean };
  return isSignOfLife ? null : progress;
}
