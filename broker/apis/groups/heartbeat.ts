import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { defineHandler } from '../handler.ts';

/** Keeps a classic group member alive, and tells it of a rebalance. */
export const heartbeatHandler = defineHandler(heartbeat, {
  versions: '0-4',
  handle({ groups }, request, caller) {
    const errorCode = groups.heartbeat(request, caller);
    return errorCode instanceof Promise
      ? errorCode.then((code) => ({ throttleTimeMs: 0, errorCode: code }))
      : { throttleTimeMs: 0, errorCode };
  },
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode }),
});
