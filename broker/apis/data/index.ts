/** The handlers of records: produce, fetch and what looks into logs. */
import { deleteRecordsHandler } from './delete-records.ts';
import { describeProducersHandler } from './describe-producers.ts';
import { fetchHandler } from './fetch.ts';
import { listOffsetsHandler } from './list-offsets.ts';
import { offsetForLeaderEpochHandler } from './offset-for-leader-epoch.ts';
import { produceHandler } from './produce.ts';

export const dataHandlers = {
  produce: produceHandler,
  fetch: fetchHandler,
  listOffsets: listOffsetsHandler,
  offsetForLeaderEpoch: offsetForLeaderEpochHandler,
  deleteRecords: deleteRecordsHandler,
  describeProducers: describeProducersHandler,
};
