/**
 * Topics that are deleted and made again under their names: a new one begins empty, at 0, without the offsets that were committed for
 * the old one; a deleted one stays away; and what is in it was written since it was made.
 */
import { errors } from '../../../protocol/errors.ts';
import { deleteRecords } from '../../../protocol/messages/data/delete-records.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { offsetCommit } from '../../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../../protocol/messages/topics/delete-topics.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { collect, type Requests } from './requests.ts';

const names = ['brief-0', 'brief-1'];
const groupId = 'brief-readers';

type State = 'absent' | 'present' | 'unknown';

interface BriefTopic {
  readonly name: string;
  state: State;
  /** Counts its births. */
  incarnation: number;
  /** Values of the present one that were acknowledged, by offset. */
  acknowledged: Map<number, string>;
  deletedTo: number;
  isBusy: boolean;
}

export class BriefTopics {
  readonly #requests: Requests;
  readonly #topics: BriefTopic[];
  #serial = 0;

  constructor(requests: Requests) {
    this.#requests = requests;
    this.#topics = names.map((name) => ({
      name,
      state: 'absent',
      incarnation: 0,
      acknowledged: new Map(),
      deletedTo: 0,
      isBusy: false,
    }));
  }

  /** The next thing that happens to one of them. */
  async happen(): Promise<void> {
    const { random } = this.#requests.world;
    const topic = random.pick(this.#topics);
    if (topic.isBusy) return;
    topic.isBusy = true;
    // What was refused by a broken disk may have come about all the same: only the next start tells.
    if (topic.state === 'absent') await this.#create(topic);
    else if (topic.state === 'present') await this.#live(topic, random.next());
    topic.isBusy = false;
  }

  /** `hasLost`: a power cut took what was not synced. */
  async expectAll(hasLost: boolean): Promise<void> {
    for (const topic of this.#topics) {
      const found = await this.#look(topic);
      if (topic.state === 'unknown') topic.state = found;
      if (found !== topic.state) throw new Error(`${topic.name} is ${found}, not ${topic.state}`);
      if (found === 'present') await this.#expectContents(topic, hasLost);
    }
  }

  async #look({ name }: BriefTopic): Promise<State> {
    const answer = await this.#requests.ask(metadata, 9, {
      topics: [{ name }],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    const errorCode = answer?.topics[0]?.errorCode;
    if (errorCode === errors.unknownTopicOrPartition.code) return 'absent';
    return errorCode === errors.none.code ? 'present' : 'unknown';
  }

  async #create(topic: BriefTopic): Promise<void> {
    const { name } = topic;
    topic.state = 'unknown';
    topic.incarnation += 1;
    topic.acknowledged = new Map();
    topic.deletedTo = 0;
    const configs = [{ name: 'internal.segment.bytes', value: '300' }];
    const answer = await this.#requests.ask(createTopics, 5, {
      topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }],
      timeoutMs: 30_000,
      validateOnly: false,
    });
    const errorCode = answer?.topics[0]?.errorCode;
    if (errorCode === errors.topicAlreadyExists.code) throw new Error(`${name} was deleted and is there`);
    if (errorCode !== errors.none.code) return;
    topic.state = 'present';
    const start = await this.#requests.offsetOf('start', name, 0);
    const end = await this.#requests.offsetOf('end', name, 0);
    if ((start ?? 0) !== 0 || (end ?? 0) !== 0) throw new Error(`the new ${name} has ${start} to ${end}`);
    await this.#expectNoCommit(name);
  }

  async #live(topic: BriefTopic, roll: number): Promise<void> {
    if (roll < 0.5) return this.#produce(topic);
    if (roll < 0.65) return this.#commit(topic.name);
    if (roll < 0.75) return this.#deleteRecords(topic);
    topic.state = 'unknown';
    const answer = await this.#requests.ask(deleteTopics, 4, { topicNames: [topic.name], timeoutMs: 30_000 });
    if (answer?.responses[0]?.errorCode === errors.none.code) topic.state = 'absent';
  }

  async #produce({ name, incarnation, acknowledged }: BriefTopic): Promise<void> {
    const value = `${name} ${incarnation} ${this.#serial++}`;
    const timestampMs = this.#requests.world.clock.nowMs();
    const records = buildBatch({
      records: [{ timestampMs, key: null, value: Buffer.from(value), headers: [] }],
    });
    const topicData = [{ name, partitionData: [{ index: 0, records }] }];
    const answer = await this.#requests.ask(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
    const done = answer?.responses[0]?.partitionResponses[0];
    if (done?.errorCode === errors.none.code) acknowledged.set(done.baseOffset, value);
  }

  async #commit(name: string): Promise<void> {
    const found = await this.#requests.ask(findCoordinator, 3, { key: groupId, keyType: 0 });
    if (found?.errorCode !== errors.none.code) return;
    await this.#requests.ask(offsetCommit, 7, {
      groupId,
      memberId: '',
      topics: [{ name, partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }] }],
    });
  }

  async #deleteRecords(topic: BriefTopic): Promise<void> {
    const partitions = [{ partitionIndex: 0, offset: -1 }];
    const answer = await this.#requests.ask(deleteRecords, 2, {
      topics: [{ name: topic.name, partitions }],
      timeoutMs: 30_000,
    });
    const done = answer?.topics[0]?.partitions[0];
    // Also where the answer is an error the records may be gone.
    if (done?.errorCode === errors.none.code) topic.deletedTo = Math.max(topic.deletedTo, done.lowWatermark);
    else topic.acknowledged.clear();
  }

  async #expectNoCommit(name: string): Promise<void> {
    const answer = await this.#requests.ask(offsetFetch, 5, {
      groupId,
      topics: [{ name, partitionIndexes: [0] }],
    });
    const found = answer?.topics[0]?.partitions[0];
    if (found?.errorCode === errors.none.code && found.committedOffset !== -1)
      throw new Error(`an offset of an earlier ${name} is still committed`);
  }

  async #expectContents(topic: BriefTopic, hasLost: boolean): Promise<void> {
    const { name, incarnation, acknowledged, deletedTo } = topic;
    const start = await this.#requests.offsetOf('start', name, 0);
    if (start === null) throw new Error(`${name} cannot be read`);
    const values = new Map<number, string>();
    for (let offset = start; ; ) {
      const answer = await this.#requests.fetch(name, 0, offset);
      if (answer?.errorCode !== errors.none.code) throw new Error(`${name} cannot be read at ${offset}`);
      if (offset >= answer.highWatermark) break;
      offset = collect(answer.records, offset, values);
    }
    for (const value of values.values())
      if (!value.startsWith(`${name} ${incarnation} `))
        throw new Error(`${name} ${incarnation} has "${value}"`);
    for (const [offset, value] of acknowledged) {
      if (hasLost && !values.has(offset)) acknowledged.delete(offset);
      else if (offset >= deletedTo && values.get(offset) !== value)
        throw new Error(`${name} acknowledged "${value}" at ${offset} and has ${values.get(offset)} there`);
    }
  }
}
