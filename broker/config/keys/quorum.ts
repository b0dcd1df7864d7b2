/** The controller, its quorum of one, and the metadata log. */
import {
  boolean,
  dayMs,
  GiB,
  int,
  list,
  long,
  MiB,
  minuteMs,
  secondMs,
  string,
} from '../../../storage/config/define.ts';
import { checkQuorumServers, checkQuorumVoters } from '../quorum-addresses.ts';
import { ignored } from './reasons.ts';

const accepted = ignored.oneNode;

export const quorumKeys = {
  'broker.heartbeat.interval.ms': int({
    default: 2 * secondMs,
    accepted,
    doc: 'How often a broker tells the controller that it is there.',
  }),
  'broker.session.timeout.ms': int({
    default: 9 * secondMs,
    accepted,
    doc: 'A broker that is silent for this long is fenced.',
  }),
  'controller.listener.names': list({
    default: ['CONTROLLER'],
    nonEmpty: true,
    doc: 'The listeners that belong to the controller. They are not opened: nothing outside this process talks to it.',
  }),
  'controller.performance.always.log.threshold.ms': long({
    default: 2 * secondMs,
    min: 0,
    hidden: true,
    accepted,
    doc: 'Controller events that take longer are logged.',
  }),
  'controller.performance.sample.period.ms': long({
    default: 1 * minuteMs,
    min: 100,
    hidden: true,
    accepted,
    doc: 'How often the controller logs how long its events take.',
  }),
  'controller.quorum.append.linger.ms': int({
    default: 25,
    min: 0,
    accepted,
    doc: 'How long the controller gathers records before it writes them.',
  }),
  'controller.quorum.auto.join.enable': boolean({
    default: false,
    accepted,
    doc: 'Whether a controller joins the voters by itself.',
  }),
  'controller.quorum.bootstrap.servers': list({
    default: [],
    valid: 'non-empty list',
    check: checkQuorumServers,
    accepted,
    doc: 'Where the quorum can be found.',
  }),
  'controller.quorum.election.backoff.max.ms': int({
    default: 1 * secondMs,
    min: 0,
    accepted,
    doc: 'The longest pause between elections.',
  }),
  'controller.quorum.election.timeout.ms': int({
    default: 1 * secondMs,
    min: 0,
    accepted,
    doc: 'How long a candidate waits for votes.',
  }),
  'controller.quorum.fetch.max.bytes': int({
    default: 1 * MiB,
    min: 1,
    accepted,
    doc: 'Bytes per fetch of the metadata log.',
  }),
  'controller.quorum.fetch.snapshot.max.bytes': int({
    default: 1 * MiB,
    min: 1,
    accepted,
    doc: 'Bytes per fetch of a metadata snapshot.',
  }),
  'controller.quorum.fetch.timeout.ms': int({
    default: 2 * secondMs,
    min: 0,
    accepted,
    doc: 'How long a voter goes without a fetch before it holds an election.',
  }),
  'controller.quorum.request.timeout.ms': int({
    default: 2 * secondMs,
    min: 0,
    accepted,
    doc: 'Time-out of requests in the quorum.',
  }),
  'controller.quorum.retry.backoff.ms': int({
    default: 20,
    min: 0,
    accepted,
    doc: 'The pause before a request in the quorum is repeated.',
  }),
  'controller.quorum.voters': list({
    default: [],
    valid: 'non-empty list',
    check: checkQuorumVoters,
    accepted,
    doc: 'The voters, as id@host:port with commas.',
  }),
  'initial.broker.registration.timeout.ms': int({
    default: 1 * minuteMs,
    accepted,
    doc: 'How long a broker tries to register with the controller.',
  }),
  'internal.metadata.delete.delay.millis': long({
    default: 1 * minuteMs,
    hidden: true,
    accepted: 'ignored because removed files of the metadata log go at once',
    doc: 'How long removed files of the metadata log stay.',
  }),
  'internal.metadata.log.segment.bytes': int({
    default: null,
    hidden: true,
    accepted: 'ignored because only tests of Kafka itself set it',
    doc: 'Segment size of the metadata log without the floor of metadata.log.segment.bytes, for tests.',
  }),
  'internal.metadata.max.batch.size.in.bytes': int({
    default: 8 * MiB,
    hidden: true,
    accepted: 'ignored because a change of metadata is limited by its number of records',
    doc: 'The largest batch of the metadata log.',
  }),
  'metadata.log.dir': string({
    default: null,
    refuse: (value) =>
      value === null ? undefined : 'the metadata log lies in the data directory; use --data-dir for both',
    doc: 'A directory of its own for the metadata log. Refused when it is set: the log lies in the data directory.',
  }),
  'metadata.log.max.record.bytes.between.snapshots': long({
    default: 20 * MiB,
    min: 1,
    doc: 'Write a snapshot of the metadata after this many bytes of its log.',
  }),
  'metadata.log.max.snapshot.interval.ms': long({
    default: 60 * minuteMs,
    min: 0,
    doc: 'Write a snapshot of the metadata when the last one is this old and something has changed; 0: never because of age.',
  }),
  'metadata.log.segment.bytes': int({
    default: 1 * GiB,
    min: 8 * MiB,
    doc: 'Segment size of the metadata log.',
  }),
  'metadata.log.segment.ms': long({
    default: 7 * dayMs,
    doc: 'Start a new segment of the metadata log after this time.',
  }),
  'metadata.max.idle.interval.ms': int({
    default: 500,
    min: 0,
    accepted: 'ignored because nobody follows the metadata log, so it needs no entries to show that it lives',
    doc: 'How often an idle controller writes an empty entry.',
  }),
  'metadata.max.retention.bytes': long({
    default: 100 * MiB,
    doc: 'Delete old snapshots and segments of the metadata log while they take more than this.',
  }),
  'metadata.max.retention.ms': long({
    default: 7 * dayMs,
    doc: 'Delete snapshots and segments of the metadata log that are older than this and not needed.',
  }),
  'unstable.feature.versions.enable': boolean({
    default: false,
    hidden: true,
    accepted: ignored.noUnstable,
    doc: 'Allow feature levels that are still being developed.',
  }),
};
