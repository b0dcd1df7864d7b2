import { errorOf } from '../../protocol/errors.ts';
import type { RunningBroker } from '../broker.ts';
import { checkNames, checkText } from './check-options.ts';

/** A name, or more of it; what is left out is the broker's default. */
export type TopicToCreate =
  | string
  | {
      readonly topic: string;
      readonly partitions?: number;
      readonly config?: Readonly<Record<string, string | number | boolean>>;
    };

/** A topic could not be made; `code` is Kafka's name for why. Those asked for with it that could be are there. */
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

const known = { topic: true, partitions: true, config: true };

/** Resolves when all of them can be written and read. Throws TopicRefused for the first that cannot be made. */
export async function createTopics(
  { services }: RunningBroker,
  topics: readonly TopicToCreate[],
): Promise<void> {
  const results = await services.metadata.createTopics(topics.map(requestOf), { validateOnly: false });
  for (const { name, errorCode, errorMessage } of results) {
    if (errorCode === 0) continue;
    const error = errorOf(errorCode);
    throw new TopicRefused(name, error.name, errorMessage ?? error.message);
  }
}

function requestOf(wanted: TopicToCreate) {
  const { topic, partitions = -1, config = {} } = typeof wanted === 'string' ? { topic: wanted } : wanted;
  checkText('createTopics: topic', topic);
  if (typeof wanted !== 'string') checkNames('createTopics', wanted, known);
  return {
    name: topic,
    numPartitions: partitions,
    replicationFactor: -1,
    assignments: [],
    configs: Object.entries(config).map(([name, value]) => ({ name, value: String(value) })),
  };
}
