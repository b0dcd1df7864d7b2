import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { apiVersionsHandler } from '../../../../broker/apis/cluster/api-versions.ts';
import type { Caller } from '../../../../broker/apis/handler.ts';
import { allHandlers } from '../../../../broker/apis/index.ts';
import { servedApis } from '../../../../broker/apis/served-apis.ts';
import type { Services } from '../../../../broker/services.ts';
import { errors } from '../../../../protocol/errors.ts';
import { parseVersions } from '../../../../protocol/schema/versions.ts';

const apis = servedApis(allHandlers);
const levels = new Map([
  ['metadata.version', 30],
  ['group.version', 0],
]);
const cluster = { clusterId: 'ours', nodeId: 1, features: { levels, epoch: 7 } };
const client = {
  clientSoftwareName: 'lib.js',
  clientSoftwareVersion: '1.0-rc.2',
  clusterId: null,
  nodeId: -1,
};

function ask(apiVersion: number, request: Partial<Record<keyof typeof client, unknown>> = {}) {
  const connection = { clientSoftware: null as unknown };
  const caller = { apiVersion, connection } as unknown as Caller;
  const services = { apis, cluster } as unknown as Services;
  const answer = apiVersionsHandler.handle(services, { ...client, ...request } as never, caller);
  if (answer === null || answer instanceof Promise) throw new Error('answered at once');
  return { answer, connection };
}

describe('what is listed', () => {
  const kafka: { apiKey: number; minVersion: number; maxVersion: number }[] = readFileSync(
    new URL('../../../vectors/api/_frames.jsonl', import.meta.url),
    'utf8',
  )
    .split('\n')
    .filter((line) => line.includes('brokerApisOfKafka'))
    .map((line) => JSON.parse(line))[0].json.apiKeys;

  it('are the versions that Kafka lists, of the APIs that are served', () => {
    const { answer } = ask(3);
    expect(answer.apiKeys!.length).toBeGreaterThan(40);
    for (const range of answer.apiKeys!)
      expect(range).toEqual(kafka.find(({ apiKey }) => apiKey === range.apiKey));
    const keys = answer.apiKeys!.map(({ apiKey }) => apiKey);
    expect(keys).toEqual([...keys].sort((a, b) => a - b));
  });

  it('is nothing that cannot be decoded', () => {
    for (const { api, versions } of allHandlers) {
      if (versions === null) continue;
      const { low, high } = parseVersions(versions);
      expect(low, api.name).toBeGreaterThanOrEqual(api.versions.low);
      expect(high, api.name).toBeLessThanOrEqual(api.versions.high);
    }
  });
});

describe('features', () => {
  it('are supported from level 0 only for those who understand that', () => {
    const named = (version: number) => ask(version).answer.supportedFeatures!.map(({ name }) => name);
    expect(named(3)).toEqual(['metadata.version']);
    expect(named(4)).toEqual(
      expect.arrayContaining(['metadata.version', 'transaction.version', 'group.version']),
    );
  });

  it('are finalized with their epoch, those at level 0 left out', () => {
    const { answer } = ask(5);
    expect(answer.finalizedFeatures).toEqual([
      { name: 'metadata.version', maxVersionLevel: 30, minVersionLevel: 30 },
    ]);
    expect(answer.finalizedFeaturesEpoch).toBe(7);
  });
});

describe('who asks', () => {
  it('is remembered from version 3 on', () => {
    expect(ask(3).connection.clientSoftware).toEqual({ name: 'lib.js', version: '1.0-rc.2' });
    expect(ask(2).connection.clientSoftware).toBeNull();
  });

  it.each([
    [{ clientSoftwareName: '' }],
    [{ clientSoftwareName: '-x' }],
    [{ clientSoftwareVersion: 'a b' }],
    [{ clientSoftwareVersion: '1.' }],
  ])('must give a proper name: %j is INVALID_REQUEST', (request) => {
    expect(ask(3, request).answer).toMatchObject({ errorCode: errors.invalidRequest.code, apiKeys: [] });
    expect(ask(2, request).answer.errorCode).toBe(0);
  });

  it('may say whom it means, from version 5 on', () => {
    const code = (clusterId: string | null, nodeId: number) => ask(5, { clusterId, nodeId }).answer.errorCode;
    expect(code('ours', 1)).toBe(0);
    expect(code('theirs', 1)).toBe(errors.rebootstrapRequired.code);
    expect(code('ours', 2)).toBe(errors.rebootstrapRequired.code);
    expect(code('ours', -1)).toBe(errors.invalidRequest.code);
    expect(code(null, 1)).toBe(errors.invalidRequest.code);
    expect(ask(4, { clusterId: 'theirs', nodeId: 1 }).answer.errorCode).toBe(0);
  });
});
