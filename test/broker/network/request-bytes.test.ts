import { expect, test } from 'vitest';
import { type AnyHandler, defineHandler } from '../../../broker/apis/handler.ts';
import { Dispatch } from '../../../broker/network/dispatch.ts';
import type { RequestHook } from '../../../broker/network/request-hook.ts';
import { LimitedLog } from '../../../broker/observe/limited-log.ts';
import { RequestCounts } from '../../../broker/observe/request-counts.ts';
import type { Services } from '../../../broker/services.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { FrameSplitter } from '../../../protocol/wire/frame.ts';
import { encodeRequest } from '../../../protocol/wire/headers.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { keepingLogger } from './frames.ts';

/** What a large frame of a connection that sends such frames has. */
const reusedBytes = 1024 * 1024 + 4096;

const givesBackTwice = defineHandler(heartbeat, {
  versions: '0-4',
  handle: (_services, _body, caller) => {
    caller.bytesAreDone?.();
    caller.bytesAreDone?.();
    return { errorCode: 0 };
  },
  refuse: (_request, errorCode) => ({ errorCode }),
}) as AnyHandler;

function frameIn(memory: Buffer): Buffer {
  const header = { correlationId: 7, clientId: 'me' };
  const body = { groupId: 'g', generationId: 3, memberId: 'm' };
  const bytes = Buffer.concat(encodeRequest(heartbeat, 4, header, body) as Buffer[]).subarray(4);
  return memory.subarray(0, bytes.copy(memory));
}

function handled(frame: Buffer, ownsBytes: boolean, hook: RequestHook | null): void {
  const logger = keepingLogger();
  const dispatch = new Dispatch({
    handlers: [givesBackTwice],
    services: { environment: { clock: new VirtualClock() } } as unknown as Services,
    logger,
    log: new LimitedLog(logger, new VirtualClock()),
    counts: new RequestCounts(),
    requestElementsMax: 1000,
    responseBytesMax: 100_000,
    fetchCacheBytesMax: 0,
    hook,
  });
  const connection = {
    name: '127.0.0.1:5',
    clientHost: '/127.0.0.1',
    listenerName: 'PLAINTEXT',
    hasSpoken: true,
  };
  dispatch.handle(frame, connection as never, ownsBytes);
}

/** The memory of the second large frame of a connection: the first does not begin in what was used before. */
function memoryOfNext(): ArrayBufferLike {
  let memory: ArrayBufferLike | null = null;
  const splitter = new FrameSplitter(reusedBytes, (frame) => {
    memory = frame.buffer;
  });
  const sent = Buffer.alloc(4 + 40_000);
  sent.writeInt32BE(40_000);
  for (let i = 0; i < 2; i++) {
    splitter.feed(sent.subarray(0, 10));
    splitter.feed(sent.subarray(10));
  }
  return memory!;
}

test.each([
  ['is used again when its handler says so, once', true, null, [true, false]],
  ['is not while it lies in the read buffer', false, null, [false, false]],
  ['is not while a hook looks at requests, which may keep them', true, () => null, [false, false]],
] as const)('the memory of a request %s', (_what, ownsBytes, hook, expected) => {
  const frame = frameIn(Buffer.allocUnsafeSlow(reusedBytes));
  handled(frame, ownsBytes, hook);
  expect([memoryOfNext() === frame.buffer, memoryOfNext() === frame.buffer]).toEqual(expected);
});
