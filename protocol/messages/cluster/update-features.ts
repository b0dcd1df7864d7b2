import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, string } from '../../schema/field.ts';

/**
 * Finalizes features at other levels (KIP-584). v1 kinds of downgrade, and trying without doing (KIP-778);
 * v2 one error for all, as they take effect together or not at all.
 */
export const updateFeatures = defineApi({
  key: 57,
  name: 'UpdateFeatures',
  versions: '0-2',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    timeoutMs: int32.default(60000),
    featureUpdates: array({
      feature: string,
      maxVersionLevel: int16, // below 1: delete the feature
      allowDowngrade: boolean.in('0'),
      upgradeType: int8.in('1+').default(1), // 1 upgrade, 2 safe downgrade, 3 unsafe downgrade
    }),
    validateOnly: boolean.in('1+'),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array({
      feature: string,
      errorCode: int16,
      errorMessage: string.nullable(),
    })
      .in('0-1')
      .ignorable(),
  },
});
