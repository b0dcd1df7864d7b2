/** Offsets that somebody commits without being a member: the last acknowledged one is there, or one that was tried since. */
import { errors } from '../../../protocol/errors.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { offsetCommit } from '../../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import type { Requests } from './requests.ts';
import { Known, type Topic } from './topics.ts';

interface Commits {
  readonly group: string;
  readonly topic: string;
  readonly offset: Known<number>;
  isOwed: boolean;
  isCommitting: boolean;
}

const nothing = -1;

export class Committers {
  readonly #requests: Requests;
  readonly #commits = new Map<string, Commits>();
  #next = 0;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** After a power cut without fsync nothing is owed: what is found next is what counts from then on. */
  forget(): void {
    for (const commits of this.#commits.values()) commits.isOwed = false;
  }

  /** False: it could not be done, or nobody knows whether it was. */
  async commit(topic: Topic): Promise<boolean> {
    const group = `group-${this.#requests.world.random.below(3)}-${topic.name}`;
    let commits = this.#commits.get(group);
    if (commits === undefined) {
      commits = { group, topic: topic.name, offset: new Known(nothing), isOwed: true, isCommitting: false };
      this.#commits.set(group, commits);
    }
    if (commits.isCommitting) return true;
    commits.isCommitting = true;
    const isDone = await this.#commit(commits);
    commits.isCommitting = false;
    return isDone;
  }

  async expectAll(): Promise<void> {
    for (const commits of this.#commits.values()) {
      const { group, topic, offset, isOwed } = commits;
      await this.#requests.ask(findCoordinator, 3, { key: group, keyType: 0 });
      const answer = await this.#requests.ask(offsetFetch, 5, {
        groupId: group,
        topics: [{ name: topic, partitionIndexes: [0] }],
      });
      const found = answer?.topics[0]?.partitions[0];
      if (found?.errorCode !== 0 || (isOwed && !offset.allows(found.committedOffset)))
        throw new Error(`${group} committed ${offset.acknowledged}, found ${JSON.stringify(found)}`);
      offset.confirm(found.committedOffset);
      commits.isOwed = true;
    }
  }

  async #commit({ group, topic, offset }: Commits): Promise<boolean> {
    const found = await this.#requests.ask(findCoordinator, 3, { key: group, keyType: 0 });
    if (found === null || found.errorCode !== 0) return false;
    const committedOffset = this.#next++;
    offset.try(committedOffset);
    const answer = await this.#requests.ask(offsetCommit, 7, {
      groupId: group,
      memberId: '',
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] }],
    });
    const isDone = answer?.topics[0]?.partitions[0]?.errorCode === errors.none.code;
    if (isDone) offset.confirm(committedOffset);
    return isDone;
  }
}
