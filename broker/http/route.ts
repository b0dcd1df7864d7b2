/** What a route is: how it is asked, what it answers, and who does it. Fastify and the OpenAPI document are both given these. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bytesOfNotation } from '../lookup/key-notation.ts';
import { ProblemError, type ProblemKind } from './problems.ts';
import type { ComponentName, ParameterName, Schema } from './schemas.ts';
import type { HttpService } from './service.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

export interface Route {
  readonly method: Method;
  /** As OpenAPI writes it. HEAD comes with GET, but for streams. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly query?: readonly ParameterName[];
  /** Request headers with what they do. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly kind: 'value' } | JsonBody;
  readonly answer: RouteAnswer;
  /** Besides those that any route can have. */
  readonly problems: readonly ProblemKind[];
  readonly isStream?: boolean;
  readonly run: (service: HttpService, asked: AskedRoute) => Promise<FastifyReply>;
}

export interface JsonBody {
  readonly kind: 'json';
  readonly schema: Schema;
  /** None is the same as `{}`. */
  readonly isOptional?: boolean;
}

export interface RouteAnswer {
  readonly description: string;
  /** 'value': the value itself, under a type of its own. */
  readonly content: { readonly component: ComponentName } | 'value' | 'events' | 'openapi';
  readonly headers?: Readonly<Record<string, string>>;
}

/** The request of a route, checked by its schema. */
export interface AskedRoute {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly topic: string;
  /** The key in the path; empty where there is none. */
  readonly key: Buffer;
  readonly query: Query;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

export interface Query {
  readonly partition?: number;
  readonly 'min-offset'?: number;
  readonly 'wait-ms'?: number;
  readonly 'as-of-offset'?: number;
  readonly 'as-of'?: string;
  readonly at?: string;
  readonly prefix?: string;
  readonly after?: string;
  readonly limit?: number;
  readonly key?: string;
  readonly 'last-event-id'?: string;
  readonly api?: string;
  readonly 'client-id'?: string;
}

export function askedRoute(request: FastifyRequest, reply: FastifyReply): AskedRoute {
  const { topic = '', key = '' } = request.params as { topic?: string; key?: string };
  return {
    request,
    reply,
    topic,
    key: keyBytes(key, 'the key'),
    query: request.query as Query,
    signal: goneSignal(reply),
  };
}

/** The bytes that `text` stands for; `what` names it to whoever got it wrong. */
export function keyBytes(text: string, what: string): Buffer {
  const bytes = bytesOfNotation(text);
  if (typeof bytes === 'string') throw new ProblemError('bad-request', `${what} cannot be read: ${bytes}`);
  return bytes;
}

/** Why whatever waits for a client ends when that has left. */
export const clientGone = new Error('the client has gone');

function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  // Already, while fastify was loaded for him.
  if (raw.destroyed && !raw.writableFinished) gone.abort(clientGone);
  // Every answer ends so. An abort costs as much as the lookup (16 µs, most of it for the reason that is made where none is given).
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort(clientGone);
  });
  return gone.signal;
}

/** Of several header lines the first. */
export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Milliseconds since 1970 of digits or ISO 8601. */
export function timeMs(text: string, what: string): number {
  // A + that was not written %2B is a blank by now.
  const iso = text.replace(' ', '+');
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : isoTime.test(iso) ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(ms)) {
    const detail = `${what} has to be a time such as 2026-11-28T10:00:00Z, or milliseconds since 1970`;
    throw new ProblemError('bad-request', detail);
  }
  return ms;
}

/** As bytes: to text of ours fastify would add a charset, which JSON has none of. */
export function sendJson(reply: FastifyReply, json: string | Buffer): FastifyReply {
  return reply.type('application/json').send(typeof json === 'string' ? Buffer.from(json) : json);
}
