/** Keys that Kafka has only as dynamic configs: shown when they are set, without a default, and meant for no file. */
import { long, longMax } from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

export const dynamicOnlyKeys = {
  'follower.replication.throttled.rate': long({
    default: longMax,
    min: 0,
    dynamic: 'cluster',
    accepted: ignored.oneBroker,
    doc: 'Bytes per second for throttled replicas on the receiving side.',
  }),
  'leader.replication.throttled.rate': long({
    default: longMax,
    min: 0,
    dynamic: 'cluster',
    accepted: ignored.oneBroker,
    doc: 'Bytes per second for throttled replicas on the sending side.',
  }),
  'replica.alter.log.dirs.io.max.bytes.per.second': long({
    default: longMax,
    min: 0,
    dynamic: 'cluster',
    accepted: ignored.oneDirectory,
    doc: 'Bytes per second for moves between directories.',
  }),
};
