import { createPartitions } from '../../../protocol/messages/topics/create-partitions.ts';
import { defineHandler } from '../handler.ts';

/** Adds partitions to topics. */
export const createPartitionsHandler = defineHandler(createPartitions, {
  versions: '0-3',
  async handle({ metadata }, request) {
    return {
      throttleTimeMs: 0,
      results: await metadata.createPartitions(request.topics, { validateOnly: request.validateOnly }),
    };
  },
  refuse: (request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    results: request.topics.map(({ name }) => ({ name, errorCode, errorMessage })),
  }),
});
