import { errors } from '../../../protocol/errors.ts';
import { deleteTopics } from '../../../protocol/messages/topics/delete-topics.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { defineHandler } from '../handler.ts';

/** First version in which topics may be named by id, and the first that knows TOPIC_DELETION_DISABLED. */
const topicIdVersion = 6;
const disabledVersion = 3;

/** Deletes topics by name or id; their files go later, everything else with the answer. */
export const deleteTopicsHandler = defineHandler(deleteTopics, {
  versions: '1-6',
  async handle({ metadata, settings }, request, caller) {
    const topics =
      caller.apiVersion >= topicIdVersion
        ? request.topics.map(({ name, topicId }) => ({ name, id: topicId }))
        : request.topicNames.map((name) => ({ name, id: zeroUuid }));
    if (!settings['delete.topic.enable']) {
      const { code } =
        caller.apiVersion < disabledVersion ? errors.invalidRequest : errors.topicDeletionDisabled;
      return {
        throttleTimeMs: 0,
        responses: topics.map(({ name, id }) => ({ name, topicId: id, errorCode: code, errorMessage: null })),
      };
    }
    const responses = await metadata.deleteTopics(topics);
    return { throttleTimeMs: 0, responses };
  },
  refuse: (request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    responses: [
      ...request.topics.map(({ name, topicId }) => ({ name, topicId, errorCode, errorMessage })),
      ...request.topicNames.map((name) => ({ name, topicId: zeroUuid, errorCode, errorMessage })),
    ],
  }),
});
