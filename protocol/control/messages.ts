/** What the control socket's service (service.ts) offers, as protobuf text, and the answer to Status as a type. */

export const controlMessages = `
  syntax = "proto3";
  package kompakt.control;

  service Control {
    rpc Status (StatusRequest) returns (StatusReply);
    // Answered when the broker begins to stop; it has stopped when the connection closes.
    // What clients asked for, or the configuration, and this broker has not.
    rpc Gaps (GapsRequest) returns (GapsReply);
    rpc Stop (StopRequest) returns (StopReply);
    // Now and then how far it is, and a receipt for each partition as soon as that one is done.
    rpc Compact (CompactRequest) returns (stream CompactReply);
    // Each partition, and after it what it has too much of for one reply.
    rpc Explain (ExplainRequest) returns (stream ExplainReply);
    // The first call of a connection, which speaks the Lookup service (protocol/lookup) from the answer on.
    rpc OpenLookup (OpenLookupRequest) returns (OpenLookupReply);
  }

  message StatusRequest {}
  message StatusReply {
    string version = 1;
    uint32 pid = 2;
    double uptimeMs = 3;
    // Empty: in memory.
    string dataDirectory = 4;
    string clusterId = 5;
    sint32 nodeId = 6;
    // host:port, as bound.
    repeated string listeners = 7;
    uint32 topics = 8;
    uint32 partitions = 9;
    uint32 connections = 10;
    double requests = 11;
    double unforeseenErrors = 12;
    // The disk has failed: writes are refused.
    bool offline = 13;
    CleanerStatus cleaner = 14;
    // Empty: no HTTP.
    string httpUrl = 15;
    // host:port, as bound. Empty: no lookups over TCP.
    string lookupAddress = 16;
  }
  message CleanerStatus {
    bool isEnabled = 1;
    uint32 threads = 2;
    repeated RunningPass running = 3;
    // The first of them.
    repeated Trouble troubles = 4;
    uint32 troubleCount = 5;
    CleanerCounts counts = 6;
    // thread, or process: on the event loop of the broker. Absent: not known before the first pass.
    optional string runsIn = 7;
  }
  message RunningPass {
    string topic = 1;
    sint32 partition = 2;
    CleanProgress progress = 3;
  }
  message CleanProgress {
    // index or rewrite
    string phase = 1;
    double bytesDone = 2;
    double bytesTotal = 3;
  }
  // A partition that cannot be cleaned.
  message Trouble {
    string topic = 1;
    sint32 partition = 2;
    string why = 3;
    uint32 failures = 4;
    double sinceMs = 5;
    double retryMs = 6;
  }
  // Since the start.
  message CleanerCounts {
    double passes = 1;
    double failures = 2;
    double discarded = 3;
    double recordsRemoved = 4;
    double bytesRemoved = 5;
  }

  message GapsRequest {}
  message GapsReply {
    repeated Gap gaps = 1;
    // How often something came that had no room among them.
    double others = 2;
  }
  // See broker/observe/gaps.ts, whose names these are.
  message Gap {
    string kind = 1;
    string name = 2;
    string outcome = 3;
    string why = 4;
    double count = 5;
    repeated string clients = 6;
    double lastMs = 7;
    string docs = 8;
  }

  message StopRequest {}
  message StopReply {}

  message CompactRequest {
    string topic = 1;
    // Absent: all of them.
    optional sint32 partition = 2;
    bool includeActive = 3;
    optional double dropTombstonesOlderThanMs = 4;
    bool dryRun = 5;
  }
  message CompactReply {
    // One of the two.
    CompactionProgress progress = 1;
    CompactionReceipt receipt = 2;
  }
  message CompactionProgress {
    string topic = 1;
    sint32 partition = 2;
    uint32 pass = 3;
    string phase = 4;
    double bytesDone = 5;
    double bytesTotal = 6;
  }
  // See compaction/receipt.ts, whose names these are.
  message CompactionReceipt {
    string topic = 1;
    sint32 partition = 2;
    string outcome = 3;
    optional string why = 4;
    Range range = 5;
    Records records = 6;
    double emptyBatches = 7;
    BeforeAfter bytes = 8;
    BeforeAfter segments = 9;
    double nextHorizonMs = 10;
    uint32 passes = 11;
    double durationMs = 12;
    double memoryBytes = 13;
    MapUse map = 14;
  }
  message Range {
    double logStart = 1;
    double firstDirty = 2;
    double end = 3;
    double firstUncleanable = 4;
    double logEnd = 5;
  }
  message Records {
    double before = 1;
    double after = 2;
    Kept kept = 3;
    Removed removed = 4;
    NotCleanable notCleanable = 5;
  }
  message Kept {
    double newest = 1;
    double tombstones = 2;
    double markers = 3;
    double beyondMap = 4;
  }
  message Removed {
    double superseded = 1;
    double tombstonesExpired = 2;
    double aborted = 3;
    double markersExpired = 4;
    double nullKeys = 5;
  }
  message NotCleanable {
    double lag = 1;
    double openTransaction = 2;
    double active = 3;
  }
  message BeforeAfter {
    double before = 1;
    double after = 2;
  }
  message MapUse {
    double keys = 1;
    double capacity = 2;
  }

  message ExplainRequest {
    string topic = 1;
    bytes key = 2;
    optional sint32 partition = 3;
    // Of each partition the newest so many records.
    uint32 limit = 4;
  }
  message ExplainReply {
    // Absent: more of the one before.
    PartitionExplanation partition = 1;
    repeated ExplainedRecord records = 2;
    repeated BlockedRange blocked = 3;
  }
  // See broker/cleaning/explain-log.ts and compaction/explain.ts, whose names these are.
  message PartitionExplanation {
    string topic = 1;
    sint32 partition = 2;
    string why = 3;
    PartitionState state = 4;
    optional string unreadable = 5;
    double recordCount = 6;
  }
  message PartitionState {
    double logStartOffset = 1;
    double firstDirtyOffset = 2;
    double firstUncleanableOffset = 3;
    double lastStableOffset = 4;
    double endOffset = 5;
    double dirtyRatio = 6;
    double minDirtyRatio = 7;
    bool isDue = 8;
    bool isForced = 9;
    optional string obstacle = 10;
  }
  message BlockedRange {
    double baseOffset = 1;
    double nextOffset = 2;
    string reason = 3;
    double untilMs = 4;
  }
  message ExplainedRecord {
    double offset = 1;
    double timestampMs = 2;
    double segmentBaseOffset = 3;
    // Absent: a tombstone.
    optional double valueBytes = 4;
    double deleteHorizonMs = 5;
    string transaction = 6;
    double producerId = 7;
    string state = 8;
    double supersededBy = 9;
    double staysUntilMs = 10;
    string why = 11;
  }

  message OpenLookupRequest {}
  message OpenLookupReply {
    uint32 callsMax = 1;
    uint32 streamsMax = 2;
    uint32 callBytesMax = 3;
  }

  message Call {
    uint32 id = 1;
    string token = 2;
    string method = 3;
    bytes body = 4;
  }
  message Reply {
    uint32 id = 1;
    // Empty: it went well. With an error a call is over.
    string error = 2;
    bytes body = 3;
    // A stream is over; there is no message in this one.
    bool isEnd = 4;
  }
`;

export interface ControlStatus {
  readonly version: string;
  readonly pid: number;
  readonly uptimeMs: number;
  /** Empty: in memory. */
  readonly dataDirectory: string;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly listeners: readonly string[];
  /** Empty: no HTTP. */
  readonly httpUrl: string;
  /** Empty: no lookups over TCP. */
  readonly lookupAddress: string;
  readonly topics: number;
  readonly partitions: number;
  readonly connections: number;
  readonly requests: number;
  readonly unforeseenErrors: number;
  readonly offline: boolean;
  readonly cleaner: ControlCleaner;
}

export interface ControlCleaner {
  readonly isEnabled: boolean;
  readonly threads: number;
  readonly running: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly progress: {
      readonly phase: string;
      readonly bytesDone: number;
      readonly bytesTotal: number;
    } | null;
  }[];
  /** The first of `troubleCount`. */
  readonly troubles: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly why: string;
    readonly failures: number;
    readonly sinceMs: number;
    readonly retryMs: number;
  }[];
  readonly troubleCount: number;
  /** `thread`, or `process`: on the event loop of the broker; null: not known before the first pass. */
  readonly runsIn: string | null;
  readonly counts: {
    readonly passes: number;
    readonly failures: number;
    readonly discarded: number;
    readonly recordsRemoved: number;
    readonly bytesRemoved: number;
  };
}
