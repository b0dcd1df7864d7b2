/**
 * Bit fields of allowed operations (bit n = AclOperation code n). Without an authorizer everything that a resource supports is
 * allowed; `notAsked` is what a client gets that did not ask.
 */
const operation = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const;

function bits(...names: (keyof typeof operation)[]): number {
  return names.reduce((field, name) => field | (1 << operation[name]), 0);
}

export const notAsked = -0x80000000;

export const allOperations = {
  topic: bits('read', 'write', 'create', 'describe', 'delete', 'alter', 'describeConfigs', 'alterConfigs'),
  group: bits('read', 'describe', 'delete', 'describeConfigs', 'alterConfigs'),
  cluster: bits(
    'create',
    'clusterAction',
    'describeConfigs',
    'alterConfigs',
    'idempotentWrite',
    'alter',
    'describe',
  ),
} as const;
