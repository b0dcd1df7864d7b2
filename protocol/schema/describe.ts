/**
 * Schemas for people: as the grammar of Kafka's protocol guide, for documents and traces, and as plain facts,
 * one entry per field, to hold against Kafka's own.
 */
import { isFlexible, type Schema } from './api.ts';
import type { AnyField, Kind, Shape } from './field.ts';
import { formatVersions, includes, intersection, isEmpty, type Versions } from './versions.ts';

/** A field as Kafka's message specifications state it; what is usual is left out. */
export interface FieldFacts {
  name: string;
  /** `[]` before it for arrays; `struct` for all structs, which have no names here. */
  type: string;
  versions: string;
  nullableVersions?: string;
  tag?: number;
  taggedVersions?: string;
  /** Left out where it is the zero of the type. */
  default?: unknown;
  ignorable?: true;
  notCompactVersions?: string;
  nullMarker?: 'uvarint';
  fields?: FieldFacts[];
}

export interface SchemaFacts {
  name: string;
  validVersions: string;
  flexibleVersions: string;
  fields: FieldFacts[];
}

export function describeFacts(schema: Schema): SchemaFacts {
  const { low, high } = schema.versions;
  return {
    name: schema.name,
    validVersions: low === high ? `${low}` : `${low}-${high}`,
    flexibleVersions: formatVersions(schema.flexible, high),
    fields: factsOf(schema.fields, schema.versions, schema),
  };
}

function factsOf(fields: Shape, within: Versions, schema: Schema): FieldFacts[] {
  return Object.entries(fields).map(([name, field]) => fieldFacts(name, field, within, schema));
}

function fieldFacts(name: string, field: AnyField, within: Versions, schema: Schema): FieldFacts {
  const { traits, kind } = field;
  const last = schema.versions.high;
  const versions = intersection(within, traits.versions);
  const facts: FieldFacts = { name, type: typeName(kind), versions: formatVersions(versions, last) };
  const nullable = intersection(traits.nullableIn, versions);
  if (!isEmpty(nullable)) facts.nullableVersions = formatVersions(nullable, last);
  if (traits.tagNumber !== undefined) {
    facts.tag = traits.tagNumber;
    facts.taggedVersions = facts.versions;
    if (kind.type === 'struct' && !isEmpty(nullable)) facts.nullMarker = 'uvarint';
  }
  if (!isZero(traits.defaultValue)) facts.default = traits.defaultValue;
  // A null object is the default of every records field in Kafka's classes, nullable or not.
  if (kind.type === 'records') facts.default = null;
  if (traits.isIgnorable) facts.ignorable = true;
  if (!traits.isCompact)
    facts.notCompactVersions = formatVersions(intersection(schema.flexible, versions), last);
  const inner = innerFields(kind);
  if (inner !== undefined) facts.fields = factsOf(inner, versions, schema);
  return facts;
}

function isZero(value: unknown): boolean {
  return value === undefined || value === 0 || value === 0n || value === false || value === '';
}

function innerFields(kind: Kind): Shape | undefined {
  if (kind.type === 'struct') return kind.fields;
  return kind.type === 'array' ? innerFields(kind.of.kind) : undefined;
}

function typeName(kind: Kind): string {
  return kind.type === 'array' ? `[]${typeName(kind.of.kind)}` : kind.type;
}

/**
 * A message at a version, in the notation of the protocol guide:
 *
 *    HeartbeatRequest (Version: 4) => groupId generationId memberId groupInstanceId _tagged_fields
 *      groupId => COMPACT_STRING
 *      generationId => INT32
 */
export function describeGrammar(schema: Schema, version: number): string {
  const lines: string[] = [];
  describeStruct(`${schema.name} (Version: ${version})`, schema.fields, schema.versions, 0);
  return `${lines.join('\n')}\n`;

  function describeStruct(head: string, fields: Shape, within: Versions, depth: number): void {
    const flexible = isFlexible(schema, version);
    const present = Object.entries(fields).filter(([, { traits }]) =>
      includes(intersection(within, traits.versions), version),
    );
    const untagged = present.filter(([, { traits }]) => traits.tagNumber === undefined);
    const names = untagged.map(([name, field]) => (field.kind.type === 'array' ? `[${name}]` : name));
    if (flexible) names.push('_tagged_fields');
    lines.push(`${'  '.repeat(depth)}${[head, '=>', ...names].join(' ')}`);
    for (const [name, field] of present) {
      const { tagNumber } = field.traits;
      describeField(tagNumber === undefined ? name : `<tag ${tagNumber}> ${name}`, field, within, depth + 1);
    }
  }

  function describeField(head: string, field: AnyField, within: Versions, depth: number): void {
    const inner = innerFields(field.kind);
    if (inner !== undefined) describeStruct(head, inner, intersection(within, field.traits.versions), depth);
    else lines.push(`${'  '.repeat(depth)}${head} => ${grammarType(field)}`);
  }

  function grammarType(field: AnyField): string {
    const kind = field.kind.type === 'array' ? field.kind.of.kind : field.kind;
    if (kind.type === 'bool') return 'BOOLEAN';
    if (kind.type === 'bigint64') return 'INT64';
    const hasLength = kind.type === 'string' || kind.type === 'bytes' || kind.type === 'records';
    if (!hasLength) return kind.type.toUpperCase();
    const compact = isFlexible(schema, version) && field.traits.isCompact ? 'COMPACT_' : '';
    const isNullable = field.kind.type !== 'array' && includes(field.traits.nullableIn, version);
    return `${compact}${isNullable ? 'NULLABLE_' : ''}${kind.type.toUpperCase()}`;
  }
}
