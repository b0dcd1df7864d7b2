import { errors } from '../../../protocol/errors.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { defineHandler } from '../handler.ts';

const noProducer = { throttleTimeMs: 0, producerId: -1, producerEpoch: -1 };

/**
 * Gives an idempotent producer its id: always a new one with epoch 0, whatever the producer had before (KIP-360 asks for more
 * only with a transactional id, which belongs to the transaction coordinator).
 */
export const initProducerIdHandler = defineHandler(initProducerId, {
  versions: '0-5',
  async handle({ producerIds }, request) {
    const hasId = request.producerId !== -1;
    const hasEpoch = request.producerEpoch !== -1;
    if (hasId !== hasEpoch || request.transactionalId === '') {
      return { ...noProducer, errorCode: errors.invalidRequest.code };
    }
    if (request.transactionalId !== null) return { ...noProducer, errorCode: errors.unsupportedVersion.code };
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      producerId: await producerIds.next(),
      producerEpoch: 0,
    };
  },
  refuse: (_request, errorCode) => ({ ...noProducer, errorCode }),
});
