/** JSON schemas of what tests send and get (test-routes.ts). */
import type { FaultOptions } from '../faults/fault-options.ts';

const count = { type: 'integer', minimum: 0 } as const;
const text = { type: 'string' } as const;

const faultProperties = {
  api: {
    description: "Which requests: Kafka's name of an API, such as Produce, or several.",
    oneOf: [text, { type: 'array', items: text, minItems: 1 }],
  },
  topic: {
    ...text,
    description: 'Only what concerns this topic; all else in a request is answered as ever.',
  },
  partition: { ...count, description: 'Only this partition of the topic.' },
  clientId: { ...text, description: 'Only requests of clients with this client id.' },
  after: { type: 'integer', description: 'So many requests pass first. Default 0.' },
  times: { type: 'integer', description: 'So many are hit, then no more. Left out: until it is deleted.' },
  error: { ...text, description: "Kafka's name of an error, such as NOT_LEADER_OR_FOLLOWER." },
  delayMs: { type: 'integer', description: "Waits so long on the broker's clock." },
  dropConnection: { type: 'boolean', description: 'The connection is closed instead of an answer.' },
  truncateAnswer: {
    description: 'So many bytes of the answer are sent (true: half of them), then the connection is closed.',
    oneOf: [{ type: 'boolean' }, { type: 'integer' }],
  },
  throttleMs: {
    type: 'integer',
    description: 'The answer says that the client is throttled, and its connection is mute for so long.',
  },
  when: {
    ...text,
    description: 'before (default): the request has done nothing yet. after: it has done everything.',
  },
} as const satisfies { readonly [Name in keyof Required<FaultOptions>]: object };

/** What is wrong in ways of its own, an unknown option too, the fault says itself. */
export const faultSchema = { type: 'object', required: ['api'], properties: faultProperties } as const;

export const compactSchema = {
  type: 'object',
  properties: {
    partition: { ...count, description: 'Only this one.' },
    includeActive: {
      type: 'boolean',
      description: 'Rolls the active segment first, so that it is cleaned too.',
    },
    dropTombstonesOlderThanMs: { ...count, description: 'Drops tombstones so old at once.' },
    dryRun: { type: 'boolean', description: 'Only says what it would do.' },
  },
  additionalProperties: false,
} as const;

const all = <const Properties extends object>(properties: Properties, more: object = {}) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
  additionalProperties: false,
  ...more,
});

export const testComponents = {
  Fault: all({
    id: count,
    hits: { ...count, description: 'How many requests it has hit.' },
    isOver: { type: 'boolean', description: 'It hits nothing any more.' },
    options: { type: 'object', properties: faultProperties },
  }),
  Faults: all({ faults: { type: 'array', items: { $ref: '#/components/schemas/Fault' } } }),
  SeenRequests: all({
    requests: {
      type: 'array',
      items: all({
        api: text,
        version: count,
        clientId: { type: ['string', 'null'] },
        connection: count,
        timeMs: { type: 'integer' },
        body: { type: 'object', description: "Fields as in Kafka's protocol; bytes are { byteLength }." },
        isCut: { type: 'boolean', description: 'Not all of a very long body is here.' },
        isFaulted: { type: 'boolean', description: 'A fault had a part in its answer.' },
        error: {
          type: ['string', 'null'],
          description: 'The first in its answer, or NONE; null: not answered.',
        },
      }),
    },
    dropped: { ...count, description: 'Older ones that went because newer ones came.' },
  }),
  Gaps: all({
    gaps: {
      type: 'array',
      items: all({
        kind: { enum: ['api', 'version', 'feature', 'config', 'protocol'] },
        name: text,
        outcome: { enum: ['refused', 'ignored'] },
        why: text,
        count,
        clients: { type: 'array', items: text },
        lastMs: { type: 'integer' },
        docs: { ...text, description: 'The page that explains it, in the sources.' },
      }),
    },
    others: { ...count, description: 'How often something came that had no room among them.' },
  }),
  Receipts: all({
    receipts: {
      type: 'array',
      description: 'One for each partition, as `kompakt compact --json` has them.',
      items: { type: 'object', required: ['topic', 'partition', 'outcome'] },
    },
  }),
} as const;
