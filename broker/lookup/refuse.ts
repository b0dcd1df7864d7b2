import { type LookupRefusal, LookupRefused } from './lookup.ts';

export function refuse(refusal: LookupRefusal, message: string): never {
  throw new LookupRefused(refusal, message);
}

/** What was asked for cannot be. */
export function refuseRequest(message: string): never {
  return refuse({ reason: 'bad-request' }, message);
}

export function topicDeleted(topic: string): LookupRefused {
  return new LookupRefused({ reason: 'unknown-topic' }, `the topic ${topic} was deleted`);
}
