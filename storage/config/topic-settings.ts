/**
 * From the text of a topic's configs to the values that its log runs with: a plain object with one property per key, made once per
 * topic and change, so that a hot path reads `settings['max.message.bytes']` and nothing else.
 *
 * Validation is Kafka's: every name known, every value of its type and in its range, then the rules that tie keys together, over the
 * topic's configs laid on the broker's defaults.
 */
import { closestNames } from './closest-names.ts';
import { keyNamed, parseValue, type ValuesOf } from './define.ts';
import { type TopicKeyName, topicKeys } from './topic-keys.ts';

/** The values of all topic keys for one topic. Immutable: a change makes a new one. */
export type TopicSettings = ValuesOf<typeof topicKeys>;

/** What a topic without overrides has under a broker without settings. */
export const defaultTopicSettings: TopicSettings = Object.freeze(
  Object.fromEntries(Object.entries(topicKeys).map(([name, key]) => [name, key.default])),
) as TopicSettings;

export type TopicConfigCheck =
  | { readonly ok: true; readonly settings: TopicSettings }
  /** The answer is INVALID_CONFIG (40) with this message. */
  | { readonly ok: false; readonly message: string };

/** Checks a topic's configs as CreateTopics and AlterConfigs must, against the broker's topic defaults. */
export function validateTopicConfigs(
  overrides: ReadonlyMap<string, string>,
  defaults: TopicSettings = defaultTopicSettings,
): TopicConfigCheck {
  const values: Record<string, unknown> = { ...defaults };
  for (const [name, text] of overrides) {
    const key = keyNamed(topicKeys, name);
    if (!key)
      return { ok: false, message: `Unknown topic config name: ${name}${closestNames(name, topicKeys)}` };
    const parsed = parseValue(name, key, text);
    if (!parsed.ok) return parsed;
    const refused = key.refuse?.(parsed.value);
    if (refused !== undefined)
      return { ok: false, message: `${name}=${text} is not served here: ${refused}.` };
    values[name] = parsed.value;
  }
  const settings = values as TopicSettings;
  const message = checkTogether(settings);
  return message === undefined ? { ok: true, settings } : { ok: false, message };
}

/** Rules over several keys. */
function checkTogether(settings: TopicSettings): string | undefined {
  const minLagMs = settings['min.compaction.lag.ms'];
  const maxLagMs = settings['max.compaction.lag.ms'];
  if (minLagMs > maxLagMs) {
    return `min.compaction.lag.ms (${minLagMs}) must not be larger than max.compaction.lag.ms (${maxLagMs}).`;
  }
  return undefined;
}

/**
 * The settings of a topic whose configs were accepted once. What cannot be read any more (a directory written by another version)
 * falls back to the default: a topic must not vanish because of a config.
 */
export function resolveTopicSettings(
  overrides: ReadonlyMap<string, string>,
  defaults: TopicSettings = defaultTopicSettings,
): TopicSettings {
  const values: Record<string, unknown> = { ...defaults };
  for (const [name, text] of overrides) {
    const key = keyNamed(topicKeys, name);
    const parsed = key && parseValue(name, key, text);
    if (parsed?.ok) values[name] = parsed.value;
  }
  return values as TopicSettings;
}

/** Whether a text names a topic key. */
export function isTopicKey(name: string): name is TopicKeyName {
  return Object.hasOwn(topicKeys, name);
}
