import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, string } from '../../schema/field.ts';

/**
 * Lists log directories with the size of each partition (KIP-113). v1 is the oldest that is left; v2
 * flexible, v3 an error for the whole answer, v4 size of the volume (KIP-827), v5 whether the directory is
 * cordoned (KIP-1066).
 */
export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: '1-5',
  flexible: '2+',
  request: {
    // null: all
    topics: array({
      topic: string,
      partitions: array(int32),
    }).nullable(),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.in('3+').ignorable(),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          partitionSize: int64,
          offsetLag: int64, // behind the high watermark, or behind the log it is to replace
          isFutureKey: boolean, // being moved here from another directory
        }),
      }),
      totalBytes: int64.in('4+').default(-1).ignorable(),
      usableBytes: int64.in('4+').default(-1).ignorable(),
      isCordoned: boolean.in('5+').ignorable(),
    }),
  },
});
