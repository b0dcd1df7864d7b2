/** Configs of one group (KIP-848, KIP-932, KIP-1071). Accepted and kept; nothing acts on them until those groups are served. */
import {
  boolean,
  int,
  list,
  long,
  minuteMs,
  oneOf,
  secondMs,
  string,
  type ValuesOf,
} from '../../storage/config/define.ts';
import type { BrokerSettings } from './broker-keys.ts';
import { ignored } from './keys/reasons.ts';

const consumer = ignored.noConsumerGroups;
const share = ignored.noShareGroups;
const streams = ignored.noStreamsGroups;

/** A time span of java.time.Duration: days, hours, minutes and seconds, at least one of them, not negative. */
const duration = /^P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,9})?S)?)?$/i;

function checkOffsetReset(value: string): string | undefined {
  if (value === 'latest' || value === 'earliest') return undefined;
  const [kind, span, ...rest] = value.split(':');
  if (kind === 'by_duration' && span !== undefined && rest.length === 0 && duration.test(span))
    return undefined;
  return 'the value must be latest, earliest or by_duration:PnDTnHnMn.nS';
}

export const groupConfigKeys = {
  'consumer.assignment.interval.ms': int({
    default: 1 * secondMs,
    min: 0,
    brokerKey: 'group.consumer.assignment.interval.ms',
    accepted: consumer,
    doc: 'The least time between two assignments of this group.',
  }),
  'consumer.assignor.offload.enable': boolean({
    default: true,
    brokerKey: 'group.consumer.assignor.offload.enable',
    hidden: true,
    accepted: consumer,
    doc: 'Whether assignments are computed on a thread of their own.',
  }),
  'consumer.heartbeat.interval.ms': int({
    default: 5 * secondMs,
    min: 1,
    brokerKey: 'group.consumer.heartbeat.interval.ms',
    accepted: consumer,
    doc: 'How often members send a heartbeat.',
  }),
  'consumer.session.timeout.ms': int({
    default: 45 * secondMs,
    min: 1,
    brokerKey: 'group.consumer.session.timeout.ms',
    accepted: consumer,
    doc: 'A member that is silent for this long is out of the group.',
  }),
  'errors.deadletterqueue.copy.record.enable': boolean({
    default: false,
    accepted: share,
    doc: 'Whether a dead letter holds the whole record.',
  }),
  'errors.deadletterqueue.topic.name': string({
    default: '',
    accepted: share,
    doc: 'The topic for records that cannot be handled; empty: none.',
  }),
  'share.assignment.interval.ms': int({
    default: 1 * secondMs,
    min: 0,
    brokerKey: 'group.share.assignment.interval.ms',
    accepted: share,
    doc: 'The least time between two assignments of this group.',
  }),
  'share.assignor.offload.enable': boolean({
    default: true,
    brokerKey: 'group.share.assignor.offload.enable',
    hidden: true,
    accepted: share,
    doc: 'Whether assignments are computed on a thread of their own.',
  }),
  'share.auto.offset.reset': string({
    default: 'latest',
    valid: '[latest, earliest, by_duration:PnDTnHnMn.nS]',
    check: checkOffsetReset,
    accepted: share,
    doc: 'Where a share group starts: latest, earliest or a time span ago.',
  }),
  'share.delivery.count.limit': int({
    default: 5,
    min: 2,
    brokerKey: 'group.share.delivery.count.limit',
    accepted: share,
    doc: 'How often a record is delivered before it is given up.',
  }),
  'share.heartbeat.interval.ms': int({
    default: 5 * secondMs,
    min: 1,
    brokerKey: 'group.share.heartbeat.interval.ms',
    accepted: share,
    doc: 'How often members send a heartbeat.',
  }),
  'share.isolation.level': oneOf(['read_committed', 'read_uncommitted'], {
    default: 'read_uncommitted',
    accepted: share,
    doc: 'Whether records of open and aborted transactions are delivered.',
  }),
  'share.partition.max.record.locks': int({
    default: 2000,
    min: 100,
    brokerKey: 'group.share.partition.max.record.locks',
    accepted: share,
    doc: 'How many records of a partition may be out for delivery.',
  }),
  'share.record.lock.duration.ms': int({
    default: 30 * secondMs,
    min: 1 * secondMs,
    brokerKey: 'group.share.record.lock.duration.ms',
    accepted: share,
    doc: 'How long a delivered record is locked.',
  }),
  'share.renew.acknowledge.enable': boolean({
    default: true,
    accepted: share,
    doc: 'Whether members may renew their locks.',
  }),
  'share.session.timeout.ms': int({
    default: 45 * secondMs,
    min: 1,
    brokerKey: 'group.share.session.timeout.ms',
    accepted: share,
    doc: 'A member that is silent for this long is out of the group.',
  }),
  'streams.acceptable.recovery.lag': long({
    default: 10000,
    min: 0,
    brokerKey: 'group.streams.acceptable.recovery.lag',
    hidden: true,
    accepted: streams,
    doc: 'How far behind a client may be and still take over a task.',
  }),
  'streams.assignment.interval.ms': int({
    default: 1 * secondMs,
    min: 0,
    brokerKey: 'group.streams.assignment.interval.ms',
    accepted: streams,
    doc: 'The least time between two assignments of this group.',
  }),
  'streams.assignor.name': string({
    default: null,
    brokerKey: 'group.streams.assignors',
    accepted: streams,
    doc: 'The assignor of tasks.',
  }),
  'streams.assignor.offload.enable': boolean({
    default: true,
    brokerKey: 'group.streams.assignor.offload.enable',
    hidden: true,
    accepted: streams,
    doc: 'Whether assignments are computed on a thread of their own.',
  }),
  'streams.heartbeat.interval.ms': int({
    default: 5 * secondMs,
    min: 1,
    brokerKey: 'group.streams.heartbeat.interval.ms',
    accepted: streams,
    doc: 'How often members send a heartbeat.',
  }),
  'streams.initial.rebalance.delay.ms': int({
    default: 3 * secondMs,
    min: 0,
    brokerKey: 'group.streams.initial.rebalance.delay.ms',
    accepted: streams,
    doc: 'How long the first rebalance of the empty group waits for more members.',
  }),
  'streams.num.standby.replicas': int({
    default: 0,
    min: 0,
    brokerKey: 'group.streams.num.standby.replicas',
    accepted: streams,
    doc: 'Standby replicas per task.',
  }),
  'streams.num.warmup.replicas': int({
    default: 2,
    min: 0,
    brokerKey: 'group.streams.num.warmup.replicas',
    hidden: true,
    accepted: streams,
    doc: 'Replicas that may warm up at the same time.',
  }),
  'streams.rack.aware.assignment.tags': list({
    default: [],
    brokerKey: 'group.streams.rack.aware.assignment.tags',
    // Kafka refuses a repeated tag here, where other lists drop it.
    check: (tags) => {
      if (tags.includes('')) return 'no tag may be empty';
      return new Set(tags).size < tags.length ? 'no tag may be there twice' : undefined;
    },
    accepted: streams,
    doc: 'Client tags over which standby replicas are spread.',
  }),
  'streams.session.timeout.ms': int({
    default: 45 * secondMs,
    min: 1,
    brokerKey: 'group.streams.session.timeout.ms',
    accepted: streams,
    doc: 'A member that is silent for this long is out of the group.',
  }),
  'streams.task.offset.interval.ms': int({
    default: 1 * minuteMs,
    min: 1,
    brokerKey: 'group.streams.task.offset.interval.ms',
    hidden: true,
    accepted: streams,
    doc: 'How often members report the offsets of their tasks.',
  }),
};

/** The values of all group keys for one group. */
export type GroupSettings = ValuesOf<typeof groupConfigKeys>;

/** What is wrong with a group's own values under the bounds that the broker sets (group.X.min.Y, group.X.max.Y), or undefined. */
export function checkGroupSettings(
  values: Readonly<Record<string, unknown>>,
  settings: BrokerSettings,
): string | undefined {
  const limits = settings as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(values)) {
    const [, kind, rest = ''] = /^(\w+)\.(.+)$/.exec(name) ?? [];
    // group.streams.max.standby.replicas bounds streams.num.standby.replicas.
    const capped = rest.replace(/^num\./, '');
    const min = limits[`group.${kind}.min.${rest}`];
    const max = limits[`group.${kind}.max.${capped}`];
    if (typeof min === 'number' && (value as number) < min) {
      return `${name} must be greater than or equal to group.${kind}.min.${rest}`;
    }
    if (typeof max === 'number' && (value as number) > max) {
      return `${name} must be less than or equal to group.${kind}.max.${capped}`;
    }
  }
  for (const kind of ['consumer', 'share', 'streams']) {
    const sessionMs = values[`${kind}.session.timeout.ms`] ?? limits[`group.${kind}.session.timeout.ms`];
    const heartbeatMs =
      values[`${kind}.heartbeat.interval.ms`] ?? limits[`group.${kind}.heartbeat.interval.ms`];
    if ((sessionMs as number) <= (heartbeatMs as number)) {
      return `${kind}.session.timeout.ms must be greater than ${kind}.heartbeat.interval.ms`;
    }
  }
  return undefined;
}
