/** The handlers of security, which is not served yet: each answers as a Kafka without it. */
import { createAclsHandler, deleteAclsHandler, describeAclsHandler } from './acls.ts';
import {
  createDelegationTokenHandler,
  describeDelegationTokenHandler,
  expireDelegationTokenHandler,
  renewDelegationTokenHandler,
} from './delegation-tokens.ts';
import { describeClientQuotasHandler } from './describe-client-quotas.ts';
import { describeUserScramCredentialsHandler } from './describe-user-scram-credentials.ts';
import { saslAuthenticateHandler, saslHandshakeHandler } from './sasl.ts';

export const securityHandlers = {
  describeAcls: describeAclsHandler,
  createAcls: createAclsHandler,
  deleteAcls: deleteAclsHandler,
  describeClientQuotas: describeClientQuotasHandler,
  describeUserScramCredentials: describeUserScramCredentialsHandler,
  createDelegationToken: createDelegationTokenHandler,
  renewDelegationToken: renewDelegationTokenHandler,
  expireDelegationToken: expireDelegationTokenHandler,
  describeDelegationToken: describeDelegationTokenHandler,
  saslHandshake: saslHandshakeHandler,
  saslAuthenticate: saslAuthenticateHandler,
};
