/** What the Lookup service (service.ts) offers, as protobuf text. The words are those of broker/lookup/lookup.ts. */

export const lookupMessages = `
  syntax = "proto3";
  package kompakt.lookup;

  service Lookup {
    rpc Get (GetRequest) returns (Answer);
    // In the order of the keys.
    rpc GetMany (GetManyRequest) returns (stream Answers);
    rpc Page (PageRequest) returns (stream PagePart);
    rpc History (HistoryRequest) returns (stream HistoryPart);
    rpc Put (PutRequest) returns (Written);
    rpc Changes (ChangesRequest) returns (stream Change);
    rpc Tables (TablesRequest) returns (TablesReply);
  }

  message Call {
    // The caller's choice, of no call that runs.
    uint32 id = 1;
    oneof request {
      GetRequest get = 2;
      GetManyRequest getMany = 3;
      PageRequest page = 4;
      HistoryRequest history = 5;
      PutRequest put = 6;
      ChangesRequest changes = 7;
      TablesRequest tables = 8;
      // These two are about the call of this id, which may be over.
      Cancel cancel = 9;
      Taken taken = 10;
    }
    // It may be followed by a Cancel.
    bool isCancellable = 11;
  }
  // Nobody waits for it any more; there is no reply, or none after those under way.
  message Cancel {}
  // The reader of a stream has taken replies of so many bytes.
  message Taken {
    uint32 bytes = 1;
  }

  message Reply {
    uint32 id = 1;
    oneof outcome {
      Answer answer = 2;
      Answers answers = 3;
      PagePart page = 4;
      HistoryPart history = 5;
      Written written = 6;
      Change change = 7;
      TablesReply tables = 8;
      // With either of these a call is over.
      Refused refused = 9;
      string failed = 10;
      End end = 11;
    }
    // More of it follows.
    bool isPart = 12;
  }
  message End {}

  message Header {
    string name = 1;
    optional bytes value = 2;
  }
  // Of the topic that the call names.
  message Record {
    string topicId = 1;
    sint32 partition = 2;
    double offset = 3;
    sint32 leaderEpoch = 4;
    double timestampMs = 5;
    bytes key = 6;
    // Absent: a tombstone.
    optional bytes value = 7;
    repeated Header headers = 8;
  }
  message RecordId {
    string topicId = 1;
    sint32 partition = 2;
    double offset = 3;
  }

  message GetRequest {
    string topic = 1;
    bytes key = 2;
    GetOptions options = 3;
  }
  message GetOptions {
    optional sint32 partition = 1;
    optional double minOffset = 2;
    optional double asOfOffset = 3;
    optional double asOfMs = 4;
    optional double waitMs = 5;
  }
  message Answer {
    Kind kind = 1;
    // None, one, or of several partitions one each.
    repeated Record records = 2;
  }
  enum Kind {
    ABSENT = 0;
    FOUND = 1;
    DELETED = 2;
    SEVERAL = 3;
  }

  message GetManyRequest {
    string topic = 1;
    repeated bytes keys = 2;
    GetOptions options = 3;
  }
  message Answers {
    repeated Answer answers = 1;
  }

  message PageRequest {
    string topic = 1;
    optional sint32 partition = 2;
    optional bytes prefix = 3;
    optional string after = 4;
    optional uint32 limit = 5;
    optional double waitMs = 6;
  }
  message PagePart {
    repeated Record records = 1;
    // In the last part, unless that was the end.
    optional string next = 2;
  }

  message HistoryRequest {
    string topic = 1;
    bytes key = 2;
    optional sint32 partition = 3;
    optional uint32 limit = 4;
    optional double waitMs = 5;
  }
  message HistoryPart {
    repeated Record records = 1;
    // These two in the last part.
    bool isCut = 2;
    repeated CompleteFrom completeFrom = 3;
  }
  message CompleteFrom {
    sint32 partition = 1;
    double offset = 2;
  }

  message PutRequest {
    string topic = 1;
    bytes key = 2;
    // Absent: a tombstone.
    optional bytes value = 3;
    optional sint32 partition = 4;
    repeated Header headers = 5;
    optional double timestampMs = 6;
    repeated RecordId ifMatch = 7;
    // Instead of the list: whatever lives.
    bool ifMatchAny = 8;
    bool ifNoneMatch = 9;
    // With an empty list: none will do.
    bool hasIfMatch = 10;
    optional double waitMs = 11;
  }
  message Written {
    string topicId = 1;
    sint32 partition = 2;
    double offset = 3;
    double timestampMs = 4;
  }

  message ChangesRequest {
    string topic = 1;
    optional sint32 partition = 2;
    optional bytes key = 3;
    optional bytes prefix = 4;
    optional string after = 5;
    optional double bufferBytesMax = 6;
    optional double waitMs = 7;
  }
  message Change {
    string position = 1;
    bool isSnapshot = 2;
    // Absent: all that was there is told; from here on changes.
    Record record = 3;
  }

  message TablesRequest {}
  message TablesReply {
    repeated Table tables = 1;
  }
  message Table {
    string topic = 1;
    sint32 partition = 2;
    bool isLoading = 3;
    double keys = 4;
    double memoryBytes = 5;
    double indexedOffset = 6;
    double lastStableOffset = 7;
  }

  // LookupRefused; the fields of its reason are there, and no others.
  message Refused {
    string reason = 1;
    string message = 2;
    optional double offsetsDone = 3;
    optional double offsetsTotal = 4;
    optional double indexedOffset = 5;
    optional string blockedBy = 6;
    optional double earliestOffset = 7;
    optional double earliestMs = 8;
    repeated Record records = 9;
    RecordId current = 10;
    // Of the records.
    string topic = 11;
    optional double limitBytes = 12;
  }
`;
