import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, string } from '../../schema/field.ts';

/** DescribeLogDirs. */
export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: '1-5',
  flexible: '2+',
  request: {
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
          offsetLag: int64,
          isFutureKey: boolean,
        }),
      }),
      totalBytes: int64.in('4+').default(-1).ignorable(),
      usableBytes: int64.in('4+').default(-1).ignorable(),
      isCordoned: boolean.in('5+').ignorable(),
    }),
  },
});
