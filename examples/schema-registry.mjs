/* A schema registry in memory, over HTTP: what @kafkajs/confluent-schema-registry asks of Confluent's, for tests and for one machine.
 * In a test:  const registry = await startSchemaRegistry(), its `url` for the client, and `await registry.stop()` in the end.
 * Alone, for programs in any language:  node examples/schema-registry.mjs 8081
 * Answers, error codes and what the compatibility levels compare are Confluent's. Whether a schema can read what another wrote depends on
 * the format, so the caller says it with `canRead`; without, each can. Not here: a disk, authentication, deletion, checks without a write. */
import { createServer } from 'node:http';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';

const maxBodyLength = 10_000_000;
const levels = [
  'NONE',
  ...['BACKWARD', 'FORWARD', 'FULL'].flatMap((level) => [level, `${level}_TRANSITIVE`]),
];

class Refusal extends Error {
  constructor(status, errorCode, message) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
  }
}

/** `canRead(reader, writer)`, each a `{ schemaType, schema, references }`: may the first be used for what the second wrote? */
export async function startSchemaRegistry({ port = 0, host = '127.0.0.1', canRead = () => true } = {}) {
  const state = new State(canRead);
  const server = createServer(async (request, response) => {
    const { status, body } = await answerTo(request, state);
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
    response.end(JSON.stringify(body));
  });
  await new Promise((done, fail) => server.once('error', fail).listen(port, host, done));
  return {
    url: `http://${host}:${server.address().port}`,
    /** What a test begins with: no subject, no schema. */
    reset: () => state.clear(),
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

class State {
  constructor(canRead) {
    this.canRead = canRead;
    this.clear();
  }

  /** Schemas in the order of their ids, the ids of each subject in the order of its versions, and the levels that were set. */
  clear() {
    this.schemas = [];
    this.subjects = new Map();
    this.levelOf = new Map();
  }

  register(subject, body) {
    const schema = readSchema(body);
    const ids = this.subjects.get(subject) ?? [];
    const known = this.idOf(schema);
    if (ids.includes(known)) return { id: known };
    const level = this.levelOf.get(subject) ?? this.levelOf.get('') ?? 'BACKWARD';
    const earlier = ids.map((id) => this.schemas[id - 1]);
    const toCompare = level.endsWith('_TRANSITIVE') ? earlier : earlier.slice(-1);
    if (!toCompare.every((older) => this.isCompatible(level, schema, older)))
      throw new Refusal(
        409,
        409,
        `Schema being registered is incompatible with an earlier one of "${subject}" (${level})`,
      );
    const id = known ?? this.schemas.push(schema);
    this.subjects.set(subject, [...ids, id]);
    return { id };
  }

  isCompatible(level, newer, older) {
    if (level === 'NONE') return true;
    if (newer.schemaType !== older.schemaType) return false;
    const backward = level.startsWith('FORWARD') || this.canRead(newer, older);
    return backward && (level.startsWith('BACKWARD') || this.canRead(older, newer));
  }

  idOf(schema) {
    const wanted = JSON.stringify(schema);
    const index = this.schemas.findIndex((known) => JSON.stringify(known) === wanted);
    return index < 0 ? undefined : index + 1;
  }

  idsOf(subject) {
    const ids = this.subjects.get(subject);
    if (ids === undefined) throw new Refusal(404, 40401, `Subject '${subject}' not found.`);
    return ids;
  }

  byId(text) {
    const schema = this.schemas[Number(text) - 1];
    if (schema === undefined) throw new Refusal(404, 40403, `Schema ${text} not found`);
    return shown(schema);
  }

  byVersion(subject, text) {
    const ids = this.idsOf(subject);
    const version = text === 'latest' || text === '-1' ? ids.length : Number(text);
    const id = ids[version - 1];
    if (id === undefined) throw new Refusal(404, 40402, `Version ${text} not found.`);
    return { subject, version, id, ...shown(this.schemas[id - 1]) };
  }

  lookUp(subject, body) {
    const ids = this.idsOf(subject);
    const index = ids.indexOf(this.idOf(readSchema(body)));
    if (index < 0) throw new Refusal(404, 40403, 'Schema not found');
    return this.byVersion(subject, String(index + 1));
  }

  level(subject) {
    const level = this.levelOf.get(subject) ?? (subject === '' ? 'BACKWARD' : undefined);
    if (level === undefined)
      throw new Refusal(
        404,
        40408,
        `Subject '${subject}' does not have subject-level compatibility configured`,
      );
    return { compatibilityLevel: level };
  }

  setLevel(subject, { compatibility }) {
    if (!levels.includes(compatibility))
      throw new Refusal(422, 42203, `Invalid compatibility level: ${compatibility}`);
    this.levelOf.set(subject, compatibility);
    return { compatibility };
  }
}

/** Avro's and JSON's are the same if only blanks differ. */
function readSchema({ schemaType = 'AVRO', schema, references = [] }) {
  if (typeof schema !== 'string') throw new Refusal(422, 42201, 'Invalid schema: none given');
  if (schemaType === 'PROTOBUF') return { schemaType, schema, references };
  try {
    return { schemaType, schema: JSON.stringify(JSON.parse(schema)), references };
  } catch (error) {
    throw new Refusal(422, 42201, `Invalid schema: ${error.message}`);
  }
}

/** Avro and the lack of references go without saying, as in Confluent's answers. */
function shown({ schemaType, schema, references }) {
  return {
    ...(schemaType === 'AVRO' ? {} : { schemaType }),
    schema,
    ...(references.length === 0 ? {} : { references }),
  };
}

const routes = [
  ['GET', /^\/subjects$/, (state) => [...state.subjects.keys()]],
  ['POST', /^\/subjects\/([^/]+)$/, (state, body, subject) => state.lookUp(subject, body)],
  [
    'GET',
    /^\/subjects\/([^/]+)\/versions$/,
    (state, _, subject) => state.idsOf(subject).map((_id, i) => i + 1),
  ],
  ['POST', /^\/subjects\/([^/]+)\/versions$/, (state, body, subject) => state.register(subject, body)],
  [
    'GET',
    /^\/subjects\/([^/]+)\/versions\/([^/]+)$/,
    (state, _, subject, version) => state.byVersion(subject, version),
  ],
  ['GET', /^\/schemas\/ids\/([^/]+)$/, (state, _, id) => state.byId(id)],
  ['GET', /^\/config\/?([^/]*)$/, (state, _, subject) => state.level(subject)],
  ['PUT', /^\/config\/?([^/]*)$/, (state, body, subject) => state.setLevel(subject, body)],
];

async function answerTo(request, state) {
  try {
    const path = request.url.split('?')[0];
    for (const [method, pattern, handle] of routes) {
      const found = request.method === method ? pattern.exec(path) : null;
      if (found === null) continue;
      const body = method === 'GET' ? {} : await bodyOf(request);
      return { status: 200, body: handle(state, body, ...found.slice(1).map(decoded)) };
    }
    throw new Refusal(404, 404, `HTTP 404 Not Found: ${request.method} ${path}`);
  } catch (error) {
    const { status = 500, errorCode = 50001, message } = error;
    return { status, body: { error_code: errorCode, message } };
  }
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(400, 400, `No part of a path: ${part}`);
  }
}

async function bodyOf(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) {
    text += part;
    if (text.length > maxBodyLength) throw new Refusal(413, 413, 'The body is too large');
  }
  try {
    return { ...JSON.parse(text) };
  } catch (error) {
    throw new Refusal(400, 400, `The body is no JSON: ${error.message}`);
  }
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const { url } = await startSchemaRegistry({ port: Number(argv[2] ?? 8081) });
  console.log(`a schema registry in memory, ${url}`);
}
