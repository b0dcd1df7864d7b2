/** What tools ask unasked, of a broker without security. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createAclsHandler,
  deleteAclsHandler,
  describeAclsHandler,
} from '../../../../broker/apis/security/acls.ts';
import {
  createDelegationTokenHandler,
  describeDelegationTokenHandler,
} from '../../../../broker/apis/security/delegation-tokens.ts';
import { describeClientQuotasHandler } from '../../../../broker/apis/security/describe-client-quotas.ts';
import { describeUserScramCredentialsHandler } from '../../../../broker/apis/security/describe-user-scram-credentials.ts';
import { saslAuthenticateHandler, saslHandshakeHandler } from '../../../../broker/apis/security/sasl.ts';
import { errors } from '../../../../protocol/errors.ts';
import { World } from '../../world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world.stop());

test('ACLs are SECURITY_DISABLED, one by one', async () => {
  const errorCode = errors.securityDisabled.code;
  const any = {
    resourceNameFilter: null,
    principalFilter: null,
    hostFilter: null,
    operation: 1,
    permissionType: 1,
  };
  expect(
    await world.ask(describeAclsHandler, 3, { ...any, resourceTypeFilter: 1, patternTypeFilter: 1 }),
  ).toMatchObject({ errorCode, resources: [] });
  const creation = {
    resourceType: 2,
    resourceName: 't',
    resourcePatternType: 3,
    principal: 'User:a',
    host: '*',
    operation: 3,
    permissionType: 3,
  };
  const created = await world.ask(createAclsHandler, 3, { creations: [creation, creation] });
  expect(created!.results).toMatchObject([{ errorCode }, { errorCode }]);
  const filters = [{ ...any, resourceTypeFilter: 1, patternTypeFilter: 1 }];
  const deleted = await world.ask(deleteAclsHandler, 3, { filters });
  expect(deleted!.filterResults).toMatchObject([{ errorCode, matchingAcls: [] }]);
});

test('there are no quotas, no SCRAM users and no delegation tokens', async () => {
  expect(await world.ask(describeClientQuotasHandler, 1, { components: [], strict: false })).toMatchObject({
    errorCode: 0,
    entries: [],
  });
  expect(await world.ask(describeUserScramCredentialsHandler, 0, { users: null })).toMatchObject({
    errorCode: 0,
    results: [],
  });
  expect(await world.ask(describeUserScramCredentialsHandler, 0, { users: [{ name: 'u' }] })).toMatchObject({
    results: [{ user: 'u', errorCode: errors.resourceNotFound.code, credentialInfos: [] }],
  });
  const users = [{ name: 'twice' }, { name: 'once' }, { name: 'twice' }];
  expect((await world.ask(describeUserScramCredentialsHandler, 0, { users }))!.results).toMatchObject([
    { user: 'twice', errorCode: errors.duplicateResource.code },
    { user: 'once', errorCode: errors.resourceNotFound.code },
  ]);
  const errorCode = errors.delegationTokenRequestNotAllowed.code;
  expect(await world.ask(describeDelegationTokenHandler, 3, { owners: null })).toMatchObject({ errorCode });
  const token = { renewers: [], maxLifetimeMs: 1 };
  expect(await world.ask(createDelegationTokenHandler, 2, token)).toMatchObject({
    errorCode,
    principalType: 'User',
    principalName: 'ANONYMOUS',
  });
  const owner = { ownerPrincipalType: 'User', ownerPrincipalName: 'another' };
  expect(await world.ask(createDelegationTokenHandler, 3, { ...owner, ...token })).toMatchObject({
    errorCode,
    principalName: 'another',
    tokenRequesterPrincipalName: 'ANONYMOUS',
  });
});

test.each([
  ['no type of entity', [{ entityType: '', matchType: 0, match: 'x' }], errors.invalidRequest],
  ['a strange one', [{ entityType: 'planet', matchType: 0, match: 'x' }], errors.unsupportedVersion],
  ['a strange match', [{ entityType: 'user', matchType: 3, match: 'x' }], errors.invalidRequest],
  ['an exact match with nothing', [{ entityType: 'user', matchType: 0, match: null }], errors.invalidRequest],
  ['the default by name', [{ entityType: 'user', matchType: 1, match: 'x' }], errors.invalidRequest],
  [
    'a user twice',
    [
      { entityType: 'user', matchType: 1, match: null },
      { entityType: 'user', matchType: 2, match: null },
    ],
    errors.invalidRequest,
  ],
  [
    'a user at an address',
    [
      { entityType: 'user', matchType: 1, match: null },
      { entityType: 'ip', matchType: 2, match: null },
    ],
    errors.invalidRequest,
  ],
])('quotas are not asked for by %s', async (_what, components, { code }) => {
  await expect(
    world.ask(describeClientQuotasHandler, 1, { components, strict: false }),
  ).rejects.toMatchObject({ code });
});

test('SASL on a listener without it is an illegal state', async () => {
  const errorCode = errors.illegalSaslState.code;
  expect(await world.ask(saslHandshakeHandler, 1, { mechanism: 'PLAIN' })).toMatchObject({ errorCode });
  expect(await world.ask(saslAuthenticateHandler, 2, { authBytes: Buffer.alloc(0) })).toMatchObject({
    errorCode,
  });
});
