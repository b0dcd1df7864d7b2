/** Groups of Kafka Streams (KIP-1071). */
import {
  boolean,
  className,
  int,
  intMax,
  list,
  long,
  minuteMs,
  secondMs,
} from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

const accepted = ignored.noStreamsGroups;

export const streamsGroupKeys = {
  'group.streams.acceptable.recovery.lag': long({
    default: 10_000,
    min: 0,
    hidden: true,
    accepted,
    doc: 'How far behind a client may be and still take over a task.',
  }),
  'group.streams.assignment.interval.ms': int({
    default: 1 * secondMs,
    min: 0,
    dynamic: 'cluster',
    accepted,
    doc: 'The least time between two assignments of one group.',
  }),
  'group.streams.assignor.offload.enable': boolean({
    default: true,
    hidden: true,
    dynamic: 'cluster',
    accepted,
    doc: 'Whether assignments are computed on a thread of their own.',
  }),
  'group.streams.assignors': list({
    default: ['sticky'],
    accepted,
    doc: 'The assignors of tasks, the default first.',
  }),
  'group.streams.heartbeat.interval.ms': int({
    default: 5 * secondMs,
    min: 1,
    accepted,
    doc: 'How often members send a heartbeat.',
  }),
  'group.streams.initial.rebalance.delay.ms': int({
    default: 3 * secondMs,
    min: 0,
    accepted,
    doc: 'How long the first rebalance of an empty group waits for more members.',
  }),
  'group.streams.max.assignment.interval.ms': int({
    default: 15 * secondMs,
    min: 0,
    accepted,
    doc: 'The largest assignment interval that a group may set.',
  }),
  'group.streams.max.heartbeat.interval.ms': int({
    default: 15 * secondMs,
    min: 1,
    accepted,
    doc: 'The largest heartbeat interval that a group may set.',
  }),
  'group.streams.max.session.timeout.ms': int({
    default: 1 * minuteMs,
    min: 1,
    accepted,
    doc: 'The largest session time-out that a group may set.',
  }),
  'group.streams.max.size': int({
    default: intMax,
    min: 1,
    accepted,
    doc: 'The most members of a streams group.',
  }),
  'group.streams.max.standby.replicas': int({
    default: 2,
    min: 0,
    accepted,
    doc: 'The most standby replicas that a group may set.',
  }),
  'group.streams.max.warmup.replicas': int({
    default: 20,
    min: 0,
    hidden: true,
    accepted,
    doc: 'The most warm-up replicas that a group may set.',
  }),
  'group.streams.min.assignment.interval.ms': int({
    default: 0,
    min: 0,
    accepted,
    doc: 'The smallest assignment interval that a group may set.',
  }),
  'group.streams.min.heartbeat.interval.ms': int({
    default: 5 * secondMs,
    min: 1,
    accepted,
    doc: 'The smallest heartbeat interval that a group may set.',
  }),
  'group.streams.min.session.timeout.ms': int({
    default: 45 * secondMs,
    min: 1,
    accepted,
    doc: 'The smallest session time-out that a group may set.',
  }),
  'group.streams.min.task.offset.interval.ms': int({
    default: 15 * secondMs,
    min: 1,
    hidden: true,
    accepted,
    doc: 'The smallest task offset interval that a group may set.',
  }),
  'group.streams.num.standby.replicas': int({
    default: 0,
    min: 0,
    accepted,
    doc: 'Standby replicas per task.',
  }),
  'group.streams.num.warmup.replicas': int({
    default: 2,
    min: 0,
    hidden: true,
    accepted,
    doc: 'Replicas that may warm up at the same time.',
  }),
  'group.streams.rack.aware.assignment.tags': list({
    default: [],
    accepted,
    doc: 'Client tags over which standby replicas are spread.',
  }),
  'group.streams.session.timeout.ms': int({
    default: 45 * secondMs,
    min: 1,
    accepted,
    doc: 'A member that is silent for this long is out of its group.',
  }),
  'group.streams.task.offset.interval.ms': int({
    default: 1 * minuteMs,
    min: 1,
    hidden: true,
    accepted,
    doc: 'How often members report the offsets of their tasks.',
  }),
  'group.streams.topology.description.plugin.class': className({
    default: null,
    accepted,
    doc: 'A class that keeps descriptions of topologies.',
  }),
};
