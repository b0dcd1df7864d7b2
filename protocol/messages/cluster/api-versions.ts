import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, string } from '../../schema/field.ts';

/**
 * Tells which versions of which APIs the broker serves. The response header is always v0, and a broker
 * answers a version that it does not know with v0 and UNSUPPORTED_VERSION.
 * v1 throttle time, v2 throttled after the answer (KIP-219), v3 flexible, client software (KIP-511),
 * features (KIP-584), v4 features whose least version is 0, v5 whom the client believes to have reached
 * (KIP-1242).
 */
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
    finalizedFeaturesEpoch: int64.tag(1, '3+').default(-1).ignorable(), // -1: not known
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
