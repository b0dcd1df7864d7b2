import { errors } from '../../../protocol/errors.ts';
import { describeUserScramCredentials } from '../../../protocol/messages/security/scram.ts';
import { defineHandler } from '../handler.ts';

/** There are no users: all of them is an empty list, a named one is not found. */
export const describeUserScramCredentialsHandler = defineHandler(describeUserScramCredentials, {
  versions: '0',
  handle: (_services, request) => ({
    throttleTimeMs: 0,
    errorCode: errors.none.code,
    errorMessage: null,
    results: (request.users ?? []).map(({ name }) => ({
      user: name,
      errorCode: errors.resourceNotFound.code,
      errorMessage: `Attempt to describe a user credential that does not exist: ${name}`,
      credentialInfos: [],
    })),
  }),
  refuse: (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    results: [],
  }),
});
