import { describe, expect, it } from 'vitest';
import { checkFault, type FaultOptions } from '../../../broker/faults/fault-options.ts';
import { OptionError } from '../../../broker/options/option-error.ts';

const error = 'NOT_LEADER_OR_FOLLOWER';

describe('a fault that makes no sense is refused, and the message names the option', () => {
  it.each<[string, unknown, RegExp]>([
    ['api', undefined, /^api: a fault needs an api/],
    ['api', null, /^api: a fault needs an api/],
    ['api', { error }, /^api: it is needed: the name of an API/],
    ['api', { api: [], error }, /^api: it is needed/],
    ['api', { api: 'Prodduce', error }, /^api: Kafka has no API 'Prodduce' \(did you mean Produce\?\)$/],
    ['api', { api: ['Fetch', 'produce'], error }, /no API 'produce' \(did you mean Produce\?\)/],
    ['api', { api: 3, error }, /^api: Kafka has no API 3/],
    ['api', { api: 'x'.repeat(1e6), error }, /^.{1,200}$/],
    ['api', { api: 'ShareFetch', error }, /^api: this broker does not serve ShareFetch/],
    ['error', { api: 'Produce' }, /^error: a fault needs an effect: error, delayMs, dropConnection/],
    ['error', { api: 'Produce', dropConnection: false }, /^error: a fault needs an effect/],
    ['error', { api: 'Produce', error: 'NOT_LEADER' }, /^error: Kafka has no error 'NOT_LEADER'/],
    ['error', { api: 'Produce', error: 'REQUEST_TIMED_OT' }, /did you mean REQUEST_TIMED_OUT\?/],
    ['error', { api: 'Produce', error: 'NONE' }, /^error: NONE is what an answer without an error says/],
    ['error', { api: 'Produce', error: 7 }, /^error: Kafka has no error 7/],
    ['topic', { api: 'Heartbeat', topic: 't', error }, /^topic: Heartbeat is about no topic in particular/],
    ['topic', { api: ['Produce', 'JoinGroup'], topic: 't', error }, /^topic: JoinGroup is about/],
    ['topic', { api: 'Produce', topic: '', error }, /^topic must be a text that is not empty, not ''/],
    ['partition', { api: 'Produce', partition: 0, error }, /^partition: it is one of a topic/],
    [
      'partition',
      { api: 'CreateTopics', topic: 't', partition: 0, error },
      /^partition: CreateTopics is about whole topics/,
    ],
    [
      'partition',
      { api: 'Produce', topic: 't', partition: -1, error },
      /^partition must be a whole number from 0/,
    ],
    ['partition', { api: 'Produce', topic: 't', partition: '0', error }, /not '0'$/],
    ['clientId', { api: 'Produce', clientId: 3, error }, /^clientId must be a text, not 3/],
    ['times', { api: 'Produce', times: 0, error }, /^times must be a whole number from 1/],
    ['times', { api: 'Produce', times: 1.5, error }, /^times must .*not 1.5$/],
    ['after', { api: 'Produce', after: -1, error }, /^after must be a whole number from 0/],
    [
      'delayMs',
      { api: 'Produce', delayMs: -1 },
      /^delayMs must be a whole number from 0 to 2147483647, not -1/,
    ],
    ['delayMs', { api: 'Produce', delayMs: Number.NaN }, /^delayMs must .*not NaN/],
    ['throttleMs', { api: 'Produce', throttleMs: 2 ** 31 }, /^throttleMs must be a whole number/],
    [
      'throttleMs',
      { api: 'SaslHandshake', throttleMs: 5 },
      /^throttleMs: answers of SaslHandshake cannot say/,
    ],
    [
      'throttleMs',
      { api: 'Fetch', throttleMs: 5, dropConnection: true },
      /^throttleMs: it contradicts dropConnection/,
    ],
    [
      'dropConnection',
      { api: 'Fetch', error, dropConnection: true },
      /^dropConnection: it contradicts error/,
    ],
    [
      'dropConnection',
      { api: 'Fetch', dropConnection: 'yes' },
      /^dropConnection must be true or false, not 'yes'/,
    ],
    [
      'truncateAnswer',
      { api: 'Fetch', truncateAnswer: 4, dropConnection: true },
      /^truncateAnswer: it contradicts dropConnection/,
    ],
    ['truncateAnswer', { api: 'Fetch', truncateAnswer: -4 }, /^truncateAnswer must be a whole number/],
    ['when', { api: 'Produce', error, when: 'later' }, /^when: it is 'before' or 'after', not 'later'/],
    [
      'when',
      { api: 'Produce', truncateAnswer: true, when: 'before' },
      /^when: truncateAnswer cuts the answer/,
    ],
    [
      'when',
      { api: 'Produce', throttleMs: 5, when: 'after' },
      /^when: a client is throttled with the answer/,
    ],
    ['tmies', { api: 'Produce', error, tmies: 1 }, /^a fault has no option tmies \(did you mean times\?\)/],
  ])('%s in %j', (option, options, message) => {
    let thrown: unknown;
    try {
      checkFault(options as FaultOptions);
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toBeInstanceOf(OptionError);
    expect((thrown as OptionError).message).toMatch(message);
    expect((thrown as OptionError).option).toBe(option);
  });
});

it('several effects that go together are one fault', () => {
  expect(
    checkFault({ api: ['Produce', 'Fetch'], topic: 't', delayMs: 5, error, throttleMs: 9, when: 'after' }),
  ).toMatchObject({
    topic: 't',
    partition: null,
    after: 0,
    times: Number.POSITIVE_INFINITY,
    isAfter: true,
    delayMs: 5,
    throttleMs: 9,
    ending: { kind: 'error', errorCode: 6 },
  });
});
