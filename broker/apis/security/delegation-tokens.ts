import { errors } from '../../../protocol/errors.ts';
import {
  createDelegationToken,
  describeDelegationToken,
  expireDelegationToken,
  renewDelegationToken,
} from '../../../protocol/messages/security/delegation-tokens.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import { type Caller, defineHandler } from '../handler.ts';

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
  handle: (_services, request, caller) => ({
    ...noToken,
    ...whose(request, caller),
    errorCode: notAllowed,
  }),
  refuse: (_request, errorCode) => ({ ...noToken, errorCode }),
});

/** From this version on a token may be asked for somebody else (KIP-373). */
const ownerVersion = 3;

/** Whose token it would be, and who asked for it. */
function whose(request: RequestOf<typeof createDelegationToken>, { principal, apiVersion }: Caller) {
  const [type, name] = principal.split(':') as [string, string];
  const isForOther = request.ownerPrincipalName !== null && request.ownerPrincipalName !== '';
  return {
    principalType: isForOther ? (request.ownerPrincipalType ?? '') : type,
    principalName: isForOther ? request.ownerPrincipalName! : name,
    ...(apiVersion >= ownerVersion
      ? { tokenRequesterPrincipalType: type, tokenRequesterPrincipalName: name }
      : {}),
  };
}

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
