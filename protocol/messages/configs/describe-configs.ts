import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, string } from '../../schema/field.ts';

/**
 * Describes configurations with their sources. v1 is the oldest that is left, with synonyms (KIP-226); v2
 * throttled after the answer (KIP-219), v3 types and documentation (KIP-569), v4 flexible.
 */
export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: '1-4',
  flexible: '4+',
  listeners: ['broker', 'controller'],
  request: {
    resources: array({
      resourceType: int8, // 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group
      resourceName: string,
      configurationKeys: array(string).nullable(), // null: all
    }),
    includeSynonyms: boolean,
    includeDocumentation: boolean.in('3+'),
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: boolean,
        configSource: int8.default(-1),
        isSensitive: boolean,
        synonyms: array({
          name: string,
          value: string.nullable(),
          source: int8,
        }),
        configType: int8.in('3+').ignorable(),
        documentation: string.nullable().in('3+').ignorable(),
      }),
    }),
  },
});
