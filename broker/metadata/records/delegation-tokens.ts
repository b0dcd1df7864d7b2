/**
 * Delegation tokens in the metadata log. A token's secret is not stored: it is the HMAC of its id under the
 * cluster's key.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, int64, string } from '../../../protocol/schema/field.ts';

/** A delegation token was issued or renewed. */
export const delegationTokenRecord = defineRecord({
  name: 'DelegationTokenRecord',
  type: 10,
  versions: '0',
  flexible: '0+',
  fields: {
    owner: string,
    requester: string,
    renewers: array(string),
    issueTimestamp: int64,
    maxTimestamp: int64,
    expirationTimestamp: int64,
    tokenId: string,
  },
});

/** A delegation token expired or was taken back. */
export const removeDelegationTokenRecord = defineRecord({
  name: 'RemoveDelegationTokenRecord',
  type: 26,
  versions: '0',
  flexible: '0+',
  fields: {
    tokenId: string,
  },
});
