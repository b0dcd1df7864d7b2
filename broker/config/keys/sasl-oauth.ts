/** SASL with OAuth tokens (OAUTHBEARER). */
import {
  boolean,
  className,
  int,
  list,
  long,
  minuteMs,
  oneOfAnyCase,
  password,
  secondMs,
  string,
} from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

const accepted = ignored.noSasl;

export const saslOauthKeys = {
  'sasl.oauthbearer.allow.unverified.audience': boolean({
    default: false,
    accepted,
    doc: 'Whether tokens for any audience are taken.',
  }),
  'sasl.oauthbearer.allow.unverified.issuer': boolean({
    default: false,
    accepted,
    doc: 'Whether tokens of any issuer are taken.',
  }),
  'sasl.oauthbearer.assertion.algorithm': oneOfAnyCase(['ES256', 'RS256'], {
    default: 'RS256',
    accepted,
    doc: 'How assertions are signed.',
  }),
  'sasl.oauthbearer.assertion.claim.aud': string({
    default: null,
    accepted,
    doc: 'The audience in an assertion.',
  }),
  'sasl.oauthbearer.assertion.claim.exp.seconds': int({
    default: 300,
    min: 0,
    max: 86_400,
    accepted,
    doc: 'How long an assertion is valid.',
  }),
  'sasl.oauthbearer.assertion.claim.iss': string({
    default: null,
    accepted,
    doc: 'The issuer in an assertion.',
  }),
  'sasl.oauthbearer.assertion.claim.jti.include': boolean({
    default: false,
    accepted,
    doc: 'Whether an assertion has an id.',
  }),
  'sasl.oauthbearer.assertion.claim.nbf.seconds': int({
    default: 60,
    min: 0,
    max: 3600,
    accepted,
    doc: 'How far back the validity of an assertion begins.',
  }),
  'sasl.oauthbearer.assertion.claim.sub': string({
    default: null,
    accepted,
    doc: 'The subject in an assertion.',
  }),
  'sasl.oauthbearer.assertion.file': string({
    default: null,
    accepted,
    doc: 'A file with a ready assertion.',
  }),
  'sasl.oauthbearer.assertion.private.key.file': string({
    default: null,
    accepted,
    doc: 'The key that signs assertions.',
  }),
  'sasl.oauthbearer.assertion.private.key.passphrase': password({
    default: null,
    accepted,
    doc: 'The password of that key.',
  }),
  'sasl.oauthbearer.assertion.template.file': string({
    default: null,
    accepted,
    doc: 'A file with more claims.',
  }),
  'sasl.oauthbearer.client.credentials.client.id': string({ default: null, accepted, doc: 'The client id.' }),
  'sasl.oauthbearer.client.credentials.client.secret': password({
    default: null,
    accepted,
    doc: 'The client secret.',
  }),
  'sasl.oauthbearer.clock.skew.seconds': int({ default: 30, accepted, doc: 'How far clocks may differ.' }),
  'sasl.oauthbearer.expected.audience': list({
    default: [],
    accepted,
    doc: 'The audiences of which one must be in a token.',
  }),
  'sasl.oauthbearer.expected.issuer': string({
    default: null,
    accepted,
    doc: 'The issuer that must be in a token.',
  }),
  'sasl.oauthbearer.jwks.endpoint.refresh.ms': long({
    default: 60 * minuteMs,
    accepted,
    doc: 'How often the keys of the issuer are read again.',
  }),
  'sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms': long({
    default: 10 * secondMs,
    accepted,
    doc: 'The longest pause before they are read again after an error.',
  }),
  'sasl.oauthbearer.jwks.endpoint.retry.backoff.ms': long({
    default: 100,
    accepted,
    doc: 'The pause before they are read again after an error.',
  }),
  'sasl.oauthbearer.jwks.endpoint.url': string({
    default: null,
    accepted,
    doc: 'Where the keys of the issuer are.',
  }),
  'sasl.oauthbearer.jwt.retriever.class': className({
    default: 'org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever',
    accepted,
    doc: 'The class that gets tokens.',
  }),
  'sasl.oauthbearer.jwt.validator.class': className({
    default: 'org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator',
    accepted,
    doc: 'The class that checks tokens.',
  }),
  'sasl.oauthbearer.scope': string({ default: null, accepted, doc: 'The scope that is asked for.' }),
  'sasl.oauthbearer.scope.claim.name': string({
    default: 'scope',
    accepted,
    doc: 'The claim that holds the scope.',
  }),
  'sasl.oauthbearer.sub.claim.name': string({
    default: 'sub',
    accepted,
    doc: 'The claim that holds the subject.',
  }),
  'sasl.oauthbearer.token.endpoint.url': string({ default: null, accepted, doc: 'Where tokens come from.' }),
};
