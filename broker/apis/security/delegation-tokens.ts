import { errors } from '../../../protocol/errors.ts';
import {
  createDelegationToken,
  describeDelegationToken,
  expireDelegationToken,
  renewDelegationToken,
} from '../../../protocol/messages/security/delegation-tokens.ts';
import { defineHandler } from '../handler.ts';

/** On a listener without authentication nobody may have a token, as in Kafka. */
const notAllowed = errors.delegationTokenRequestNotAllowed.code;

const noToken = {
  throttleTimeMs: 0,
  principalType: '',
  principalName: '',
  tokenRequesterPrincipalType: '',
  tokenRequesterPrincipalName: '',
  issueTimestampMs: -1,
  expiryTimestampMs: -1,
  maxTimestampMs: -1,
  tokenId: '',
  hmac: Buffer.alloc(0),
} as const;

export const createDelegationTokenHandler = defineHandler(createDelegationToken, {
  versions: '1-3',
  handle: () => ({ ...noToken, errorCode: notAllowed }),
  refuse: (_request, errorCode) => ({ ...noToken, errorCode }),
});

export const renewDelegationTokenHandler = defineHandler(renewDelegationToken, {
  versions: '1-2',
  handle: () => ({ throttleTimeMs: 0, errorCode: notAllowed, expiryTimestampMs: -1 }),
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, expiryTimestampMs: -1 }),
});

export const expireDelegationTokenHandler = defineHandler(expireDelegationToken, {
  versions: '1-2',
  handle: () => ({ throttleTimeMs: 0, errorCode: notAllowed, expiryTimestampMs: -1 }),
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, expiryTimestampMs: -1 }),
});

export const describeDelegationTokenHandler = defineHandler(describeDelegationToken, {
  versions: '1-3',
  handle: () => ({ throttleTimeMs: 0, errorCode: notAllowed, tokens: [] }),
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, tokens: [] }),
});
