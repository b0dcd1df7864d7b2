/** The OpenAPI document (3.1), made of the same routes and schemas by which requests are checked and answered. */
import { type ProblemKind, problemKinds, problemType } from './problems.ts';
import type { Route, RouteAnswer } from './route.ts';
import { components, notation, parameters, type Schema } from './schemas.ts';

/** What every route can answer. */
const commonProblems: readonly ProblemKind[] = ['bad-request', 'no-token', 'wrong-host', 'unforeseen'];

const pathParameters: Readonly<Record<string, string>> = {
  topic: 'The name of a topic; one whose cleanup.policy contains compact, except for records.',
  groupId: 'The name of a group.',
  id: 'The number of a fault.',
  key: `${notation} Percent-encoded as any part of a path; a key of dots alone as text:…, because clients take them for directories.`,
};

export function openApiDocument(routes: readonly Route[], version: string): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operation(route);
    if (route.method === 'GET' && !route.isStream) paths[route.path]!['head'] = head(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Kompakt',
      summary: 'Compacted topics as tables of keys.',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Empty: no token. Which of the two holds is a matter of kompakt.http.token.
    security: [{}, { token: [] }],
    paths,
    components: {
      schemas: components,
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation(route: Route): Schema {
  const { id, summary, body, answer, problems } = route;
  return {
    operationId: id,
    summary,
    parameters: parametersOf(route),
    ...(body === undefined ? {} : { requestBody: requestBody(route) }),
    responses: {
      200: { description: answer.description, headers: headersOf(answer), content: contentOf(answer) },
      ...(answer.content === 'value'
        ? { 304: { description: 'One of If-None-Match is the newest record.', headers: headersOf(answer) } }
        : {}),
      ...problemResponses([...commonProblems, ...problems]),
    },
  };
}

/** The same, without bodies. */
function head(route: Route): Schema {
  const { responses, ...rest } = operation(route) as { responses: Record<string, Record<string, unknown>> };
  const withoutBodies = Object.entries(responses).map(([status, { content: _, ...response }]) => [
    status,
    response,
  ]);
  return { ...rest, operationId: `${route.id}Head`, responses: Object.fromEntries(withoutBodies) };
}

function parametersOf({ path, query = [], headers = {} }: Route): Schema[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: pathParameters[name!],
    schema: { type: 'string' },
  }));
  const inQuery = query.map((name) => {
    const { description, ...schema } = parameters[name];
    return { name, in: 'query', description, schema };
  });
  // OpenAPI has its own ways for these two.
  const inHeader = Object.entries(headers)
    .filter(([name]) => name !== 'Accept' && name !== 'Content-Type')
    .map(([name, description]) => ({ name, in: 'header', description, schema: { type: 'string' } }));
  return [...inPath, ...inQuery, ...inHeader];
}

function requestBody({ method, body }: Route): Schema {
  if (body?.kind === 'json')
    return { required: body.isOptional !== true, content: { 'application/json': { schema: body.schema } } };
  const description =
    method === 'DELETE' ? 'Empty.' : 'The value, as it is; of any content type but those of forms.';
  return { description, content: { '*/*': {} } };
}

function contentOf({ content }: RouteAnswer): Schema {
  if (content === 'value') return { '*/*': {} };
  if (content === 'events') return { 'text/event-stream': { schema: { type: 'string' } } };
  if (content === 'openapi') return { 'application/json': { schema: { type: 'object' } } };
  return { 'application/json': { schema: { $ref: `#/components/schemas/${content.component}` } } };
}

function headersOf({ headers = {} }: RouteAnswer): Schema {
  const entries = Object.entries(headers).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  return Object.fromEntries(entries);
}

/** One response for each status: several types may have the same. */
function problemResponses(kinds: readonly ProblemKind[]): Schema {
  const byStatus = new Map<number, ProblemKind[]>();
  for (const kind of new Set(kinds)) {
    const [status] = problemKinds[kind];
    byStatus.set(status, [...(byStatus.get(status) ?? []), kind]);
  }
  const schema = { $ref: '#/components/schemas/Problem' };
  const responses = [...byStatus].map(([status, same]) => [
    status,
    {
      description: same.map((kind) => `${problemKinds[kind][1]} (urn:kompakt:${kind}).`).join(' '),
      content: { [problemType]: { schema } },
    },
  ]);
  return Object.fromEntries(responses);
}
