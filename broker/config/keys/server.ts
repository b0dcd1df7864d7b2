/** The node itself: identity, directories, topics, policies, threads, metrics, quotas. */
import {
  boolean,
  className,
  int,
  list,
  long,
  longMax,
  MiB,
  minuteMs,
  password,
  secondMs,
  string,
} from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

/** Several directories would need placement of partitions, and moves between them. */
function refuseSeveral(value: readonly string[] | null): string | undefined {
  return value !== null && value.length > 1 ? 'there is one log directory; give one path' : undefined;
}

export const serverKeys = {
  'auto.create.topics.enable': boolean({
    default: true,
    doc: 'Whether a topic comes into being when a client asks for its metadata or produces to it.',
  }),
  'background.threads': int({
    default: 10,
    min: 1,
    dynamic: 'cluster',
    accepted: ignored.oneLoop,
    doc: 'Threads for background work.',
  }),
  'broker.id': int({ default: -1, doc: 'The old name of node.id; when both are given they must be equal.' }),
  'broker.rack': string({ default: null, doc: 'The rack of this broker, as clients see it in metadata.' }),
  'config.providers': list({
    default: [],
    dynamic: 'cluster',
    refuse: (value) =>
      value.length > 0 ? 'there are no config providers; write the values themselves' : undefined,
    doc: 'Names of providers that resolve variables in values. Refused when it is set: there are none.',
  }),
  'controlled.shutdown.enable': boolean({
    default: true,
    accepted: ignored.oneBroker,
    doc: 'Whether leadership is handed over before the broker stops.',
  }),
  'delete.topic.enable': boolean({ default: true, doc: 'Whether topics may be deleted.' }),
  'default.replication.factor': int({
    default: 1,
    doc: 'Replication factor of topics that are created without one. Above 1 needs kompakt.replication.factor.cap.',
  }),
  'log.dir': list({
    default: ['./kompakt-data'],
    nonEmpty: true,
    refuse: refuseSeveral,
    doc: 'The data directory, when log.dirs is not set.',
  }),
  'log.dirs': list({
    default: null,
    nonEmpty: true,
    refuse: refuseSeveral,
    doc: 'The data directory. Kafka takes several; here several are refused.',
  }),
  'log.dir.failure.timeout.ms': long({
    default: 30 * secondMs,
    min: 1,
    accepted: ignored.oneDirectory,
    doc: 'How long to wait for the controller to hear of a failed directory before stopping.',
  }),
  'cordoned.log.dirs': list({
    default: [],
    dynamic: 'broker',
    accepted: ignored.oneDirectory,
    doc: 'Directories that take no new partitions.',
  }),
  'node.id': int({ default: 1, min: 0, doc: 'The id of this node, which is broker and controller.' }),
  'num.io.threads': int({
    default: 8,
    min: 1,
    dynamic: 'cluster',
    accepted: ignored.oneLoop,
    doc: 'Threads that handle requests.',
  }),
  'num.network.threads': int({
    default: 3,
    min: 1,
    dynamic: 'cluster',
    accepted: ignored.oneLoop,
    doc: 'Threads that read and write the network.',
  }),
  'num.partitions': int({
    default: 1,
    min: 1,
    doc: 'Partitions of topics that are created without a number, and of those created automatically.',
  }),
  'num.recovery.threads.per.data.dir': int({
    default: 2,
    min: 1,
    dynamic: 'cluster',
    accepted: ignored.oneLoop,
    doc: 'Threads that recover logs at start and flush them at the end.',
  }),
  'process.roles': list({
    default: ['broker', 'controller'],
    nonEmpty: true,
    choices: ['broker', 'controller'],
    refuse: (value) =>
      value.includes('broker') ? undefined : 'a node that is a controller alone would serve no client',
    doc: 'What this node is. It is always both: broker alone is taken for both, controller alone is refused.',
  }),
  'server.max.startup.time.ms': long({
    default: longMax,
    min: 0,
    hidden: true,
    accepted: 'ignored because starting waits for no other node',
    doc: 'Give up when starting takes longer than this.',
  }),
  'alter.config.policy.class.name': className({
    default: null,
    accepted: ignored.noJava,
    doc: 'A class that decides which config changes are allowed.',
  }),
  'create.topic.policy.class.name': className({
    default: null,
    accepted: ignored.noJava,
    doc: 'A class that decides which topics may be created.',
  }),
  'authorizer.class.name': string({
    default: '',
    valid: 'non-null string',
    refuse: (value) =>
      value === ''
        ? undefined
        : 'access control is not served yet, and to ignore it would open what was meant to be closed',
    doc: 'The class that decides who may do what. Refused when it is set, because access control is not served yet.',
  }),
  'principal.builder.class': className({
    default: 'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder',
    dynamic: 'broker',
    accepted: ignored.noJava,
    doc: 'A class that tells who is behind a connection.',
  }),
  'security.providers': string({
    default: null,
    accepted: ignored.noJava,
    doc: 'Classes that provide security algorithms to the JVM.',
  }),
  'delegation.token.expiry.check.interval.ms': long({
    default: 60 * minuteMs,
    min: 1,
    accepted: ignored.noTokens,
    doc: 'How often expired delegation tokens are removed.',
  }),
  'delegation.token.expiry.time.ms': long({
    default: 24 * 60 * minuteMs,
    min: 1,
    accepted: ignored.noTokens,
    doc: 'How long a delegation token is valid without being renewed.',
  }),
  'delegation.token.max.lifetime.ms': long({
    default: 7 * 24 * 60 * minuteMs,
    min: 1,
    accepted: ignored.noTokens,
    doc: 'How long a delegation token may live at most.',
  }),
  'delegation.token.secret.key': password({
    default: null,
    accepted: ignored.noTokens,
    doc: 'The secret from which delegation tokens are made.',
  }),
  'kafka.metrics.polling.interval.secs': int({
    default: 10,
    min: 1,
    accepted: ignored.noJmx,
    doc: 'How often metrics are polled.',
  }),
  'kafka.metrics.reporters': list({
    default: [],
    accepted: ignored.noJava,
    doc: 'Classes that report metrics of the old kind.',
  }),
  'metric.reporters': list({
    default: [],
    dynamic: 'cluster',
    accepted: ignored.noJava,
    doc: 'Classes that report metrics.',
  }),
  'metrics.num.samples': int({
    default: 2,
    min: 1,
    accepted: ignored.noJmx,
    doc: 'Samples kept per metric.',
  }),
  'metrics.recording.level': string({
    default: 'INFO',
    accepted: ignored.noJmx,
    doc: 'How much detail metrics record.',
  }),
  'metrics.sample.window.ms': long({
    default: 30 * secondMs,
    min: 1,
    accepted: ignored.noJmx,
    doc: 'The time that one sample covers.',
  }),
  'telemetry.max.bytes': int({
    default: 1 * MiB,
    min: 1,
    accepted: ignored.noTelemetry,
    doc: 'The largest metrics payload that a client may push.',
  }),
  'client.quota.callback.class': className({
    default: null,
    accepted: ignored.noJava,
    doc: 'A class that computes client quotas.',
  }),
  'controller.quota.window.num': int({
    default: 11,
    min: 1,
    accepted: ignored.noQuotas,
    doc: 'Samples kept for quotas on topic changes.',
  }),
  'controller.quota.window.size.seconds': int({
    default: 1,
    min: 1,
    accepted: ignored.noQuotas,
    doc: 'The time that one of these samples covers.',
  }),
  'quota.window.num': int({
    default: 11,
    min: 1,
    accepted: ignored.noQuotas,
    doc: 'Samples kept for client quotas.',
  }),
  'quota.window.size.seconds': int({
    default: 1,
    min: 1,
    accepted: ignored.noQuotas,
    doc: 'The time that one of these samples covers.',
  }),
};
