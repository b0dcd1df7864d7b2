/** JSON schemas of what tests send and get (test-request-routes.ts, test-world-routes.ts, test-wait-routes.ts). */
import type { CommittedOptions, GroupStableOptions } from '../embedded/group-waits.ts';
import type { RecordsOptions } from '../embedded/topic-waits.ts';
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

/** No option at all. */
export const nothingSchema = { type: 'object', properties: {}, additionalProperties: false } as const;

export const snapshotSchema = {
  type: 'object',
  required: ['directory'],
  properties: {
    directory: {
      ...text,
      description:
        'Of the machine that the broker is on; empty, or not there yet. Relative: to where the broker was started.',
    },
  },
  additionalProperties: false,
} as const;

export const advanceSchema = {
  type: 'object',
  required: ['by'],
  properties: {
    by: {
      description: "'8d', '90s', '250ms', '1h30m', or milliseconds; at most 3650 days.",
      examples: ['8d', 250],
      oneOf: [text, { type: 'integer' }],
    },
  },
  additionalProperties: false,
} as const;

const timeout = {
  timeoutMs: {
    type: 'integer',
    description: 'So long in real time, then a problem says what was seen. Default 4500.',
  },
} as const;

export const timeoutSchema = { type: 'object', properties: timeout, additionalProperties: false } as const;

export const groupStableSchema = {
  type: 'object',
  properties: {
    members: { type: 'integer', description: 'So many, no more and no fewer. Left out: at least one.' },
    fetching: {
      type: 'boolean',
      description:
        'True, the default: each member has begun to fetch what is assigned to it. False: the assignment is enough.',
    },
    ...timeout,
  },
  additionalProperties: false,
} as const satisfies WaitSchema<GroupStableOptions>;

export const committedSchema = {
  type: 'object',
  properties: {
    topics: {
      type: 'array',
      items: text,
      description: 'Left out: those to which the group is subscribed, or for which it has committed.',
    },
    ...timeout,
  },
  additionalProperties: false,
} as const satisfies WaitSchema<CommittedOptions>;

export const recordsSchema = {
  type: 'object',
  properties: {
    atLeast: { type: 'integer', description: 'Default 1.' },
    partition: { type: 'integer', description: 'Only this one. Left out: all.' },
    ...timeout,
  },
  additionalProperties: false,
} as const satisfies WaitSchema<RecordsOptions>;

/** Every option but the signal, which is the connection's end. */
interface WaitSchema<Options> {
  readonly type: 'object';
  readonly properties: { readonly [Name in keyof Required<Omit<Options, 'signal'>>]: object };
  readonly additionalProperties: false;
}

const all = <const Properties extends object>(properties: Properties, more: object = {}) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
  additionalProperties: false,
  ...more,
});

const place = { topic: text, partition: count } as const;
const offset = { type: 'integer', minimum: 0 } as const;

export const testComponents = {
  Clock: all({
    kind: { enum: ['real', 'virtual'] },
    nowMs: { type: 'integer', description: 'Milliseconds since 1970, as the broker sees it.' },
  }),
  Snapshot: all({ directory: { ...text, description: 'Where it is, absolute.' } }),
  StableGroup: all({
    groupId: text,
    members: {
      type: 'array',
      items: all({ memberId: text, clientId: text, partitions: { type: 'array', items: all(place) } }),
    },
  }),
  CommittedPartitions: all({
    partitions: {
      type: 'array',
      items: all({
        ...place,
        offset: {
          type: ['integer', 'null'],
          description: 'Of the next record to be read; null: none is committed, and there is none to read.',
        },
        endOffset: { ...offset, description: 'The end of what read_committed consumers see.' },
      }),
    },
  }),
  CompactedPartitions: all({
    partitions: {
      type: 'array',
      items: all({
        ...place,
        cleanUpToOffset: { ...offset, description: 'Everything below it is clean.' },
        endOffset: offset,
      }),
    },
  }),
  TopicRecords: all({
    records: {
      type: 'array',
      items: {
        type: 'object',
        description:
          'Keys and headers in the notation of keys. A value is one of json, text and base64; a null value is deleted instead.',
        required: ['topic', 'partition', 'offset', 'timestampMs', 'key', 'headers'],
        properties: {
          ...place,
          offset,
          timestampMs: { type: 'integer' },
          key: { type: ['string', 'null'] },
          headers: { type: 'array', items: all({ name: text, value: { type: ['string', 'null'] } }) },
          json: { type: ['object', 'array'], description: 'A value that is a JSON object or array.' },
          text: { ...text, description: 'A value that is other UTF-8 text.' },
          base64: { ...text, description: 'Any other value.' },
          deleted: { const: true },
        },
        additionalProperties: false,
        oneOf: ['json', 'text', 'base64', 'deleted'].map((name) => ({ required: [name] })),
      },
    },
  }),
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
