import { addOffsetsToTxn } from '../../../protocol/messages/transactions/add-offsets-to-txn.ts';
import { consumerOffsetsTopic } from '../../metadata/topic-names.ts';
import { defineHandler } from '../handler.ts';
import { knownToVersion } from './fenced.ts';

/** From this version on a client knows PRODUCER_FENCED. */
const fencedVersion = 2;

/** Adds the partition that holds a group's offsets to a transaction. */
export const addOffsetsToTxnHandler = defineHandler(addOffsetsToTxn, {
  versions: '0-4',
  handle({ transactions, groups }, request, { apiVersion }) {
    const offsets = { topic: consumerOffsetsTopic, partition: groups.offsetsPartition(request.groupId) };
    const added = transactions.addPartitions(request, [offsets], 0);
    const answer = (errorCode: number) => ({
      throttleTimeMs: 0,
      errorCode: knownToVersion(errorCode, apiVersion >= fencedVersion),
    });
    return added instanceof Promise ? added.then(answer) : answer(added);
  },
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode }),
});
