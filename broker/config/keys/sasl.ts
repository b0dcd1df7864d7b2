/** SASL. A listener that needs it is refused by listeners.ts, so these keys have nothing to act on. OAuth is in sasl-oauth.ts. */
import {
  className,
  double,
  int,
  KiB,
  list,
  long,
  minuteMs,
  password,
  secondMs,
  short,
  string,
} from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

const accepted = ignored.noSasl;
const dynamic = 'broker' as const;

export const saslKeys = {
  'sasl.client.callback.handler.class': className({
    default: null,
    accepted,
    doc: 'A class for the client side of SASL.',
  }),
  'sasl.enabled.mechanisms': list({
    default: ['GSSAPI'],
    dynamic,
    accepted,
    doc: 'The SASL mechanisms offered.',
  }),
  'sasl.jaas.config': password({
    default: null,
    dynamic,
    accepted,
    doc: 'Users and secrets, in the form of JAAS.',
  }),
  'sasl.kerberos.kinit.cmd': string({ default: '/usr/bin/kinit', dynamic, accepted, doc: 'Path of kinit.' }),
  'sasl.kerberos.min.time.before.relogin': long({
    default: 1 * minuteMs,
    dynamic,
    accepted,
    doc: 'The least time between two Kerberos logins.',
  }),
  'sasl.kerberos.principal.to.local.rules': list({
    default: ['DEFAULT'],
    dynamic,
    accepted,
    doc: 'How a Kerberos principal becomes a user.',
  }),
  'sasl.kerberos.service.name': string({
    default: null,
    dynamic,
    accepted,
    doc: 'The Kerberos name of the broker.',
  }),
  'sasl.kerberos.ticket.renew.jitter': double({
    default: 0.05,
    dynamic,
    accepted,
    doc: 'The random share of the renewal time.',
  }),
  'sasl.kerberos.ticket.renew.window.factor': double({
    default: 0.8,
    dynamic,
    accepted,
    doc: 'After which share of its life a ticket is renewed.',
  }),
  'sasl.login.callback.handler.class': className({ default: null, accepted, doc: 'A class for logins.' }),
  'sasl.login.class': className({ default: null, accepted, doc: 'The class that logs in.' }),
  'sasl.login.connect.timeout.ms': int({
    default: null,
    accepted,
    doc: 'Time-out for connecting to the login server.',
  }),
  'sasl.login.read.timeout.ms': int({
    default: null,
    accepted,
    doc: 'Time-out for reading from the login server.',
  }),
  'sasl.login.refresh.buffer.seconds': short({
    default: 300,
    dynamic,
    accepted,
    doc: 'How long before its end a login is renewed.',
  }),
  'sasl.login.refresh.min.period.seconds': short({
    default: 60,
    dynamic,
    accepted,
    doc: 'The least time between two renewals.',
  }),
  'sasl.login.refresh.window.factor': double({
    default: 0.8,
    dynamic,
    accepted,
    doc: 'After which share of its life a login is renewed.',
  }),
  'sasl.login.refresh.window.jitter': double({
    default: 0.05,
    dynamic,
    accepted,
    doc: 'The random share of that time.',
  }),
  'sasl.login.retry.backoff.max.ms': long({
    default: 10 * secondMs,
    accepted,
    doc: 'The longest pause between login attempts.',
  }),
  'sasl.login.retry.backoff.ms': long({ default: 100, accepted, doc: 'The pause between login attempts.' }),
  'sasl.mechanism.controller.protocol': string({
    default: 'GSSAPI',
    accepted,
    doc: 'The mechanism of controller listeners.',
  }),
  'sasl.mechanism.inter.broker.protocol': string({
    default: 'GSSAPI',
    dynamic,
    accepted,
    doc: 'The mechanism that brokers use among themselves.',
  }),
  'sasl.server.callback.handler.class': className({
    default: null,
    accepted,
    doc: 'A class for the server side of SASL.',
  }),
  'sasl.server.max.receive.size': int({
    default: 512 * KiB,
    accepted,
    doc: 'The largest SASL message before a client is authenticated.',
  }),
};
