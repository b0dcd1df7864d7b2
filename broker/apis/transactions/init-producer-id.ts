import { errors } from '../../../protocol/errors.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import type { Services } from '../../services.ts';
import { noProducer, type ProducerAnswer } from '../../transactions/transaction-decisions.ts';
import { defineHandler } from '../handler.ts';
import { knownToVersion } from './fenced.ts';

type Request = RequestOf<typeof initProducerId>;
type Response = ResponseInit<typeof initProducerId>;

/** From this version on a client knows PRODUCER_FENCED. */
const fencedVersion = 4;

/**
 * Gives a producer its id and epoch: a new id to one that is only idempotent, whatever it had before; the next epoch of its
 * transactional id to one that has such an id, so that nobody else goes on under it.
 */
export const initProducerIdHandler = defineHandler(initProducerId, {
  versions: '0-5',
  handle(services, request, { apiVersion }) {
    const given = give(services, request);
    const answer = ({ errorCode, ...producer }: ProducerAnswer): Response => ({
      throttleTimeMs: 0,
      errorCode: knownToVersion(errorCode, apiVersion >= fencedVersion),
      ...producer,
    });
    return given instanceof Promise ? given.then(answer) : answer(given);
  },
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, ...noProducer(errorCode) }),
});

function give(
  { producerIds, transactions }: Services,
  { transactionalId, transactionTimeoutMs, producerId, producerEpoch }: Request,
): ProducerAnswer | Promise<ProducerAnswer> {
  const isFirst = producerId === -1 && producerEpoch === -1;
  if (!isFirst && (producerId === -1 || producerEpoch === -1)) return noProducer(errors.invalidRequest.code);
  if (transactionalId === null)
    return producerIds.next().then((next) =>
      // No block of ids could be recorded: Kafka's answer while it waits for one, which clients try again.
      next === null
        ? noProducer(errors.coordinatorLoadInProgress.code)
        : { errorCode: errors.none.code, producerId: next, producerEpoch: 0 },
    );
  return transactions.init({
    transactionalId,
    timeoutMs: transactionTimeoutMs,
    expected: isFirst ? null : { producerId, producerEpoch },
  });
}
