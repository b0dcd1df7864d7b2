import { errors } from '../../../protocol/errors.ts';
import { listPartitionReassignments } from '../../../protocol/messages/topics/list-partition-reassignments.ts';
import { defineHandler } from '../handler.ts';

/** Nothing moves in a cluster of one. */
export const listPartitionReassignmentsHandler = defineHandler(listPartitionReassignments, {
  versions: '0',
  handle: () => ({ throttleTimeMs: 0, errorCode: errors.none.code, errorMessage: null, topics: [] }),
  refuse: (_request, errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage, topics: [] }),
});
