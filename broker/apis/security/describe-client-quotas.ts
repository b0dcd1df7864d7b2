import { errors } from '../../../protocol/errors.ts';
import { describeClientQuotas } from '../../../protocol/messages/security/client-quotas.ts';
import { defineHandler } from '../handler.ts';

/** No client has a quota. */
export const describeClientQuotasHandler = defineHandler(describeClientQuotas, {
  versions: '0-1',
  handle: () => ({ throttleTimeMs: 0, errorCode: errors.none.code, errorMessage: null, entries: [] }),
  refuse: (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    entries: null,
  }),
});
