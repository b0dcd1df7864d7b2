import { errors } from '../../../protocol/errors.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { describeTopicConfig } from '../../config/describe.ts';
import type { Services } from '../../services.ts';
import { defineHandler } from '../handler.ts';

/** Creates topics; the answer leaves when they can be written and read. From v5 on it shows their configs (KIP-525). */
export const createTopicsHandler = defineHandler(createTopics, {
  versions: '2-7',
  async handle(services, request) {
    const results = await services.metadata.createTopics(request.topics, {
      validateOnly: request.validateOnly,
    });
    const asked = new Map(request.topics.map((topic) => [topic.name, topic.configs]));
    const shown = new Map<string, ReturnType<typeof configsOf>>();
    // Topics that are made by the hundred have the same configs, and telling them takes longer than making a topic.
    const showConfigs = (configs: AskedConfigs): ReturnType<typeof configsOf> => {
      const key = JSON.stringify(configs);
      if (!shown.has(key)) shown.set(key, configsOf(services, configs));
      return shown.get(key)!;
    };
    return {
      throttleTimeMs: 0,
      topics: results.map((result) => ({
        name: result.name,
        topicId: result.topicId,
        errorCode: result.errorCode,
        errorMessage: result.errorMessage,
        numPartitions: result.numPartitions,
        replicationFactor: result.replicationFactor,
        configs: result.errorCode === errors.none.code ? showConfigs(asked.get(result.name)!) : [],
      })),
    };
  },
  refuse: (request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name }) => ({ name, topicId: zeroUuid, errorCode, errorMessage })),
  }),
});

type AskedConfigs = readonly { readonly name: string; readonly value: string | null }[];

function configsOf(services: Services, asked: AskedConfigs) {
  const overrides = new Map<string, string>();
  for (const { name, value } of asked) {
    if (value !== null) overrides.set(name, value);
  }
  // A value is shown as it was sent, not as it is understood.
  return describeTopicConfig(services, overrides).map(
    ({ name, value, readOnly, configSource, isSensitive }) => ({
      name,
      value: overrides.get(name) ?? value,
      readOnly,
      configSource,
      isSensitive,
    }),
  );
}
