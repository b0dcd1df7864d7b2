/**
 * What most requests are, answered as soon as it is read: GET of a key's value, or of a part of it, by somebody who may ask, of a table
 * that has caught up. It costs half of what a route of fastify does, with its hooks, schemas and promises.
 *
 *    GET /topics/{topic}/keys/{key}[?at={pointer}]     key and pointer may be percent-encoded, as `:` and blanks are by most clients
 *
 * Whatever is not as plain as that, is refused, or is not there, goes through the routes as if nobody had looked at it: nothing here
 * makes an answer but that of a value which is found. Both ways ask the same guard, and give the same headers.
 */
import { bytesOfNotation } from '../lookup/key-notation.ts';
import type { LiveRecord, ServedLookups } from '../lookup/lookup.ts';
import { askedOf, type Guard, safeHeaders } from './guard.ts';
import type { RawRequest, RawResponse } from './http-transport.ts';
import { parsePointer } from './json-pointer.ts';
import { partOf, recordHeadersOf } from './key-value.ts';
import { negotiate } from './value-content.ts';

const path = /^\/topics\/([\w.-]+)\/keys\/([^/?#;\\]+)(?:\?at=([^&+#;]*))?$/;
/** Whoever sends one of these wants more than a value. */
const othersHeaders = [
  'origin',
  'if-match',
  'if-none-match',
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
] as const;
/** Head and body as one text are one write, without a buffer in between; Node has 16 KiB for that. */
const textBytesMax = 12 * 1024;

const safeLines: readonly string[] = Object.entries(safeHeaders).flat();

export class PlainGets {
  readonly #lookups: ServedLookups;
  readonly #guard: Guard;

  constructor(lookups: ServedLookups, guard: Guard) {
    this.#lookups = lookups;
    this.#guard = guard;
  }

  /** False, and nothing done: it is for the routes. */
  answer(request: RawRequest, response: RawResponse): boolean {
    if (request.method !== 'GET') return false;
    const { headers } = request;
    const match = path.exec(request.url ?? '');
    if (match === null || othersHeaders.some((name) => headers[name] !== undefined)) return false;
    const [, topic, keyText, at] = match as unknown as [string, string, string, string | undefined];
    try {
      const key = bytesOfNotation(keyText.includes('%') ? decodeURIComponent(keyText) : keyText);
      if (typeof key === 'string') return false;
      this.#guard.admit(askedOf(request));
      const answer = this.#lookups.getNow(topic, key);
      return answer?.kind === 'found' && this.#send(response, answer.record, headers.accept, at);
    } catch {
      // The routes come upon the same, and say so.
      return false;
    }
  }

  #send(
    response: RawResponse,
    record: LiveRecord,
    accept: string | undefined,
    at: string | undefined,
  ): boolean {
    const pointer = at === undefined ? null : parsePointer(decodeURIComponent(at));
    if (at !== undefined && pointer === null) return false;
    const body = pointer === null ? record.value : Buffer.from(partOf(record, pointer));
    const type = pointer === null ? negotiate(record.value, accept) : 'application/json';
    if (type === null) return false;
    const lines = safeLines.slice();
    const told = recordHeadersOf(record);
    for (const name in told) lines.push(name, told[name]!);
    lines.push('content-type', type, 'content-length', `${body.length}`);
    response.writeHead(200, lines);
    if (body.length <= textBytesMax) response.end(body.toString('latin1'), 'latin1');
    else response.end(body);
    return true;
  }
}
