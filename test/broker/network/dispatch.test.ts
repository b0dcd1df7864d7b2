import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AnyHandler, defineHandler, type Handler, notServed } from '../../../broker/apis/handler.ts';
import { hangUp, type Reply } from '../../../broker/network/connection.ts';
import { Dispatch } from '../../../broker/network/dispatch.ts';
import type { RequestHook } from '../../../broker/network/request-hook.ts';
import type { OutboundChunk } from '../../../broker/network/transport.ts';
import { Gaps } from '../../../broker/observe/gaps.ts';
import { LimitedLog } from '../../../broker/observe/limited-log.ts';
import { RequestCounts } from '../../../broker/observe/request-counts.ts';
import type { Services } from '../../../broker/services.ts';
import { ApiError, errors } from '../../../protocol/errors.ts';
import { apiVersions } from '../../../protocol/messages/cluster/api-versions.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { describeGroups } from '../../../protocol/messages/groups/describe-groups.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import type { AnyApi, ResponseOf } from '../../../protocol/schema/api.ts';
import { decoderOf } from '../../../protocol/schema/compile.ts';
import { decodeResponseHeader, encodeRequest } from '../../../protocol/wire/headers.ts';
import { Reader } from '../../../protocol/wire/reader.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { keepingLogger } from './frames.ts';

const beat = { groupId: 'g', generationId: 3, memberId: 'm' };

const heartbeatHandler = (handle: Handler<typeof heartbeat>['handle']): AnyHandler =>
  defineHandler(heartbeat, {
    versions: '0-4',
    handle,
    refuse: (_request, errorCode) => ({ errorCode }),
  }) as AnyHandler;

const apiVersionsHandler = defineHandler(apiVersions, {
  versions: '0-5',
  handle: () => ({ errorCode: 0, apiKeys: [] }),
  refuse: (_request, errorCode) => ({ errorCode, apiKeys: [] }),
}) as AnyHandler;

function world(handlers: readonly AnyHandler[], hook: RequestHook | null = null) {
  const clients: string[] = [];
  const clock = new VirtualClock();
  const logger = keepingLogger();
  const counts = new RequestCounts();
  const environment = { clock };
  const gaps = new Gaps(clock, { ignoredKeys: () => [] });
  const services = { environment, gaps } as unknown as Services;
  const dispatch = new Dispatch({
    handlers,
    services,
    logger,
    log: new LimitedLog(logger, clock),
    counts,
    requestElementsMax: 1000,
    responseBytesMax: 100_000,
    fetchCacheBytesMax: 0,
    hook,
    onClient: ({ clientId, clientHost }) => void clients.push(`${clientId} of ${clientHost}`),
  });
  const connection = {
    name: '127.0.0.1:5',
    clientHost: '/127.0.0.1',
    listenerName: 'PLAINTEXT',
    isClosed: false,
    hasSpoken: false,
  };
  const ask = (frame: Buffer): Reply | Promise<Reply> => dispatch.handle(frame, connection as never, false);
  return { clock, logger, counts, ask, connection, clients };
}

/** A request frame as the splitter gives it: without its size. */
function request(
  api: AnyApi,
  version: number,
  body: object,
  header = { correlationId: 7, clientId: 'me' },
): Buffer {
  return Buffer.concat(encodeRequest(api, version, header, body as never) as Buffer[]).subarray(4);
}

function answer(api: AnyApi, version: number, reply: Reply): { correlationId: number; body: unknown } {
  const reader = new Reader(Buffer.concat(reply as Buffer[]));
  reader.int32();
  const correlationId = decodeResponseHeader(reader, api, version);
  return { correlationId, body: decoderOf(api, 'response', version)(reader) };
}

describe('a request', () => {
  it('is decoded, handled with its caller, and answered, without a promise where none is needed', () => {
    const seen: unknown[] = [];
    const { ask, counts } = world([
      heartbeatHandler((_services, body, caller) => {
        seen.push(body.memberId, caller.clientId, caller.apiVersion, caller.clientHost, caller.principal);
        return { errorCode: 27 };
      }),
    ]);
    const reply = ask(request(heartbeat, 4, beat)) as Reply;
    expect(answer(heartbeat, 4, reply)).toEqual({
      correlationId: 7,
      body: { throttleTimeMs: 0, errorCode: 27 },
    });
    expect(seen).toEqual(['m', 'me', 4, '/127.0.0.1', 'User:ANONYMOUS']);
    expect(counts.requests).toBe(1);
  });

  it('may be answered later, or not at all', async () => {
    const { ask } = world([
      heartbeatHandler(async (_services, { generationId }) => (generationId === 0 ? null : { errorCode: 0 })),
    ]);
    expect(answer(heartbeat, 0, await ask(request(heartbeat, 0, beat)))).toMatchObject({ correlationId: 7 });
    expect(await ask(request(heartbeat, 0, { ...beat, generationId: 0 }))).toBeNull();
  });

  it('may have bytes behind its body, as in Kafka', () => {
    const { ask } = world([heartbeatHandler(() => ({ errorCode: 0 }))]);
    expect(ask(Buffer.concat([request(heartbeat, 3, beat), Buffer.from('trailing')]))).not.toBe(hangUp);
  });
});

describe('a failing handler', () => {
  it.each([
    [
      'throws',
      () => {
        throw new ApiError(errors.notCoordinator);
      },
    ],
    [
      'rejects',
      async () => {
        throw new ApiError(errors.notCoordinator);
      },
    ],
  ] as [string, Handler<typeof heartbeat>['handle']][])(
    'that %s an ApiError is answered with its code',
    async (_how, handle) => {
      const { ask, counts, logger } = world([heartbeatHandler(handle)]);
      const { body } = answer(heartbeat, 1, await ask(request(heartbeat, 1, beat)));
      expect(body).toMatchObject({ errorCode: errors.notCoordinator.code });
      expect(counts.unforeseenErrors).toBe(0);
      expect(logger.lines).toEqual([]);
    },
  );

  it('of any other kind is answered with UNKNOWN_SERVER_ERROR, logged and counted', async () => {
    const { ask, counts, logger } = world([
      heartbeatHandler(() => {
        throw new TypeError('oops');
      }),
    ]);
    const { body } = answer(heartbeat, 1, await ask(request(heartbeat, 1, beat)));
    expect(body).toMatchObject({ errorCode: -1 });
    expect(counts.unforeseenErrors).toBe(1);
    expect(logger.lines).toMatchObject([{ level: 'error', message: 'Heartbeat failed unexpectedly' }]);
  });

  it('whose answer cannot be written is refused, and its file regions are let go', () => {
    let released = 0;
    const region = {
      byteLength: 10,
      release: () => {
        released += 1;
      },
    };
    const handler = defineHandler(fetch, {
      versions: '4-18',
      handle: () =>
        ({
          responses: [{ topic: 't', partitions: [{ partitionIndex: 0, highWatermark: 1, records: region }] }],
          errorCode: 'no number' as never,
          sessionId: 1n as never,
        }) as never,
      refuse: (_request, errorCode) => ({ errorCode, responses: [] }),
    }) as AnyHandler;
    const { ask, counts } = world([handler]);
    const reply = ask(request(fetch, 12, { maxWaitMs: 0, minBytes: 0, topics: [] })) as Reply;
    expect(answer(fetch, 12, reply).body).toMatchObject({ errorCode: -1 });
    expect([released, counts.unforeseenErrors]).toEqual([1, 1]);
  });
});

describe('what cannot be answered closes the connection', () => {
  const served = [
    heartbeatHandler(() => ({ errorCode: 0 })),
    apiVersionsHandler,
    notServed(produce) as AnyHandler,
  ];
  const unknown = Buffer.from('03e700000000000100026d65', 'hex');

  it.each([
    ['an unknown API key', unknown, /API key 999, which Kafka does not have/],
    [
      'an API that is not served',
      request(produce, 9, { acks: 1, timeoutMs: 1, topicData: [] }),
      /Produce \(API key 0\)/,
    ],
    [
      'an unsupported version',
      (() => {
        const f = request(heartbeat, 4, beat);
        f.writeInt16BE(77, 2);
        return f;
      })(),
      /Heartbeat version 77; versions 0 to 4/,
    ],
    [
      'a negative version',
      (() => {
        const f = request(heartbeat, 0, beat);
        f.writeInt16BE(-1, 2);
        return f;
      })(),
      /Heartbeat version -1/,
    ],
    [
      'a cut body',
      request(heartbeat, 4, beat).subarray(0, 18),
      /a Heartbeat request in version 4 that is no such thing/,
    ],
    ['a cut header', Buffer.from([0, 12, 0]), /a request header that is no such thing/],
    ['an empty frame', Buffer.alloc(0), /a request header/],
  ])('%s', (_name, frame, line) => {
    const { ask, logger, counts } = world(served);
    expect(ask(frame)).toBe(hangUp);
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]!.message).toMatch(line);
    expect(counts.brokenRequests).toBe(1);
  });

  it('but ApiVersions in an unknown version is answered in version 0, as Kafka does', () => {
    const lines = readFileSync(new URL('../../vectors/api/_frames.jsonl', import.meta.url), 'utf8').split(
      '\n',
    );
    const vector = lines
      .filter((line) => line.includes('unsupportedVersion99'))
      .map((line) => JSON.parse(line))[0];
    const { ask, logger } = world(served);
    const frame = request(apiVersions, 5, { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
    frame.writeInt16BE(99, 2);
    frame.writeInt32BE(7, 4);
    expect(Buffer.concat(ask(frame) as Buffer[]).toString('hex')).toBe(vector.hex);
    expect(logger.lines).toEqual([]);
  });
});

describe('sizes', () => {
  const handled = defineHandler(describeGroups, {
    versions: '0-6',
    handle: (_services, { groups }) => ({
      groups: groups.map((groupId) => ({
        ...{ groupId, errorCode: 0, groupState: '', protocolType: '', protocolData: 'x'.repeat(200) },
        members: [],
      })),
    }),
    refuse: ({ groups }, errorCode, errorMessage) => ({
      groups: groups.map((groupId) => ({
        ...{ groupId, errorCode, errorMessage, groupState: '', protocolType: '', protocolData: '' },
        members: [],
      })),
    }),
  }) as AnyHandler;
  const groups = (count: number) => ({ groups: Array.from({ length: count }, () => 'g') });

  it('a request with too many elements closes its connection, and a line names the limit', () => {
    const { ask, logger, counts, connection } = world([handled]);
    expect(ask(request(describeGroups, 5, groups(1001)))).toBe(hangUp);
    expect(logger.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'warn closed the connection from 127.0.0.1:5: a DescribeGroups request in version 5 with more than 1000 array elements, which kompakt.request.elements.max does not allow',
    ]);
    expect(counts.brokenRequests).toBe(1);
    expect(ask(request(describeGroups, 5, groups(100)))).not.toBe(hangUp);
    expect(connection).toMatchObject({ requestElements: 100 });
  });

  it('what would have too large an answer is refused, and a line names the limit', () => {
    const { ask, logger } = world([handled]);
    const reply = ask(request(describeGroups, 6, groups(600))) as Reply;
    const refused = answer(describeGroups, 6, reply).body as ResponseOf<typeof describeGroups>;
    expect(refused.groups).toHaveLength(600);
    expect(refused.groups[599]).toMatchObject({
      errorCode: errors.invalidRequest.code,
      errorMessage:
        'Refused: an answer with more than 100000 bytes, which kompakt.response.max.bytes does not allow',
    });
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'DescribeGroups is refused: an answer with more than 100000 bytes, which kompakt.response.max.bytes does not allow',
    ]);
  });

  it('where even the refusal is too large the connection is closed', () => {
    const { ask, logger, counts } = world([handled]);
    expect(ask(request(describeGroups, 6, groups(1000)))).toBe(hangUp);
    expect(logger.lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
    expect(counts.unforeseenErrors).toBe(0);
  });
});

it('the first request of a connection tells who the client is', () => {
  const { ask, clients, connection } = world([heartbeatHandler(() => ({ errorCode: 0 }))]);
  ask(request(heartbeat, 2, beat, { correlationId: 1, clientId: 'one' }));
  ask(request(heartbeat, 2, beat, { correlationId: 2, clientId: 'one' }));
  expect(clients).toEqual(['one of /127.0.0.1']);
  connection.hasSpoken = false;
  ask(request(heartbeat, 2, beat, { correlationId: 3, clientId: 'two' }));
  expect(clients).toHaveLength(2);
});

it('a failure that no answer can tell closes the connection', () => {
  const handler = defineHandler(heartbeat, {
    versions: '0-4',
    handle: () => {
      throw new ApiError(errors.unknownServerError);
    },
    refuse: () => null,
  }) as AnyHandler;
  expect(world([handler]).ask(request(heartbeat, 2, beat))).toBe(hangUp);
  const failing = world([handler], () => ({ kind: 'fail', errorCode: 16 }));
  expect(failing.ask(request(heartbeat, 2, beat))).toBe(hangUp);
});

describe('the hook', () => {
  const handler = heartbeatHandler((_services, { memberId }) => ({ errorCode: memberId === 'm' ? 0 : 99 }));
  const ask = (hook: RequestHook) => {
    const made = world([handler], hook);
    return { ...made, reply: made.ask(request(heartbeat, 2, beat)) };
  };

  it('lets pass, fails, drops and disconnects', () => {
    expect(answer(heartbeat, 2, ask(() => null).reply as Reply).body).toMatchObject({ errorCode: 0 });
    const failed = ask(({ api, body }) => {
      expect([api.name, body]).toMatchObject(['Heartbeat', beat]);
      return { kind: 'fail', errorCode: 16 };
    });
    expect(answer(heartbeat, 2, failed.reply as Reply).body).toMatchObject({ errorCode: 16 });
    expect(ask(() => ({ kind: 'drop' })).reply).toBeNull();
    expect(ask(() => ({ kind: 'disconnect' })).reply).toBe(hangUp);
  });

  it('delays, on a copy of the request', async () => {
    const frame = request(heartbeat, 2, beat);
    const { ask: askWith, clock } = world([handler], () => ({ kind: 'delay', ms: 250 }));
    const reply = askWith(frame) as Promise<Reply>;
    frame.fill(0xee);
    let isDone = false;
    void reply.then(() => {
      isDone = true;
    });
    await clock.advance(249);
    expect(isDone).toBe(false);
    await clock.advance(1);
    expect(answer(heartbeat, 2, await reply).body).toMatchObject({ errorCode: 0 });
  });
});

it('file regions of an answer are read from their file', () => {
  const files = new MemoryFileSystem({ clock: new VirtualClock() });
  const file = files.openSync('/segment', 'create');
  file.writeSync([Buffer.from('0123456789')], 0);
  let released = 0;
  const region = {
    file,
    position: 2,
    byteLength: 5,
    bytes: null,
    release: () => {
      released += 1;
    },
  };
  const handler = defineHandler(fetch, {
    versions: '4-18',
    handle: () =>
      ({
        responses: [{ topic: 't', partitions: [{ partitionIndex: 0, highWatermark: 1, records: region }] }],
      }) as never,
    refuse: (_request, errorCode) => ({ errorCode, responses: [] }),
  }) as AnyHandler;
  const reply = world([handler]).ask(
    request(fetch, 4, { maxWaitMs: 0, minBytes: 0, topics: [] }),
  ) as readonly OutboundChunk[];
  const sent = reply.find((chunk) => !(chunk instanceof Uint8Array)) as unknown as {
    byteLength: number;
    readSync(target: Buffer, targetStart: number, length: number, start: number): number;
    release(): void;
  };
  const target = Buffer.alloc(4, '.');
  expect(sent.byteLength).toBe(5);
  expect(sent.readSync(target, 1, 3, 1)).toBe(3);
  expect(target.toString()).toBe('.345');
  sent.release();
  expect(released).toBe(1);
});
