import { addOffsetsToTxnHandler } from './add-offsets-to-txn.ts';
import { addPartitionsToTxnHandler } from './add-partitions-to-txn.ts';
import { describeTransactionsHandler } from './describe-transactions.ts';
import { endTxnHandler } from './end-txn.ts';
import { initProducerIdHandler } from './init-producer-id.ts';
import { listTransactionsHandler } from './list-transactions.ts';
import { txnOffsetCommitHandler } from './txn-offset-commit.ts';
import { writeTxnMarkersHandler } from './write-txn-markers.ts';

/** What a transactional producer asks for, and what administrators ask about it. */
export const transactionHandlers = {
  initProducerId: initProducerIdHandler,
  addPartitionsToTxn: addPartitionsToTxnHandler,
  addOffsetsToTxn: addOffsetsToTxnHandler,
  endTxn: endTxnHandler,
  writeTxnMarkers: writeTxnMarkersHandler,
  txnOffsetCommit: txnOffsetCommitHandler,
  describeTransactions: describeTransactionsHandler,
  listTransactions: listTransactionsHandler,
};
