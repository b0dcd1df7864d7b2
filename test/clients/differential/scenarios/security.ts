/** What tools ask unasked of a broker without security. */
import { createAcls, deleteAcls, describeAcls } from '../../../../protocol/messages/security/acls.ts';
import { describeClientQuotas } from '../../../../protocol/messages/security/client-quotas.ts';
import {
  createDelegationToken,
  describeDelegationToken,
  expireDelegationToken,
  renewDelegationToken,
} from '../../../../protocol/messages/security/delegation-tokens.ts';
import { saslAuthenticate } from '../../../../protocol/messages/security/sasl-authenticate.ts';
import { saslHandshake } from '../../../../protocol/messages/security/sasl-handshake.ts';
import { describeUserScramCredentials } from '../../../../protocol/messages/security/scram.ts';
import { type Scenario, versionsOf } from '../scenario.ts';

const anyAcl = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};
const newAcl = {
  resourceType: 2,
  resourceName: 'topic',
  principal: 'User:someone',
  host: '*',
  operation: 3,
  permissionType: 3,
};

const acls: Scenario = {
  name: 'acls',
  async run(side) {
    for (const version of versionsOf('describeAcls')) await side.ask(describeAcls, version, anyAcl);
    for (const version of versionsOf('createAcls')) {
      await side.ask(createAcls, version, { creations: [newAcl, newAcl] });
      await side.ask(createAcls, version, { creations: [] }, 'none');
    }
    for (const version of versionsOf('deleteAcls')) {
      await side.ask(deleteAcls, version, { filters: [anyAcl, anyAcl] });
      await side.ask(deleteAcls, version, { filters: [] }, 'none');
    }
  },
};

const quotas: Scenario = {
  name: 'quotas',
  async run(side) {
    for (const version of versionsOf('describeClientQuotas')) {
      for (const [note, components] of [
        ['all', []],
        ['a user', [{ entityType: 'user', matchType: 0, match: 'someone' }]],
        ['default user', [{ entityType: 'user', matchType: 1, match: null }]],
        ['any client id', [{ entityType: 'client-id', matchType: 2, match: null }]],
        ['no such type of entity', [{ entityType: 'nonsense', matchType: 0, match: 'x' }]],
        ['no such type of match', [{ entityType: 'user', matchType: 9, match: 'x' }]],
        ['exact without a name', [{ entityType: 'user', matchType: 0, match: null }]],
        ['no entity', [{ entityType: '', matchType: 0, match: 'x' }]],
      ] as const)
        for (const strict of [false, true])
          await side.ask(describeClientQuotas, version, { components: [...components], strict }, note);
      const user = { entityType: 'user', matchType: 0, match: 'someone' };
      await side.ask(describeClientQuotas, version, { components: [user, user], strict: false }, 'twice');
      const ip = { entityType: 'ip', matchType: 0, match: '127.0.0.1' };
      await side.ask(describeClientQuotas, version, { components: [user, ip], strict: false }, 'user and ip');
    }
  },
};

const users: Scenario = {
  name: 'users',
  async run(side) {
    for (const [note, names] of [
      ['all', null],
      ['none', []],
      ['one', ['someone']],
      ['one twice', ['someone', 'someone']],
      ['two', ['someone', 'somebody']],
      ['no name', ['']],
    ] as const)
      await side.ask(
        describeUserScramCredentials,
        0,
        { users: names === null ? null : names.map((name) => ({ name })) },
        note,
      );
  },
};

const tokens: Scenario = {
  name: 'tokens',
  async run(side) {
    const hmac = Buffer.from('no such token');
    for (const version of versionsOf('createDelegationToken')) {
      const owner = version >= 3 ? { ownerPrincipalType: null, ownerPrincipalName: null } : {};
      await side.ask(createDelegationToken, version, { ...owner, renewers: [], maxLifetimeMs: -1 });
      if (version >= 3) {
        const other = { ownerPrincipalType: 'User', ownerPrincipalName: 'someone' };
        await side.ask(
          createDelegationToken,
          version,
          { ...other, renewers: [], maxLifetimeMs: -1 },
          'for another',
        );
      }
    }
    for (const version of versionsOf('renewDelegationToken'))
      await side.ask(renewDelegationToken, version, { hmac, renewPeriodMs: 1 });
    for (const version of versionsOf('expireDelegationToken'))
      await side.ask(expireDelegationToken, version, { hmac, expiryTimePeriodMs: 1 });
    for (const version of versionsOf('describeDelegationToken')) {
      await side.ask(describeDelegationToken, version, { owners: null });
      await side.ask(describeDelegationToken, version, { owners: [] }, 'of nobody');
    }
  },
};

const sasl: Scenario = {
  name: 'sasl',
  async run(side) {
    for (const version of versionsOf('saslHandshake'))
      await side.ask(saslHandshake, version, { mechanism: 'PLAIN' });
    for (const version of versionsOf('saslAuthenticate'))
      await side.ask(saslAuthenticate, version, { authBytes: Buffer.from('\0a\0b') });
  },
};

export const securityScenarios: readonly Scenario[] = [acls, quotas, users, tokens, sasl];
