/** Listeners, connections and requests. The grammar of listeners is in listeners.ts. */
import {
  boolean,
  int,
  intMax,
  KiB,
  list,
  long,
  MiB,
  minuteMs,
  oneOf,
  secondMs,
  string,
} from '../../../storage/config/define.ts';
import { checkIpOverrides } from '../ip-overrides.ts';
import { ignored } from './reasons.ts';

export const networkKeys = {
  'advertised.listeners': list({
    default: null,
    nonEmpty: true,
    doc: 'The addresses told to clients, by listener name. Not set: the explicit hosts of listeners, else the local address of the connection that asks.',
  }),
  'connection.failed.authentication.delay.ms': int({
    default: 100,
    min: 0,
    accepted: ignored.noSasl,
    doc: 'How long to hold a connection whose authentication failed.',
  }),
  'connections.max.idle.ms': long({
    default: 10 * minuteMs,
    doc: 'Close a connection on which nothing has moved for this long.',
  }),
  'connections.max.reauth.ms': long({
    default: 0,
    accepted: ignored.noSasl,
    doc: 'How long an authenticated session lasts before the client must authenticate again.',
  }),
  'early.start.listeners': list({
    default: null,
    accepted: 'ignored because all listeners open together',
    doc: 'Listeners that open before the authorizer is ready.',
  }),
  'fetch.max.bytes': int({
    default: 55 * MiB,
    min: 1024,
    doc: 'The most record bytes in one Fetch answer, whatever the client asks for.',
  }),
  'inter.broker.listener.name': string({
    default: null,
    accepted: ignored.oneBroker,
    doc: 'The listener that brokers use among themselves.',
  }),
  'listener.security.protocol.map': string({
    default: 'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    dynamic: 'broker',
    doc: 'The security protocol of each listener name, as NAME:PROTOCOL with commas. Only PLAINTEXT listeners are served yet; others are refused.',
  }),
  listeners: list({
    default: ['PLAINTEXT://localhost:9092'],
    nonEmpty: true,
    dynamic: 'broker',
    doc: 'Addresses to listen on, as NAME://host:port. Without a host: every interface. A controller listener is accepted and not opened.',
  }),
  'max.connection.creation.rate': int({
    default: intMax,
    min: 0,
    dynamic: 'cluster',
    accepted: ignored.noQuotas,
    doc: 'New connections per second.',
  }),
  'max.connections': int({
    default: intMax,
    min: 0,
    dynamic: 'cluster',
    doc: 'Open connections at the same time; above it no more are accepted.',
  }),
  'max.connections.per.ip': int({
    default: intMax,
    min: 0,
    dynamic: 'cluster',
    doc: 'Open connections from one address; one more is closed at once.',
  }),
  'max.connections.per.ip.overrides': string({
    default: '',
    dynamic: 'cluster',
    check: checkIpOverrides,
    doc: 'Limits for single addresses in place of max.connections.per.ip, as address:count with commas.',
  }),
  'max.incremental.fetch.session.cache.slots': int({
    default: 1000,
    min: 0,
    doc: 'How many incremental fetch sessions (KIP-227) are remembered.',
  }),
  'max.request.partition.size.limit': int({
    default: 2000,
    min: 1,
    doc: 'The most partitions in one DescribeTopicPartitions answer.',
  }),
  'queued.max.request.bytes': long({
    default: -1,
    accepted: ignored.oneLoop,
    doc: 'How many bytes of requests may wait before reading stops.',
  }),
  'queued.max.requests': int({
    default: 500,
    min: 1,
    accepted: ignored.oneLoop,
    doc: 'How many requests may wait before reading stops.',
  }),
  'request.timeout.ms': int({
    default: 30 * secondMs,
    accepted: ignored.oneBroker,
    doc: 'How long the broker waits for answers to its own requests.',
  }),
  'security.inter.broker.protocol': oneOf(['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'], {
    default: 'PLAINTEXT',
    accepted: ignored.oneBroker,
    doc: 'The security protocol that brokers use among themselves.',
  }),
  'socket.connection.setup.timeout.max.ms': long({
    default: 30 * secondMs,
    accepted: ignored.oneBroker,
    doc: 'The longest time to wait for a connection to another node.',
  }),
  'socket.connection.setup.timeout.ms': long({
    default: 10 * secondMs,
    accepted: ignored.oneBroker,
    doc: 'How long to wait for a connection to another node at first.',
  }),
  'socket.listen.backlog.size': int({
    default: 511,
    min: 1,
    doc: 'How many connections may wait to be accepted, as far as the operating system allows.',
  }),
  'socket.receive.buffer.bytes': int({
    default: 100 * KiB,
    accepted: 'ignored because Node leaves the size of socket buffers to the operating system',
    doc: 'Receive buffer of a socket.',
  }),
  'socket.request.max.bytes': int({
    default: 100 * MiB,
    min: 1,
    doc: 'The largest request; a connection that announces a larger one is closed.',
  }),
  'socket.send.buffer.bytes': int({
    default: 100 * KiB,
    accepted: 'ignored because Node leaves the size of socket buffers to the operating system',
    doc: 'Send buffer of a socket.',
  }),
  'unstable.api.versions.enable': boolean({
    default: false,
    hidden: true,
    accepted: ignored.noUnstable,
    doc: 'Serve versions of APIs that are still being developed.',
  }),
};
