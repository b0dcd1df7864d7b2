import { errors } from '../../../protocol/errors.ts';
import { describeTransactions } from '../../../protocol/messages/transactions/describe-transactions.ts';
import type { Services } from '../../services.ts';
import { answerEach } from '../answer-each.ts';
import { defineHandler } from '../handler.ts';
import { remembering } from '../remembering.ts';

/** Transactions by their ids (KIP-664). */
export const describeTransactionsHandler = defineHandler(describeTransactions, {
  versions: '0',
  async handle(services, { transactionalIds }) {
    const remembered = remembering<ReturnType<typeof describe>>();
    const transactionStates = await answerEach(services.environment.clock, transactionalIds, (id) =>
      remembered(id, () => describe(services, id)),
    );
    return { throttleTimeMs: 0, transactionStates };
  },
  refuse: ({ transactionalIds }, errorCode) => ({
    throttleTimeMs: 0,
    transactionStates: transactionalIds.map((id) => refusal(id, errorCode)),
  }),
});

async function describe({ transactions }: Services, transactionalId: string) {
  const found = await transactions.describe(transactionalId);
  if (typeof found === 'number') return refusal(transactionalId, found);
  if (found === undefined) return refusal(transactionalId, errors.transactionalIdNotFound.code);
  return {
    errorCode: errors.none.code,
    transactionalId,
    transactionState: found.state,
    transactionTimeoutMs: found.timeoutMs,
    transactionStartTimeMs: found.startMs,
    producerId: found.producerId,
    producerEpoch: found.producerEpoch,
    topics: [...found.partitions].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
  };
}

function refusal(transactionalId: string, errorCode: number) {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}
