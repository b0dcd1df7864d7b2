import { errors } from '../../protocol/errors.ts';
import type { Decision } from '../journal/state-machine.ts';
import { type ConfigResourceType, configResourceTypes } from './cluster-state.ts';
import { countOf, type DecideContext, maxRecordsPerRequest, noProblem, type Problem } from './decide.ts';
import { tooManyRecords } from './decide-create-topics.ts';
import { eligibleLeadersFeature } from './features.ts';
import type { ConfigAlteration, ConfigReplacement, ConfigResult } from './metadata-controller.ts';
import { configRecord } from './records/configs.ts';
import { encodeMetadataRecord } from './records/index.ts';
import { clearElrRecord } from './records/topics.ts';
import { topicNameProblem } from './topic-names.ts';

/**
 * IncrementalAlterConfigs and AlterConfigs as Kafka's broker and controller decide them together. Each resource stands for
 * itself: one bad key refuses all of its changes and none of another's. What is checked is the whole of what the resource
 * would have afterwards. Broker loggers are not metadata and never come here.
 */
export function decideIncrementalAlterConfigs(
  context: DecideContext,
  alterations: readonly ConfigAlteration[],
  validateOnly: boolean,
): Decision<Buffer, readonly ConfigResult[]> {
  return decideEach(context, alterations, validateOnly, (alteration) => {
    const withoutValue = alteration.configs.filter(
      (c) => c.operation !== operations.delete && c.value === null,
    );
    const problem = requestProblem(alteration, withoutValue);
    return problem ?? incremental(context, alteration);
  });
}

/** The legacy call: what is not named is deleted. */
export function decideAlterConfigs(
  context: DecideContext,
  replacements: readonly ConfigReplacement[],
  validateOnly: boolean,
): Decision<Buffer, readonly ConfigResult[]> {
  return decideEach(context, replacements, validateOnly, (replacement) => {
    const withoutValue = replacement.configs.filter((config) => config.value === null);
    const problem = requestProblem(replacement, withoutValue);
    if (problem !== null) return problem;
    const present = context.state.configs(replacement.type, replacement.name);
    const changes = new Map<string, string | null>();
    for (const { name, value } of replacement.configs) changes.set(name, value);
    for (const name of present.keys()) if (!changes.has(name)) changes.set(name, null);
    return changes;
  });
}

const operations = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

/** Kafka's limit for one value; larger ones could only come from appending. */
const maxValueChars = 0x7fff;

interface Resource {
  readonly type: ConfigResourceType;
  readonly name: string;
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

/** New values by key; null deletes. */
type Changes = ReadonlyMap<string, string | null>;

function decideEach<R extends Resource>(
  context: DecideContext,
  resources: readonly R[],
  validateOnly: boolean,
  changesOf: (resource: R) => Changes | Problem,
): Decision<Buffer, readonly ConfigResult[]> {
  const counts = countOf(resources.map(keyOf));
  const entries: Buffer[] = [];
  const answer = resources.map((resource) => {
    const { type, name } = resource;
    if (counts.get(keyOf(resource))! > 1)
      return { type, name, ...invalidRequest('Each resource must appear at most once.') };
    const changes = changesOf(resource);
    if ('errorCode' in changes) return { type, name, ...changes };
    const problem = changeProblem(context, resource, changes);
    if (problem === null) entries.push(...recordsOf(context, resource, changes));
    return { type, name, ...(problem ?? noProblem) };
  });
  if (entries.length > maxRecordsPerRequest)
    return { entries: [], answer: resources.map(({ type, name }) => ({ type, name, ...tooManyRecords })) };
  return { entries: validateOnly ? [] : entries, answer };
}

function keyOf({ type, name }: Resource): string {
  return `${type} ${name}`;
}

/** What is wrong with the request itself, whatever the values are. */
function requestProblem(
  { type, name, configs }: Resource,
  withoutValue: Resource['configs'],
): Problem | null {
  if (new Set(configs.map((config) => config.name)).size < configs.length)
    return invalidRequest('Error due to duplicate config keys');
  if (withoutValue.length > 0)
    return invalidRequest(`Null value not supported for : ${withoutValue.map((c) => c.name).join(', ')}`);
  // The names of other resources are the rules' business.
  if (type === configResourceTypes.topic) return topicResourceProblem(name);
  return persistent.has(type) ? null : invalidRequest(`Unknown resource type ${type}`);
}

const persistent: ReadonlySet<number> = new Set([
  configResourceTypes.broker,
  configResourceTypes.group,
  configResourceTypes.clientMetrics,
]);

function topicResourceProblem(name: string): Problem | null {
  if (name === '') return invalidRequest('Default topic resources are not allowed.');
  const problem = topicNameProblem(name);
  return problem === null
    ? null
    : { errorCode: errors.invalidTopicException.code, errorMessage: `Topic name is invalid: ${problem}` };
}

function incremental(
  { state, rules }: DecideContext,
  { type, name, configs }: ConfigAlteration,
): Changes | Problem {
  const present = state.configs(type, name);
  const changes = new Map<string, string | null>();
  for (const { name: key, operation, value } of configs) {
    if (operation === operations.set) changes.set(key, value);
    else if (operation === operations.delete) changes.set(key, null);
    else if (operation === operations.append || operation === operations.subtract) {
      const verb = operation === operations.append ? 'APPEND' : 'SUBTRACT';
      if (!rules.isList(type, key))
        return invalidConfig(`Can't ${verb} to key ${key} because its type is not LIST.`);
      const parts = (present.get(key) ?? rules.defaultText(type, key) ?? '').split(',').filter(Boolean);
      const operands = value!.split(',');
      const changed =
        operation === operations.append
          ? [...parts, ...new Set(operands.filter((part) => !parts.includes(part)))]
          : operands.reduce(withoutFirst, parts);
      changes.set(key, changed.join(','));
    } else return invalidRequest(`Unknown operations type ${operation}`);
  }
  return changes;
}

function withoutFirst(parts: readonly string[], part: string): string[] {
  const at = parts.indexOf(part);
  return at < 0 ? [...parts] : parts.toSpliced(at, 1);
}

function changeProblem(context: DecideContext, { type, name }: Resource, changes: Changes): Problem | null {
  const { state, rules } = context;
  const after = new Map(state.configs(type, name));
  for (const [key, value] of changes) {
    const elrProblem = minInSyncProblem(state.recordedFeatures, { type, name }, key, value);
    if (elrProblem !== null) return elrProblem;
    if (value === null) after.delete(key);
    else if (value.length > maxValueChars)
      return invalidConfig(
        `The configuration value cannot be added because it exceeds the maximum value size of ${maxValueChars} bytes.`,
      );
    else after.set(key, value);
  }
  const problem = rules.problem(type, name, after);
  if (problem !== null) return problem;
  if (type !== configResourceTypes.topic || state.topic(name) !== undefined) return null;
  return {
    errorCode: errors.unknownTopicOrPartition.code,
    errorMessage: `The topic '${name}' does not exist.`,
  };
}

/** A directory of Kafka's may have eligible leader replicas (KIP-966) on: there min.insync.replicas is one for the cluster. */
function minInSyncProblem(
  features: ReadonlyMap<string, number>,
  { type, name }: Pick<Resource, 'type' | 'name'>,
  key: string,
  value: string | null,
): Problem | null {
  if (key !== minInSyncReplicas || type !== configResourceTypes.broker) return null;
  if ((features.get(eligibleLeadersFeature) ?? 0) === 0) return null;
  if (name !== '')
    return invalidConfig(`Broker-level ${minInSyncReplicas} cannot be altered while ELR is enabled.`);
  return value === null
    ? invalidConfig(`Cluster-level ${minInSyncReplicas} cannot be removed while ELR is enabled.`)
    : null;
}

const minInSyncReplicas = 'min.insync.replicas';

function recordsOf({ state }: DecideContext, { type, name }: Resource, changes: Changes): Buffer[] {
  const present = state.configs(type, name);
  const entries: Buffer[] = [];
  for (const [key, value] of changes) {
    // A broker takes an unchanged value as a call to read it again (a changed key store).
    if ((present.get(key) ?? null) === value && type !== configResourceTypes.broker) continue;
    entries.push(
      encodeMetadataRecord(configRecord, 0, { resourceType: type, resourceName: name, name: key, value }),
    );
    if (key === minInSyncReplicas && (state.recordedFeatures.get(eligibleLeadersFeature) ?? 0) > 0)
      entries.push(
        encodeMetadataRecord(clearElrRecord, 0, {
          topicName: type === configResourceTypes.topic ? name : '',
        }),
      );
  }
  return entries;
}

function invalidRequest(errorMessage: string): Problem {
  return { errorCode: errors.invalidRequest.code, errorMessage };
}

function invalidConfig(errorMessage: string): Problem {
  return { errorCode: errors.invalidConfig.code, errorMessage };
}
