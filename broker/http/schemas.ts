/** JSON schemas of what comes in and goes out: fastify checks requests by them, and the OpenAPI document shows them. */
import { testComponents } from './test-schemas.ts';

export type Schema = Readonly<Record<string, unknown>>;

const offset = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
export const waitMsMax = 60_000;
export const limitMax = 10_000;
export const batchKeysMax = 1_000;

export const notation =
  'Text stands for its UTF-8 bytes; base64:… and hex:… for any bytes; text:… for text that begins like one of these.';

/** Query parameters by name. */
export const parameters = {
  partition: {
    type: 'integer',
    minimum: 0,
    maximum: 2 ** 31 - 1,
    description: 'Only this partition, instead of wherever the key lives.',
  },
  'min-offset': {
    ...offset,
    description:
      'Waits until this offset can be read, so that whoever wrote it finds it: of the given partition, else of the one that murmur2 gives the key.',
  },
  'wait-ms': {
    type: 'integer',
    minimum: 0,
    maximum: waitMsMax,
    description: 'How long to wait for a table that is being read, or for min-offset. Default 1000.',
  },
  'as-of-offset': {
    ...offset,
    description:
      'As it was when this offset was the last; a topic of several partitions needs one of them too.',
  },
  'as-of': {
    type: 'string',
    description: 'As it was at this time: ISO 8601, or milliseconds since 1970.',
  },
  at: {
    type: 'string',
    description: 'JSON Pointer (RFC 6901): only this part of a JSON value, as it is written there.',
  },
  prefix: { type: 'string', description: `Only keys that begin so. ${notation}` },
  after: { type: 'string', description: '`next` of the page before.' },
  limit: { type: 'integer', minimum: 1, maximum: limitMax, description: 'At most so many. Default 100.' },
  key: { type: 'string', description: `Only this key. ${notation}` },
  api: {
    type: 'string',
    description: 'Only requests of this API, such as Produce; several with commas between.',
  },
  'client-id': { type: 'string', description: 'Only requests of clients with this client id.' },
  'last-event-id': {
    type: 'string',
    description: 'As the header of this name, for clients that cannot set it.',
  },
} as const satisfies Record<string, Schema>;

export type ParameterName = keyof typeof parameters;

export function querySchema(names: readonly ParameterName[]): Schema {
  const properties = Object.fromEntries(names.map((name) => [name, parameters[name]]));
  return { type: 'object', properties, additionalProperties: false };
}

const header = {
  type: 'object',
  required: ['name', 'value'],
  properties: {
    name: { type: 'string' },
    value: { type: ['string', 'null'], description: notation },
  },
  additionalProperties: false,
};

const recordProperties = {
  key: { type: 'string', description: notation },
  partition: offset,
  offset,
  etag: { type: 'string', examples: ['"iXD0C1SVTc6nKEYEW8Wn0w-0-17"'] },
  timestampMs: { type: 'integer' },
  leaderEpoch: { type: 'integer' },
  headers: { type: 'array', items: header },
};

/** Schemas that others refer to by name. */
export const components = {
  Record: {
    type: 'object',
    description: 'One record. A value is one of json, text and base64; a tombstone is deleted instead.',
    required: Object.keys(recordProperties),
    properties: {
      ...recordProperties,
      json: { type: ['object', 'array'], description: 'A value that is a JSON object or array.' },
      text: { type: 'string', description: 'A value that is other UTF-8 text.' },
      base64: { type: 'string', description: 'Any other value.' },
      deleted: { const: true },
    },
    additionalProperties: false,
    oneOf: ['json', 'text', 'base64', 'deleted'].map((name) => ({ required: [name] })),
  },
  Records: { type: 'array', items: { $ref: '#/components/schemas/Record' } },
  Answer: {
    type: 'object',
    description: 'What became of one key of a batch.',
    required: ['key', 'kind'],
    properties: {
      key: { type: 'string', description: notation },
      kind: { enum: ['found', 'deleted', 'absent', 'several'] },
      record: { $ref: '#/components/schemas/Record', description: 'Of found and deleted.' },
      records: { $ref: '#/components/schemas/Records', description: 'Of several.' },
    },
    additionalProperties: false,
  },
  Answers: {
    type: 'object',
    required: ['answers'],
    properties: { answers: { type: 'array', items: { $ref: '#/components/schemas/Answer' } } },
    additionalProperties: false,
  },
  Page: {
    type: 'object',
    required: ['records', 'next'],
    properties: {
      records: { $ref: '#/components/schemas/Records' },
      next: { type: ['string', 'null'], description: 'For `after`; null at the end.' },
    },
    additionalProperties: false,
  },
  History: {
    type: 'object',
    required: ['records', 'isCut', 'completeFrom'],
    properties: {
      records: { $ref: '#/components/schemas/Records' },
      isCut: { type: 'boolean', description: 'There were more, older ones.' },
      completeFrom: {
        type: 'array',
        description: 'Below these offsets compaction may have taken records away.',
        items: {
          type: 'object',
          required: ['partition', 'offset'],
          properties: { partition: offset, offset },
          additionalProperties: false,
        },
      },
    },
    additionalProperties: false,
  },
  Written: {
    type: 'object',
    required: ['partition', 'offset', 'timestampMs', 'etag'],
    properties: { partition: offset, offset, timestampMs: { type: 'integer' }, etag: { type: 'string' } },
    additionalProperties: false,
  },
  Problem: {
    type: 'object',
    description: 'Why not (RFC 9457). What else there is depends on the type.',
    required: ['type', 'title', 'status', 'detail'],
    properties: {
      type: { type: 'string', pattern: '^urn:kompakt:' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string' },
    },
  },
  ...testComponents,
  Health: {
    type: 'object',
    required: ['status'],
    properties: { status: { const: 'ok' } },
    additionalProperties: false,
  },
  Home: {
    type: 'object',
    required: ['name', 'version', 'openapi', 'health', 'tables'],
    properties: {
      name: { const: 'kompakt' },
      version: { type: 'string' },
      openapi: { type: 'string' },
      health: { type: 'string' },
      tables: {
        type: 'array',
        description: 'Partitions whose keys are known, or being read.',
        items: {
          type: 'object',
          required: ['topic', 'partition', 'keys', 'isLoading', 'keysUrl'],
          properties: {
            topic: { type: 'string' },
            partition: offset,
            keys: { type: 'integer' },
            isLoading: { type: 'boolean' },
            keysUrl: { type: 'string' },
          },
          additionalProperties: false,
        },
      },
    },
    additionalProperties: false,
  },
} as const satisfies Record<string, Schema>;

export type ComponentName = keyof typeof components;

/** The body of a batch. */
export const batchSchema = {
  type: 'object',
  required: ['keys'],
  properties: {
    keys: {
      type: 'array',
      maxItems: batchKeysMax,
      items: { type: 'string', description: notation },
    },
  },
  additionalProperties: false,
} as const;
