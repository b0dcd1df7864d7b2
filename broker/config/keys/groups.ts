/** Classic consumer groups, committed offsets and the topic that holds both. */
import {
  int,
  intMax,
  KiB,
  list,
  long,
  MiB,
  minuteMs,
  secondMs,
  short,
} from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

const noThreads = ignored.oneLoop;

export const groupKeys = {
  'group.coordinator.append.linger.ms': int({
    default: -1,
    min: -1,
    accepted: 'ignored because a journal writes what has gathered as soon as the write before is done',
    doc: 'How long the coordinator gathers records before it writes them.',
  }),
  'group.coordinator.background.threads': int({
    default: 2,
    min: 1,
    accepted: noThreads,
    doc: 'Threads for assignments.',
  }),
  'group.coordinator.cached.buffer.max.bytes': int({
    default: 1 * MiB + 12,
    min: 512 * KiB,
    dynamic: 'cluster',
    accepted: 'ignored because a journal keeps no buffers between writes',
    doc: 'The largest write buffer that the coordinator keeps.',
  }),
  'group.coordinator.rebalance.protocols': list({
    default: ['classic', 'consumer', 'streams'],
    nonEmpty: true,
    choices: ['consumer', 'classic', 'share', 'streams'],
    accepted: 'ignored because the classic protocol is the only one that is served yet',
    doc: 'The kinds of groups that are served.',
  }),
  'group.coordinator.threads': int({
    default: 4,
    min: 1,
    accepted: noThreads,
    doc: 'Threads of the coordinator.',
  }),
  'group.initial.rebalance.delay.ms': int({
    default: 0,
    doc: 'How long the first rebalance of an empty classic group waits for more members.',
  }),
  'group.max.session.timeout.ms': int({
    default: 30 * minuteMs,
    doc: 'The longest session time-out that a member of a classic group may ask for.',
  }),
  'group.max.size': int({ default: intMax, min: 1, doc: 'The most members of a classic group.' }),
  'group.min.session.timeout.ms': int({
    default: 6 * secondMs,
    doc: 'The shortest session time-out that a member of a classic group may ask for.',
  }),
  'offset.metadata.max.bytes': int({
    default: 4096,
    doc: 'The longest text that may be committed with an offset.',
  }),
  'offsets.commit.timeout.ms': int({
    default: 5 * secondMs,
    min: 1,
    accepted:
      'ignored because a commit is answered when it is written, and the one disk here either writes or fails',
    doc: 'How long a commit waits for its write.',
  }),
  'offsets.load.buffer.size': int({
    default: 5 * MiB,
    min: 1,
    accepted: 'ignored because the offsets topic is read batch by batch',
    doc: 'How much of the offsets topic is read at a time at start.',
  }),
  'offsets.retention.check.interval.ms': long({
    default: 10 * minuteMs,
    min: 1,
    doc: 'How often committed offsets are checked for their age.',
  }),
  'offsets.retention.minutes': int({
    default: 7 * 24 * 60,
    min: 1,
    doc: 'Committed offsets of a group that has been empty for this long are forgotten.',
  }),
  'offsets.topic.compression.codec': int({
    default: 0,
    accepted: 'ignored because records of the offsets topic are written uncompressed',
    doc: 'How records of the offsets topic are compressed.',
  }),
  'offsets.topic.num.partitions': int({ default: 50, min: 1, doc: 'Partitions of the offsets topic.' }),
  'offsets.topic.replication.factor': short({
    default: 1,
    min: 1,
    doc: 'Replication factor of the offsets topic. Above 1 needs kompakt.replication.factor.cap.',
  }),
  'offsets.topic.segment.bytes': int({
    default: 100 * MiB,
    min: 1,
    doc: 'Segment size of the offsets topic.',
  }),
};
