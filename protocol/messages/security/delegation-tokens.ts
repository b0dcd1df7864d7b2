/**
 * Delegation tokens (KIP-48). v1 is the oldest that is left; v2 flexible, v3 tokens on behalf of another
 * owner (KIP-373).
 */
import { defineApi } from '../../schema/api.ts';
import { array, bytes, int16, int32, int64, string } from '../../schema/field.ts';

const describeDelegationTokenOwner = {
  principalType: string,
  principalName: string,
};

/** Issues a token. */
export const createDelegationToken = defineApi({
  key: 38,
  name: 'CreateDelegationToken',
  versions: '1-3',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  request: {
    ownerPrincipalType: string.nullable().in('3+'),
    ownerPrincipalName: string.nullable().in('3+'),
    renewers: array({
      principalType: string,
      principalName: string,
    }),
    maxLifetimeMs: int64,
  },
  response: {
    errorCode: int16,
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: string.in('3+'),
    tokenRequesterPrincipalName: string.in('3+'),
    issueTimestampMs: int64,
    expiryTimestampMs: int64,
    maxTimestampMs: int64,
    tokenId: string,
    hmac: bytes,
    throttleTimeMs: int32.default(0),
  },
});

/** Moves the expiry of a token. */
export const renewDelegationToken = defineApi({
  key: 39,
  name: 'RenewDelegationToken',
  versions: '1-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  request: {
    hmac: bytes,
    renewPeriodMs: int64,
  },
  response: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32.default(0),
  },
});

/** Takes a token back, at once or at a time. */
export const expireDelegationToken = defineApi({
  key: 40,
  name: 'ExpireDelegationToken',
  versions: '1-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  request: {
    hmac: bytes,
    expiryTimePeriodMs: int64,
  },
  response: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32.default(0),
  },
});

/** Lists tokens by owner; null for all. */
export const describeDelegationToken = defineApi({
  key: 41,
  name: 'DescribeDelegationToken',
  versions: '1-3',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  request: {
    owners: array(describeDelegationTokenOwner).nullable(),
  },
  response: {
    errorCode: int16,
    tokens: array({
      principalType: string,
      principalName: string,
      tokenRequesterPrincipalType: string.in('3+'),
      tokenRequesterPrincipalName: string.in('3+'),
      issueTimestamp: int64,
      expiryTimestamp: int64,
      maxTimestamp: int64,
      tokenId: string,
      hmac: bytes,
      renewers: array(describeDelegationTokenOwner),
    }),
    throttleTimeMs: int32.default(0),
  },
});
