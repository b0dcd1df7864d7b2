/** Consumer groups of the new protocol (KIP-848). */
import {
  boolean,
  int,
  intMax,
  list,
  minuteMs,
  oneOfAnyCase,
  secondMs,
} from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

const accepted = ignored.noConsumerGroups;

export const consumerGroupKeys = {
  'group.consumer.assignment.interval.ms': int({
    default: 1 * secondMs,
    min: 0,
    dynamic: 'cluster',
    accepted,
    doc: 'The least time between two assignments of one group.',
  }),
  'group.consumer.assignor.offload.enable': boolean({
    default: true,
    hidden: true,
    dynamic: 'cluster',
    accepted,
    doc: 'Whether assignments are computed on a thread of their own.',
  }),
  'group.consumer.assignors': list({
    default: ['uniform', 'range'],
    nonEmpty: true,
    accepted,
    doc: 'The assignors that members may choose, the default first.',
  }),
  'group.consumer.heartbeat.interval.ms': int({
    default: 5 * secondMs,
    min: 1,
    accepted,
    doc: 'How often members send a heartbeat.',
  }),
  'group.consumer.max.assignment.interval.ms': int({
    default: 15 * secondMs,
    min: 0,
    accepted,
    doc: 'The largest assignment interval that a group may set.',
  }),
  'group.consumer.max.heartbeat.interval.ms': int({
    default: 15 * secondMs,
    min: 1,
    accepted,
    doc: 'The largest heartbeat interval that a group may set.',
  }),
  'group.consumer.max.session.timeout.ms': int({
    default: 1 * minuteMs,
    min: 1,
    accepted,
    doc: 'The largest session time-out that a group may set.',
  }),
  'group.consumer.max.size': int({
    default: intMax,
    min: 1,
    accepted,
    doc: 'The most members of a consumer group.',
  }),
  'group.consumer.migration.policy': oneOfAnyCase(['DISABLED', 'DOWNGRADE', 'UPGRADE', 'BIDIRECTIONAL'], {
    default: 'bidirectional',
    accepted,
    doc: 'Which way a group may change between the classic and the new protocol.',
  }),
  'group.consumer.min.assignment.interval.ms': int({
    default: 0,
    min: 0,
    accepted,
    doc: 'The smallest assignment interval that a group may set.',
  }),
  'group.consumer.min.heartbeat.interval.ms': int({
    default: 5 * secondMs,
    min: 1,
    accepted,
    doc: 'The smallest heartbeat interval that a group may set.',
  }),
  'group.consumer.min.session.timeout.ms': int({
    default: 45 * secondMs,
    min: 1,
    accepted,
    doc: 'The smallest session time-out that a group may set.',
  }),
  'group.consumer.regex.refresh.interval.ms': int({
    default: 10 * minuteMs,
    min: 10 * secondMs,
    hidden: true,
    accepted,
    doc: 'How often subscribed patterns are matched against the topics again.',
  }),
  'group.consumer.session.timeout.ms': int({
    default: 45 * secondMs,
    min: 1,
    accepted,
    doc: 'A member that is silent for this long is out of its group.',
  }),
};
