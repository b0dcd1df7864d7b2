/** Waiting for a state instead of a time, in any language, with kompakt.test.control. Who leaves waits no longer. */
import type { CommittedOptions, GroupStableOptions } from '../embedded/group-waits.ts';
import type { RecordsOptions, TopicRecord } from '../embedded/topic-waits.ts';
import type { WaitTimeout } from '../embedded/waits.ts';
import { notationOf } from '../lookup/key-notation.ts';
import { ProblemError, type ProblemKind } from './problems.ts';
import { jsonInTurns, valueMember } from './record-json.ts';
import { type AskedRoute, type Route, sendJson } from './route.ts';
import { allowed } from './test-access.ts';
import { committedSchema, groupStableSchema, recordsSchema, timeoutSchema } from './test-schemas.ts';

/** Of keys and values in one answer. */
const recordBytesMax = 32 * 1024 * 1024;

const problems: readonly ProblemKind[] = [
  'no-test-control',
  'wait-failed',
  'broker-gone',
  'unsupported-content',
  'too-large',
];

function optionsOf<Options extends WaitTimeout>({ request, signal }: AskedRoute): Options {
  return { ...(request.body as Options), signal };
}

function groupIdOf({ request }: AskedRoute): string {
  return (request.params as { groupId: string }).groupId;
}

const waitForStable: Route = {
  method: 'POST',
  path: '/test/groups/{groupId}/stable',
  id: 'waitForStableGroup',
  summary: 'Waits until a group is stable, and every partition of its topics is assigned and fetched.',
  body: { kind: 'json', schema: groupStableSchema, isOptional: true },
  answer: { description: 'Who has what.', content: { component: 'StableGroup' } },
  problems,
  async run(service, asked) {
    const broker = await allowed(service).broker;
    const group = await broker.groupStable(groupIdOf(asked), optionsOf<GroupStableOptions>(asked));
    return sendJson(asked.reply, JSON.stringify(group));
  },
};

const waitForCommits: Route = {
  method: 'POST',
  path: '/test/groups/{groupId}/committed',
  id: 'waitForCommits',
  summary: 'Waits until a group has committed all there is in its topics.',
  body: { kind: 'json', schema: committedSchema, isOptional: true },
  answer: { description: 'What it has committed.', content: { component: 'CommittedPartitions' } },
  problems,
  async run(service, asked) {
    const broker = await allowed(service).broker;
    const partitions = await broker.committed(groupIdOf(asked), optionsOf<CommittedOptions>(asked));
    return sendJson(asked.reply, JSON.stringify({ partitions }));
  },
};

const waitForRecords: Route = {
  method: 'POST',
  path: '/test/topics/{topic}/records',
  id: 'waitForRecords',
  summary: 'Waits until a topic has so many committed records, and has them all.',
  body: { kind: 'json', schema: recordsSchema, isOptional: true },
  answer: { description: 'By partition and offset.', content: { component: 'TopicRecords' } },
  problems,
  async run(service, asked) {
    const broker = await allowed(service).broker;
    const records = await broker.records(asked.topic, optionsOf<RecordsOptions>(asked));
    const bytes = records.reduce(
      (sum, { key, value }) => sum + (key?.byteLength ?? 0) + (value?.byteLength ?? 0),
      0,
    );
    if (bytes > recordBytesMax)
      throw new ProblemError(
        'too-large',
        `the records have ${bytes} bytes, and one answer at most ${recordBytesMax}: a consumer reads more`,
      );
    return sendJson(
      asked.reply,
      await jsonInTurns(service.clock, '{"records":[', records, topicRecordText, ']}'),
    );
  },
};

const waitForCompaction: Route = {
  method: 'POST',
  path: '/test/topics/{topic}/compacted',
  id: 'waitForCompaction',
  summary: 'Waits until all that is in a topic now has been compacted, and sees to it.',
  body: { kind: 'json', schema: timeoutSchema, isOptional: true },
  answer: { description: 'It has.', content: { component: 'CompactedPartitions' } },
  problems,
  async run(service, asked) {
    const broker = await allowed(service).broker;
    const partitions = await broker.compacted(asked.topic, optionsOf(asked));
    return sendJson(asked.reply, JSON.stringify({ partitions }));
  },
};

function topicRecordText({ key, value, headers, ...where }: TopicRecord): string {
  const head = JSON.stringify({
    ...where,
    key: key && notationOf(key),
    headers: headers.map((header) => ({
      name: header.name,
      value: header.value && notationOf(header.value),
    })),
  });
  return `${head.slice(0, -1)},${valueMember(value)}}`;
}

export const waitRoutes: readonly Route[] = [
  waitForStable,
  waitForCommits,
  waitForRecords,
  waitForCompaction,
];
