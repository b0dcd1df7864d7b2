/**
 * The routes as a fastify application, loaded with the first request that needs them (http-port.ts):
 *
 *    request ─▶ guard ─▶ query and body against their schemas ─▶ route ─▶ answer
 *                 └────────────┴───────────── a problem ──────────┘
 */
import { Ajv, type ValidateFunction } from 'ajv';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Asked, askedOf, type Guard, safeHeaders } from './guard.ts';
import type { RawRequest, RawResponse } from './http-transport.ts';
import { getHistory, listKeys, watchChanges } from './list-routes.ts';
import { health, home } from './open-routes.ts';
import { openApiDocument } from './openapi.ts';
import { type Problem, problemText, problemType, statusOf } from './problems.ts';
import { getKey, getMany } from './read-routes.ts';
import { bodyBytesMax, problemFrom } from './request-problems.ts';
import { askedRoute, type Method, type Route, sendJson } from './route.ts';
import { querySchema } from './schemas.ts';
import type { HttpService } from './service.ts';
import { requestRoutes } from './test-request-routes.ts';
import { waitRoutes } from './test-wait-routes.ts';
import { worldRoutes } from './test-world-routes.ts';
import { deleteKey, putKey } from './write-routes.ts';

/** Longer than any URL that Node takes: the key in it is bounded by that. */
const parameterLengthMax = 64 * 1024;

const keyRoutes: readonly Route[] = [getKey, putKey, deleteKey, getMany, listKeys, getHistory, watchChanges];

export interface HttpApp {
  request(request: RawRequest, response: RawResponse): void;
  /** For tests without a network. */
  readonly inject: FastifyInstance['inject'];
}

export async function createHttpApp(service: HttpService, guard: Guard): Promise<HttpApp> {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: parameterLengthMax },
    frameworkErrors: (error, request, reply) => sendError(service, error, request, reply),
  });
  // A query is text, which its schema makes numbers of; what JSON calls a number is one already.
  const [ofQueries, ofBodies] = [new Ajv({ ...ajvOptions, coerceTypes: true }), new Ajv(ajvOptions)];
  app.setValidatorCompiler(({ schema, httpPart }) =>
    lateValidator(httpPart === 'body' ? ofBodies : ofQueries, schema as object),
  );
  app.addHook('onRequest', async (request, reply) => {
    setSafeHeaders(reply);
    const asked = askedOf(request.raw);
    allowOrigin(reply, guard, asked);
    if (request.method === 'OPTIONS') guard.admitPreflight(asked);
    else guard.admit(asked);
    // Here, because a body that nobody takes would be an error of its own by then.
    if (request.is404) return notFound(routes, guard, request, reply);
  });
  app.setErrorHandler((error, request, reply) => sendError(service, error, request, reply));
  const document: Route = {
    method: 'GET',
    path: '/openapi.json',
    id: 'openapi',
    summary: 'This document.',
    answer: { description: 'OpenAPI 3.1.', content: 'openapi' },
    problems: [],
    run: async ({ version }, { reply }) => sendJson(reply, JSON.stringify(openApiDocument(routes, version))),
  };
  const routes = [...keyRoutes, ...requestRoutes, ...worldRoutes, ...waitRoutes, home, health, document];
  for (const route of routes) await app.register(async (scope) => addRoute(scope, route, service));
  await app.ready();
  return {
    request: (request, response) => app.routing(request, response),
    inject: app.inject.bind(app),
  };
}

/**
 * That our schemas are ones is tested (openapi.test.ts). To look again would compile the schema of schemas, twice: two thirds of what
 * the first request had to wait for.
 */
const ajvOptions = { meta: false, validateSchema: false } as const;

/** Compiles its schema with the first request of its route. */
function lateValidator(ajv: Ajv, schema: object): (data: unknown) => boolean {
  let compiled: ValidateFunction | null = null;
  const validate = (data: unknown): boolean => {
    compiled ??= ajv.compile(schema);
    const isValid = compiled(data);
    validate.errors = compiled.errors;
    return isValid;
  };
  validate.errors = null as ValidateFunction['errors'];
  return validate;
}

/** Each in a scope of its own, because they take bodies in different ways. */
function addRoute(scope: FastifyInstance, route: Route, service: HttpService): void {
  const { method, path, query = [], body, isStream = false, run } = route;
  if (body?.kind === 'json') {
    scope.removeContentTypeParser('text/plain');
    if (body.isOptional) takeNoBody(scope);
  } else {
    scope.removeAllContentTypeParsers();
    // Whoever wants it reads it: how large it may be depends on the topic.
    scope.addContentTypeParser('*', (_, payload, done) => done(null, payload));
  }
  scope.route({
    method: method === 'GET' && !isStream ? ['GET', 'HEAD'] : method,
    url: path.replaceAll(':', '::').replaceAll(/\{(\w+)\}/g, ':$1'),
    bodyLimit: bodyBytesMax,
    schema: {
      querystring: querySchema(query),
      ...(body?.kind === 'json' ? { body: body.schema } : {}),
    },
    handler: (request, reply) => run(service, askedRoute(request, reply)),
  });
}

/** Some clients name a content type without a body to it, and others send neither. */
function takeNoBody(scope: FastifyInstance): void {
  const parse = scope.getDefaultJsonParser('error', 'error');
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) =>
    text === '' ? done(null, {}) : parse(request, text as string, done),
  );
  scope.addHook('preValidation', async (request) => {
    if (request.body === undefined) request.body = {};
  });
}

function setSafeHeaders(reply: FastifyReply): void {
  reply.headers(safeHeaders);
}

const exposedHeaders =
  'etag, retry-after, kompakt-partition, kompakt-offset, kompakt-timestamp, kompakt-leader-epoch, kompakt-headers, kompakt-headers-omitted';

function allowOrigin(reply: FastifyReply, guard: Guard, { origin }: Asked): void {
  if (origin === undefined || !guard.isTrusted(origin)) return;
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': exposedHeaders,
    'cross-origin-resource-policy': 'cross-origin',
  });
}

const preflightHeaders = {
  'access-control-allow-headers':
    'accept, authorization, content-type, if-match, if-none-match, last-event-id, kompakt-headers, kompakt-timestamp',
  'access-control-max-age': '600',
};

/** No route is that: another method might be, or OPTIONS asks which. */
function notFound(
  routes: readonly Route[],
  guard: Guard,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const methods = methodsAt(routes, request.raw.url ?? '');
  if (methods.length === 0) {
    const detail = 'no such path; /openapi.json says what there is';
    return sendProblem(reply, { kind: 'no-such-path', detail });
  }
  const allow = [...methods, 'OPTIONS'].join(', ');
  reply.header('allow', allow);
  if (request.method !== 'OPTIONS') {
    const detail = `${request.method} is not among the methods of this path: ${allow}`;
    return sendProblem(reply, { kind: 'method-not-allowed', detail });
  }
  const { origin } = request.headers;
  if (origin !== undefined && guard.isTrusted(origin)) {
    reply.headers({ ...preflightHeaders, 'access-control-allow-methods': allow });
    if (request.headers['access-control-request-private-network'] === 'true')
      reply.header('access-control-allow-private-network', 'true');
  }
  return reply.code(204).send();
}

function methodsAt(routes: readonly Route[], target: string): (Method | 'HEAD')[] {
  const path = target.split('?')[0]!;
  return routes
    .filter((route) => new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]*')}$`).test(path))
    .flatMap(({ method, isStream }) => (method === 'GET' && !isStream ? ['GET', 'HEAD'] : [method]));
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  // A URL that cannot be read has not come as far as the hook.
  setSafeHeaders(reply);
  if (problem.headers !== undefined) reply.headers(problem.headers);
  reply.code(statusOf(problem)).type(problemType);
  return reply.send(Buffer.from(problemText(problem)));
}

function sendError(
  { logger }: HttpService,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  return sendProblem(reply, problemFrom(error, request) ?? unforeseen());

  function unforeseen(): Problem {
    logger.error('a request over HTTP failed', { error, method: request.method, url: request.url });
    return { kind: 'unforeseen', detail: 'the broker logs why' };
  }
}
