import type { RecordOf } from '../../protocol/schema/api.ts';
import { type ConfigResourceType, configResourceTypes } from './cluster-state.ts';
import type { configRecord } from './records/configs.ts';

/** Config overrides by resource, as ConfigRecord tells them: a null value deletes one, a topic's go with the topic. */
export class ConfigOverrides {
  readonly #byType = new Map<number, Map<string, Map<string, string>>>();

  /** Of one resource; empty when it has none. */
  of(type: ConfigResourceType, resource: string): ReadonlyMap<string, string> {
    return this.#byType.get(type)?.get(resource) ?? none;
  }

  /** Names of the resources of a type that have any. */
  resources(type: ConfigResourceType): Iterable<string> {
    return this.#byType.get(type)?.keys() ?? [];
  }

  apply({ resourceType, resourceName, name, value }: RecordOf<typeof configRecord>): void {
    const resources = entry(this.#byType, resourceType);
    const configs = entry(resources, resourceName);
    if (value === null) configs.delete(name);
    else configs.set(name, value);
    if (configs.size === 0) resources.delete(resourceName);
  }

  removeTopic(name: string): void {
    this.#byType.get(configResourceTypes.topic)?.delete(name);
  }

  clear(): void {
    this.#byType.clear();
  }
}

const none: ReadonlyMap<string, string> = new Map();

function entry<Key, SubKey, Value>(maps: Map<Key, Map<SubKey, Value>>, key: Key): Map<SubKey, Value> {
  let map = maps.get(key);
  if (map === undefined) {
    map = new Map();
    maps.set(key, map);
  }
  return map;
}
