/** Every fault on every API and version that is served, with the requests that Kafka's own classes wrote: what comes is what was said, and the broker lives. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnyHandler } from '../../../broker/apis/handler.ts';
import { handlers } from '../../../broker/apis/index.ts';
import { compileIdPattern } from '../../../broker/apis/transactions/id-pattern.ts';
import type { FaultOptions, FaultyApi } from '../../../broker/index.ts';
import type { Logger } from '../../../broker/observe/logger.ts';
import { errors } from '../../../protocol/errors.ts';
import { apiVersions } from '../../../protocol/messages/cluster/api-versions.ts';
import type { AnyApi } from '../../../protocol/schema/api.ts';
import { decoderOf } from '../../../protocol/schema/compile.ts';
import { includes, parseVersions, type Versions } from '../../../protocol/schema/versions.ts';
import { Reader } from '../../../protocol/wire/reader.ts';
import { vectorLines } from '../../conformance/kafka-json.ts';
import { type PeerWorld, peerWorld } from './peer.ts';

const served = (Object.values(handlers) as AnyHandler[]).filter(({ versions }) => versions !== null);
const errorCode = errors.policyViolation.code;
const throttleMs = 70;

let world: PeerWorld;
const complaints: string[] = [];
beforeAll(async () => {
  const logger: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (message, fields) => void complaints.push(`${message} ${JSON.stringify(fields)}`),
    named: () => logger,
  };
  world = await peerWorld({ logger });
  // Loads the library of patterns, which takes real time.
  await compileIdPattern('any');
});
afterAll(() => world.stop());

interface Asked {
  readonly api: AnyApi;
  readonly version: number;
  readonly body: never;
  /** Every field is set, so it names at least one of all that it can be about. */
  readonly isFilled: boolean;
}

function requestsOf(api: AnyApi, versions: Versions): Asked[] {
  return vectorLines(`api/${api.name}.jsonl`)
    .filter(({ kind, version }) => kind === 'request' && includes(versions, version))
    .map(({ version, hex, case: filling }) => ({
      api,
      version,
      isFilled: filling === 'filled',
      body: {
        ...(decoderOf(api, 'request', version)(new Reader(Buffer.from(hex, 'hex'))) as object),
        ...(api.name === 'Fetch' ? consumer : {}),
      } as never,
    }));
}

/** In its first versions this answer tells only of directories. */
const hasNoPlace = ({ api, version }: Asked) => api.name === 'DescribeLogDirs' && version < 3;

/** Followers, isolation levels that are none and sessions that nobody has are refused before all else. */
const consumer = {
  isolationLevel: 0,
  sessionId: 0,
  sessionEpoch: -1,
  replicaId: -1,
  replicaState: { replicaId: -1, replicaEpoch: -1 },
};

/** The codes at any depth of an answer. */
function codesIn(value: unknown, found: Set<number> = new Set()): Set<number> {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return found;
  for (const [name, inner] of Object.entries(value))
    if (/errorCode$/i.test(name)) found.add(inner as number);
    else codesIn(inner, found);
  return found;
}

async function undergoing(
  { api, version, body }: Asked,
  options: Omit<FaultOptions, 'api'>,
): Promise<{ isClosed: boolean; answers: unknown[]; hits: number }> {
  const fault = world.broker.fault({ api: api.name as FaultyApi, clientId: 'victim', ...options });
  const peer = world.peer('victim');
  peer.send(api, version, body);
  const answers = await peer.answers();
  fault.remove();
  const { isClosed } = peer;
  peer.client.close();
  return { isClosed, answers, hits: fault.hits };
}

describe.each(
  served.map(({ api, versions }) => ({ name: api.name, api, versions: parseVersions(versions!) })),
)('$name', ({ api, versions }) => {
  const requests = requestsOf(api, versions);

  it('refused, before or after: the answer says it', async () => {
    for (const when of ['before', 'after'] as const)
      for (const asked of requests) {
        const { answers } = await undergoing(asked, { error: 'POLICY_VIOLATION', when });
        if (!asked.isFilled || hasNoPlace(asked)) continue;
        expect([...codesIn(answers[0])], `v${asked.version} ${when}`).toContain(errorCode);
      }
  });

  it('dropped or cut: the connection ends without a whole answer', async () => {
    const ends = [
      { dropConnection: true },
      { dropConnection: true, when: 'after' },
      { truncateAnswer: true },
    ] as const;
    for (const options of ends)
      for (const asked of requests) {
        const { isClosed, answers, hits } = await undergoing(asked, options);
        expect([hits, answers, isClosed], `v${asked.version} ${JSON.stringify(options)}`).toEqual([
          1,
          [],
          true,
        ]);
      }
  });

  it('throttled: the answer says for how long', async () => {
    const field = api.response.fields.throttleTimeMs;
    if (field === undefined) return;
    for (const asked of requests) {
      const { answers } = await undergoing(asked, { throttleMs });
      if (answers.length === 0 || !includes(field.traits.versions, asked.version)) continue;
      expect(answers[0]).toMatchObject({ throttleTimeMs: throttleMs });
    }
  });

  it('leaves a broker that answers others, and complained of nothing', async () => {
    const body = { clientSoftwareName: 'x', clientSoftwareVersion: '1' };
    expect(await world.peer('other').ask(apiVersions, 3, body)).toMatchObject({ errorCode: 0 });
    expect(complaints).toEqual([]);
  });
});
