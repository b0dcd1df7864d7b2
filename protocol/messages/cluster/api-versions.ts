import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, string } from '../../schema/field.ts';

/** ApiVersions. */
export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: '0-5',
  flexible: '3+',
  listeners: ['broker', 'controller'],
  request: {
    clientSoftwareName: string.in('3+').ignorable(),
    clientSoftwareVersion: string.in('3+').ignorable(),
    clusterId: string.nullable().in('5+').default(null).ignorable(),
    nodeId: int32.in('5+').default(-1).ignorable(),
  },
  response: {
    errorCode: int16,
    apiKeys: array({
      apiKey: int16,
      minVersion: int16,
      maxVersion: int16,
    }),
    throttleTimeMs: int32.in('1+').ignorable(),
    supportedFeatures: array({
      name: string,
      minVersion: int16,
      maxVersion: int16,
    })
      .tag(0, '3+')
      .ignorable(),
    finalizedFeaturesEpoch: int64.tag(1, '3+').default(-1).ignorable(),
    finalizedFeatures: array({
      name: string,
      maxVersionLevel: int16,
      minVersionLevel: int16,
    })
      .tag(2, '3+')
      .ignorable(),
    zkMigrationReady: boolean.tag(3, '3+').ignorable(),
  },
});
