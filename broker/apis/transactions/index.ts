import { initProducerIdHandler } from './init-producer-id.ts';

/** The transaction coordinator's own APIs are not served yet; idempotence needs this one. */
export const transactionHandlers = {
  initProducerId: initProducerIdHandler,
};
