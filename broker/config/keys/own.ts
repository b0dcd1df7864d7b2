/** Keys that Apache Kafka does not have. */
import { boolean, GiB, int, KiB, long, MiB, oneOf, secondMs } from '../../../storage/config/define.ts';

export const ownKeys = {
  'kompakt.durability': oneOf(['page-cache', 'fsync', 'interval'], {
    default: 'page-cache',
    doc: "When an append is safe from a power cut. page-cache: when the operating system writes it out, Kafka's way; a killed process loses nothing. fsync: before it is acknowledged, shared by all appends that wait. interval: every kompakt.durability.interval.ms.",
  }),
  'kompakt.durability.interval.ms': long({
    default: 1 * secondMs,
    min: 1,
    doc: 'How often logs are synced under kompakt.durability=interval: the most that a power cut can take.',
  }),
  'kompakt.replication.factor.cap': boolean({
    default: false,
    doc: 'Turn a replication factor above 1 into 1, with a log line, instead of refusing it. For tools that insist on 3, such as Connect.',
  }),
  'kompakt.fetch.cache.max.bytes': long({
    default: 16 * MiB,
    min: 0,
    doc: 'How much memory may hold stretches of log files that are fetched again and again in a short time, by several consumers or by one: each is then read once for all. It is taken when that happens and given back when nobody has used it for some seconds; who reads a log once takes none, nor do producers. Consumers that read the same segment let those behind them go first, by 32 turns of the event loop and 250 ms at most, so that they stay near each other. Below 262144: nothing of that.',
  }),
  'kompakt.group.disconnect.grace.ms': long({
    default: 500,
    min: -1,
    doc: "A dynamic member of a classic group whose connection is gone and that gives no sign of life for this long leaves without waiting for its session time-out. Signs are a new connection of its client id from the same host, a question for its group's coordinator, a commit, and another connection on which it reads its partitions. Raise it above 1000 for @platformatic/kafka behind connections that break: it waits that long before it connects again. 0 or -1: off, Kafka's behaviour.",
  }),
  'kompakt.ignore.acls': boolean({
    default: false,
    doc: 'Serve a data directory that holds ACLs or SCRAM credentials although they are not enforced: everybody may do everything. The command line calls it --ignore-acls.',
  }),
  'kompakt.lookup.memory.max.bytes': long({
    default: 1 * GiB,
    min: 1 * MiB,
    dynamic: 'cluster',
    doc: 'How much the key tables of all topics may take together, at some 28 bytes a key. A table that would exceed it is given up, and lookups in it are refused until there is room.',
  }),
  'kompakt.lookup.streams.max': int({
    default: 1_000,
    min: 0,
    dynamic: 'cluster',
    doc: 'How many streams of changes to compacted topics may be open at the same time. Each takes some 100 KiB, more where batches are larger than 64 KiB.',
  }),
  'kompakt.memory.limit.bytes': long({
    default: -1,
    min: -1,
    doc: 'With --memory: how many bytes all files together may take. At the limit appends are refused; a sixteenth of it, 1 MiB at most, is left to the metadata log and small files. -1: the smaller of 1 GiB and a quarter of what the process may use.',
  }),
  'kompakt.open.files.max': int({
    default: -1,
    min: -1,
    doc: 'How many log and index files are open at the same time, 16 at least; one that was not used lately is closed for the next. -1: half of what the process may have, 16384 at most; 2048 where the system does not tell (macOS, Windows). More partitions than that may be written to, each then opens its file anew.',
  }),
  'kompakt.request.elements.max': int({
    default: 1_000_000,
    min: 1000,
    doc: 'How many elements all arrays of one request may have together: one of them can be a single byte of the request and fifty in memory. A connection that sends more is closed.',
  }),
  'kompakt.response.max.bytes': int({
    default: 100 * MiB,
    min: 64 * KiB,
    doc: 'The largest answer, the records of a Fetch not counted; what asks for more is refused with INVALID_REQUEST. 100,000 partitions in a Metadata are about 5 MiB.',
  }),
  'kompakt.records.decompressed.max.bytes': long({
    default: 128 * MiB,
    min: 1 * MiB,
    doc: 'A ceiling for the decompressed size of one batch in any topic, so that a small request cannot fill the memory. The topic key max.decompressed.message.bytes sets less, not more.',
  }),
};
