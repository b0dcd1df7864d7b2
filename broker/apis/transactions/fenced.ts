import { errors } from '../../../protocol/errors.ts';

/** Before KIP-588 a fenced producer was told INVALID_PRODUCER_EPOCH. */
export function knownToVersion(errorCode: number, knowsProducerFenced: boolean): number {
  const isUnknown = errorCode === errors.producerFenced.code && !knowsProducerFenced;
  return isUnknown ? errors.invalidProducerEpoch.code : errorCode;
}
