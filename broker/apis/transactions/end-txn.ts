import { endTxn } from '../../../protocol/messages/transactions/end-txn.ts';
import { epochPerTransaction } from '../../transactions/transaction.ts';
import { noProducer, type ProducerAnswer } from '../../transactions/transaction-decisions.ts';
import { defineHandler } from '../handler.ts';
import { knownToVersion } from './fenced.ts';

/** From these versions on: PRODUCER_FENCED; each end brings a new epoch. */
const fencedVersion = 2;
const epochVersion = 5;

/** Commits or aborts. The answer says that it is decided; the markers follow. */
export const endTxnHandler = defineHandler(endTxn, {
  versions: '0-5',
  handle({ transactions }, request, { apiVersion }) {
    const { transactionalId, producerId, producerEpoch, committed } = request;
    const clientVersion = apiVersion >= epochVersion ? epochPerTransaction : 0;
    const ended = transactions.end({ transactionalId, producerId, producerEpoch, committed, clientVersion });
    const answer = ({ errorCode, ...producer }: ProducerAnswer) => ({
      throttleTimeMs: 0,
      errorCode: knownToVersion(errorCode, apiVersion >= fencedVersion),
      ...producer,
    });
    return ended instanceof Promise ? ended.then(answer) : answer(ended);
  },
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, ...noProducer(errorCode) }),
});
