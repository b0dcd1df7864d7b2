import { errors } from '../../../protocol/errors.ts';
import { describeUserScramCredentials } from '../../../protocol/messages/security/scram.ts';
import { countOf } from '../../metadata/decide.ts';
import { defineHandler } from '../handler.ts';

/** There are no users: all of them is an empty list, a named one is not found, one named twice is refused once. */
export const describeUserScramCredentialsHandler = defineHandler(describeUserScramCredentials, {
  versions: '0',
  handle(_services, request) {
    const names = (request.users ?? []).map(({ name }) => name);
    const results = [...countOf(names)].map(([user, times]) => {
      const isTwice = times > 1;
      const { code } = isTwice ? errors.duplicateResource : errors.resourceNotFound;
      const errorMessage = isTwice
        ? `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
        : `Attempt to describe a user credential that does not exist: ${user}`;
      return { user, errorCode: code, errorMessage, credentialInfos: [] };
    });
    return { throttleTimeMs: 0, errorCode: errors.none.code, errorMessage: '', results };
  },
  refuse: (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    results: [],
  }),
});
