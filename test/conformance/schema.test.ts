/** Every schema says what Kafka's own message specifications say, field by field. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { groupRecords } from '../../broker/groups/records/index.ts';
import { metadataRecords } from '../../broker/metadata/records/index.ts';
import { shareRecords } from '../../broker/shares/records/index.ts';
import { transactionRecords } from '../../broker/transactions/records/index.ts';
import * as consumerProtocol from '../../protocol/messages/client/consumer-protocol.ts';
import { defaultPrincipalData } from '../../protocol/messages/client/principal.ts';
import { apiByKey, messages } from '../../protocol/messages/index.ts';
import * as control from '../../protocol/records/control-schemas.ts';
import type { Catalogue } from '../../protocol/records/coordinator-records.ts';
import * as stored from '../../protocol/records/storage-schemas.ts';
import type { AnyApi, AnyRecord } from '../../protocol/schema/api.ts';
import { describeFacts, type FieldFacts } from '../../protocol/schema/describe.ts';
import { greatestLong } from '../../protocol/schema/field.ts';
import {
  requestHeader,
  requestHeaderVersion,
  responseHeader,
  responseHeaderVersion,
} from '../../protocol/wire/headers.ts';

interface KafkaMessage {
  name: string;
  validVersions: string;
  flexibleVersions: string;
  recordType?: number;
  fields: FieldFacts[];
}

interface KafkaApi {
  name: string;
  key: number;
  validVersions: string;
  latestVersionUnstable: boolean;
  listeners: string[];
  advertised?: string;
  headerVersions: { version: number; request: number; response: number }[];
  request: KafkaMessage;
  response: KafkaMessage;
}

const kafka: {
  apis: KafkaApi[];
  headers: { request: KafkaMessage; response: KafkaMessage };
  internal: { [name: string]: KafkaMessage };
  data: { [name: string]: KafkaMessage };
} = JSON.parse(readFileSync(new URL('../vectors/schema.json', import.meta.url), 'utf8'));

/** Kafka's fields in our terms: structs without names, and the greatest long as a number. */
function inOurTerms(fields: FieldFacts[]): FieldFacts[] {
  return fields.map((field) => {
    const { mapKey: _, ...facts } = field as FieldFacts & { mapKey?: boolean };
    if (facts.fields !== undefined) {
      facts.fields = inOurTerms(facts.fields);
      facts.type = facts.type.startsWith('[]') ? '[]struct' : 'struct';
    }
    if (facts.default === '9223372036854775807') facts.default = greatestLong;
    if (facts.ignorable !== true) delete facts.ignorable;
    return facts;
  });
}

function expectSame(schema: Parameters<typeof describeFacts>[0], message: KafkaMessage): void {
  const { validVersions, flexibleVersions, fields } = message;
  const wanted = { validVersions, flexibleVersions, fields: inOurTerms(fields) };
  expect(describeFacts(schema), message.name).toEqual({ name: schema.name, ...wanted });
}

const spoken = kafka.apis.filter((api) => api.validVersions !== 'none');

test.each(spoken.map((api) => [api.name, api] as const))('%s', (_name, api) => {
  const ours = apiByKey(api.key) as AnyApi;
  expect(ours.name).toBe(api.name);
  expectSame(ours.request, api.request);
  expectSame(ours.response, api.response);
  expect(ours.listeners).toEqual(api.listeners);
  expect(ours.unstable).toBe(api.latestVersionUnstable ? ours.versions.high : undefined);
  expect(`${ours.versions.low}-${ours.versions.high}`).toBe(api.validVersions);
  if (api.advertised !== undefined)
    expect(`${ours.advertised.low}-${ours.advertised.high}`).toBe(api.advertised);
  for (const { version, request, response } of api.headerVersions) {
    expect(requestHeaderVersion(ours, version)).toBe(request);
    expect(responseHeaderVersion(ours, version)).toBe(response);
  }
});

test('the catalogue has the 91 APIs that Kafka speaks, and none of the 4 that it dropped', () => {
  expect(spoken.length).toBe(91);
  expect(Object.values(messages).map((api) => api.name)).toEqual(spoken.map((api) => api.name));
  for (const [name, api] of Object.entries(messages)) expect(name.toLowerCase()).toBe(api.name.toLowerCase());
  for (const key of [-1, 4, 5, 6, 7, 95, 1000]) expect(apiByKey(key)).toBeUndefined();
});

test('the headers', () => {
  expectSame(requestHeader, kafka.headers.request);
  expectSame(responseHeader, kafka.headers.response);
});

test('the 77 internal records', () => {
  const catalogues: [string, Catalogue][] = [
    ['consumer_offsets', groupRecords],
    ['transaction_state', transactionRecords],
    ['share_group_state', shareRecords],
  ];
  const ours: [string, AnyRecord][] = Object.values(metadataRecords).map((r) => [
    `cluster_metadata/${r.name}`,
    r,
  ]);
  for (const [topic, catalogue] of catalogues)
    for (const { key, value } of Object.values(catalogue))
      ours.push([`${topic}/${key.name}`, key], [`${topic}/${value.name}`, value]);
  expect(ours.length).toBe(77);
  expect(ours.map(([name]) => name).sort()).toEqual(Object.keys(kafka.internal).sort());
  for (const [name, schema] of ours) {
    expectSame(schema, kafka.internal[name]!);
    expect(schema.type, name).toBe(kafka.internal[name]!.recordType);
  }
});

test('the 13 data messages', () => {
  const { blobReader: _, decodeConsumerBlob: __, encodeConsumerBlob: ___, ...blobs } = consumerProtocol;
  const modules = [blobs, control, stored, { defaultPrincipalData }];
  const ours = modules.flatMap((module): AnyRecord[] => Object.values(module));
  expect(ours.length).toBe(13);
  expect(ours.map((schema) => schema.name).sort()).toEqual(Object.keys(kafka.data).sort());
  for (const schema of ours) expectSame(schema, kafka.data[schema.name]!);
});
