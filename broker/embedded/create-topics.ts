import { errorOf } from '../../protocol/errors.ts';
import type { RunningBroker } from '../broker.ts';
import { checkInteger, checkNames, checkText } from '../options/check-options.ts';
import { OptionError } from '../options/option-error.ts';

/** A name, or more of it; what is left out is the broker's default. */
export type TopicToCreate =
  | string
  | {
      readonly topic: string;
      readonly partitions?: number;
      readonly config?: Readonly<Record<string, string | number | boolean>>;
    };

/** A topic could not be made; `code` is Kafka's name for why. None of those asked for with it was made. */
export class TopicRefused extends Error {
  readonly topic: string;
  readonly code: string;

  constructor(topic: string, code: string, message: string) {
    super(`createTopics: ${topic}: ${message}`);
    this.name = 'TopicRefused';
    this.topic = topic;
    this.code = code;
  }
}

const partitionsMax = 2 ** 31 - 1;
const known = { topic: true, partitions: true, config: true };

/** All or none of them; resolves when they can be written and read. Throws TopicRefused for the first that cannot be made. */
export async function createTopics(
  { services }: RunningBroker,
  topics: readonly TopicToCreate[],
): Promise<void> {
  if (!Array.isArray(topics))
    throw new OptionError('topics', "createTopics takes a list: createTopics(['orders'])");
  const requests = topics.map(requestOf);
  for (const validateOnly of [true, false]) {
    for (const { name, errorCode, errorMessage } of await services.metadata.createTopics(requests, {
      validateOnly,
    })) {
      if (errorCode === 0) continue;
      const error = errorOf(errorCode);
      throw new TopicRefused(name, error.name, errorMessage ?? error.message);
    }
  }
}

function requestOf(wanted: TopicToCreate) {
  if (typeof wanted !== 'string') checkNames('createTopics', wanted, known);
  const { topic, partitions = -1, config = {} } = typeof wanted === 'string' ? { topic: wanted } : wanted;
  checkText('topic', topic);
  if (partitions !== -1) checkInteger('partitions', partitions, 1, partitionsMax);
  return {
    name: topic,
    numPartitions: partitions,
    replicationFactor: -1,
    assignments: [],
    configs: Object.entries(config).map(([name, value]) => ({ name, value: String(value) })),
  };
}
