import { ApiError, errors } from '../../../protocol/errors.ts';
import { describeClientQuotas } from '../../../protocol/messages/security/client-quotas.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import { defineHandler } from '../handler.ts';

/** No client has a quota; what is no sensible question is refused all the same. */
export const describeClientQuotasHandler = defineHandler(describeClientQuotas, {
  versions: '0-1',
  handle(_services, request) {
    checkFilter(request.components);
    return { throttleTimeMs: 0, errorCode: errors.none.code, errorMessage: '', entries: [] };
  },
  refuse: (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    entries: null,
  }),
});

const entityTypes: readonly string[] = ['user', 'client-id', 'ip'];
const matchTypes = { exact: 0, default: 1, specified: 2 } as const;

type Component = RequestOf<typeof describeClientQuotas>['components'][number];

function checkFilter(components: readonly Component[]): void {
  const invalid = (message: string) => new ApiError(errors.invalidRequest, message);
  const seen = new Set<string>();
  for (const { entityType, matchType, match } of components) {
    if (entityType === '') throw invalid('Invalid empty entity type.');
    if (seen.has(entityType)) throw invalid(`Entity type ${entityType} cannot appear more than once.`);
    if (!entityTypes.includes(entityType))
      throw new ApiError(errors.unsupportedVersion, `Unsupported entity type ${entityType}.`);
    if (matchType === matchTypes.exact) {
      if (match === null) throw invalid('An exact match needs a name.');
    } else if (matchType === matchTypes.default || matchType === matchTypes.specified) {
      if (match !== null) throw invalid(`Match type ${matchType} takes no name.`);
    } else throw invalid(`Unknown match type ${matchType}.`);
    seen.add(entityType);
  }
  if (seen.has('ip') && seen.size > 1)
    throw invalid('An IP address cannot be asked for together with a user or client id.');
}
