/** TLS. A listener that needs it is refused by listeners.ts, so these keys have nothing to act on. */
import { boolean, className, list, oneOf, password, string } from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

const accepted = ignored.noTls;
const dynamic = 'broker' as const;

export const sslKeys = {
  'ssl.allow.dn.changes': boolean({
    default: false,
    accepted,
    doc: 'Whether a new certificate may have another name.',
  }),
  'ssl.allow.san.changes': boolean({
    default: false,
    accepted,
    doc: 'Whether a new certificate may have other alternative names.',
  }),
  'ssl.cipher.suites': list({
    default: [],
    dynamic,
    accepted,
    doc: 'Cipher suites that may be used; empty: all.',
  }),
  'ssl.client.auth': oneOf(['required', 'requested', 'none'], {
    default: 'none',
    dynamic,
    accepted,
    doc: 'Whether clients must show a certificate.',
  }),
  'ssl.enabled.protocols': list({
    default: ['TLSv1.2', 'TLSv1.3'],
    dynamic,
    accepted,
    doc: 'TLS versions that may be used.',
  }),
  'ssl.endpoint.identification.algorithm': string({
    default: 'https',
    dynamic,
    accepted,
    doc: 'How the name in a certificate is checked.',
  }),
  'ssl.engine.factory.class': className({
    default: null,
    dynamic,
    accepted: ignored.noJava,
    doc: 'A class that makes TLS engines.',
  }),
  'ssl.key.password': password({ default: null, dynamic, accepted, doc: 'The password of the private key.' }),
  'ssl.keymanager.algorithm': string({
    default: 'SunX509',
    dynamic,
    accepted,
    doc: 'How the key is chosen.',
  }),
  'ssl.keystore.certificate.chain': password({
    default: null,
    dynamic,
    accepted,
    doc: 'The certificate chain, as PEM.',
  }),
  'ssl.keystore.key': password({ default: null, dynamic, accepted, doc: 'The private key, as PEM.' }),
  'ssl.keystore.location': string({ default: null, dynamic, accepted, doc: 'The key store file.' }),
  'ssl.keystore.password': password({
    default: null,
    dynamic,
    accepted,
    doc: 'The password of the key store.',
  }),
  'ssl.keystore.type': string({ default: 'JKS', dynamic, accepted, doc: 'The format of the key store.' }),
  'ssl.principal.mapping.rules': string({
    default: 'DEFAULT',
    accepted,
    doc: 'How the name in a certificate becomes a user.',
  }),
  'ssl.protocol': string({ default: 'TLSv1.3', dynamic, accepted, doc: 'The TLS context to start from.' }),
  'ssl.provider': string({ default: null, dynamic, accepted, doc: 'The Java security provider.' }),
  'ssl.secure.random.implementation': string({
    default: null,
    dynamic,
    accepted,
    doc: 'The source of random numbers.',
  }),
  'ssl.trustmanager.algorithm': string({ default: 'PKIX', dynamic, accepted, doc: 'How trust is decided.' }),
  'ssl.truststore.certificates': password({
    default: null,
    dynamic,
    accepted,
    doc: 'The trusted certificates, as PEM.',
  }),
  'ssl.truststore.location': string({ default: null, dynamic, accepted, doc: 'The trust store file.' }),
  'ssl.truststore.password': password({
    default: null,
    dynamic,
    accepted,
    doc: 'The password of the trust store.',
  }),
  'ssl.truststore.type': string({ default: 'JKS', dynamic, accepted, doc: 'The format of the trust store.' }),
};
