/** Tiered storage (KIP-405). Switching it on is refused; the keys around it have no effect. */
import {
  boolean,
  double,
  GiB,
  int,
  long,
  longMax,
  minuteMs,
  secondMs,
  string,
} from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

const accepted = ignored.noTiers;

/** Samples of a quota: how many, and how long each. */
const windowNum = { default: 11, min: 1, accepted, doc: 'Samples kept for this quota.' } as const;
const windowSeconds = {
  default: 1,
  min: 1,
  accepted,
  doc: 'The time that one of these samples covers.',
} as const;

export const remoteStorageKeys = {
  'follower.fetch.last.tiered.offset.enable': boolean({
    default: false,
    dynamic: 'cluster',
    accepted,
    doc: 'Whether an empty follower begins where remote storage ends.',
  }),
  'remote.fetch.max.wait.ms': int({
    default: 500,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'How long a fetch waits for remote data.',
  }),
  'remote.list.offsets.request.timeout.ms': long({
    default: 30 * secondMs,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'How long a search for an offset in remote data may take.',
  }),
  'remote.log.index.file.cache.total.size.bytes': long({
    default: 1 * GiB,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'Local space for indexes of remote segments.',
  }),
  'remote.log.index.file.cache.ttl.ms': long({
    default: 15 * minuteMs,
    min: -1,
    hidden: true,
    accepted,
    doc: 'How long an unused index of a remote segment is kept.',
  }),
  'remote.log.manager.copier.thread.pool.size': int({
    default: 10,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'Threads that copy segments.',
  }),
  'remote.log.manager.copy.max.bytes.per.second': long({
    default: longMax,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'Bytes per second copied to remote storage.',
  }),
  'remote.log.manager.copy.quota.window.num': int(windowNum),
  'remote.log.manager.copy.quota.window.size.seconds': int(windowSeconds),
  'remote.log.manager.expiration.thread.pool.size': int({
    default: 10,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'Threads that remove old remote segments.',
  }),
  'remote.log.manager.fetch.max.bytes.per.second': long({
    default: longMax,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'Bytes per second read from remote storage.',
  }),
  'remote.log.manager.fetch.quota.window.num': int(windowNum),
  'remote.log.manager.fetch.quota.window.size.seconds': int(windowSeconds),
  'remote.log.manager.follower.thread.pool.size': int({
    default: 2,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'Threads that follow remote segments on followers.',
  }),
  'remote.log.manager.task.interval.ms': long({
    default: 30 * secondMs,
    min: 1,
    accepted,
    doc: 'How often remote tasks run.',
  }),
  'remote.log.manager.task.retry.backoff.max.ms': long({
    default: 30 * secondMs,
    min: 1,
    hidden: true,
    accepted,
    doc: 'The longest pause before a failed remote task runs again.',
  }),
  'remote.log.manager.task.retry.backoff.ms': long({
    default: 500,
    min: 1,
    hidden: true,
    accepted,
    doc: 'The pause before a failed remote task runs again.',
  }),
  'remote.log.manager.task.retry.jitter': double({
    default: 0.2,
    min: 0,
    max: 0.5,
    hidden: true,
    accepted,
    doc: 'The random share of that pause.',
  }),
  'remote.log.manager.thread.pool.size': int({
    default: 2,
    min: 1,
    accepted,
    doc: 'Threads for other remote tasks.',
  }),
  'remote.log.metadata.custom.metadata.max.bytes': int({
    default: 128,
    min: 0,
    accepted,
    doc: 'The largest note that remote storage may keep per segment.',
  }),
  'remote.log.metadata.manager.class.name': string({
    default: 'org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager',
    nonEmpty: true,
    accepted,
    doc: 'The class that knows the remote segments.',
  }),
  'remote.log.metadata.manager.class.path': string({
    default: null,
    accepted,
    doc: 'Where that class is found.',
  }),
  'remote.log.metadata.manager.impl.prefix': string({
    default: 'rlmm.config.',
    nonEmpty: true,
    accepted,
    doc: 'Prefix of keys that are meant for that class.',
  }),
  'remote.log.metadata.manager.listener.name': string({
    default: null,
    nonEmpty: true,
    accepted,
    doc: 'The listener that this class uses.',
  }),
  'remote.log.reader.max.pending.tasks': int({
    default: 100,
    min: 1,
    accepted,
    doc: 'Remote reads that may wait.',
  }),
  'remote.log.reader.threads': int({
    default: 10,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'Threads that read remote data.',
  }),
  'remote.log.storage.manager.class.name': string({
    default: null,
    nonEmpty: true,
    accepted,
    doc: 'The class that stores segments remotely.',
  }),
  'remote.log.storage.manager.class.path': string({
    default: null,
    accepted,
    doc: 'Where that class is found.',
  }),
  'remote.log.storage.manager.impl.prefix': string({
    default: 'rsm.config.',
    nonEmpty: true,
    accepted,
    doc: 'Prefix of keys that are meant for that class.',
  }),
  'remote.log.storage.system.enable': boolean({
    default: false,
    refuse: (value) => (value ? 'there is no remote storage' : undefined),
    doc: 'Whether topics may use remote storage. true is refused: there is none.',
  }),
};
