/** The groups of a simulated broker and the processes in them: they come, leave, die, lose connections, and take each other's place. */
import { errors } from '../../../protocol/errors.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import { GroupHistory } from './group-history.ts';
import { GroupMember } from './group-member.ts';
import type { Requests } from './requests.ts';
import type { Contents, PartitionHistory, Topic } from './topics.ts';

const groupsMax = 2;
const membersMax = 4;
/** Longer than any session and rebalance time-out here, one after the other. */
export const settleMs = 40_000;

interface SimulatedGroup {
  readonly history: GroupHistory;
  readonly topics: readonly Topic[];
  members: GroupMember[];
}

export class Groups {
  readonly #requests: Requests;
  readonly #groups: SimulatedGroup[] = [];
  #serial = 0;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  get members(): GroupMember[] {
    return this.#groups.flatMap(({ members }) => members.filter(({ isDead }) => !isDead));
  }

  forget(): void {
    for (const { history } of this.#groups) history.forget();
  }

  /** Something befalls some member; who is new begins to live. */
  happen(topics: readonly Topic[], begin: (living: Promise<void>) => void): void {
    const { random } = this.#requests.world;
    if (this.#groups.length === 0 || (this.#groups.length < groupsMax && random.chance(0.1)))
      this.#found(topics);
    const group = random.pick(this.#groups);
    group.members = group.members.filter(({ isDead }) => !isDead);
    const roll = random.next();
    if (group.members.length === 0 || (roll < 0.35 && group.members.length < membersMax)) {
      const instanceId = random.chance(0.4) ? `instance-${random.below(2)}` : null;
      const member = new GroupMember(
        this.#requests.world,
        group.history,
        `member-${this.#serial++}`,
        instanceId,
      );
      group.members.push(member);
      begin(member.live());
      return;
    }
    const member = random.pick(group.members);
    if (roll < 0.55) member.kill();
    else if (roll < 0.75) member.cut();
    else if (roll < 0.85) begin(member.leave());
  }

  /** What is committed is what was acknowledged, and what lies below it was read. */
  async expectCommitted(contents: ReadonlyMap<PartitionHistory, Contents>): Promise<void> {
    for (const { history, topics } of this.#groups) {
      await this.#requests.ask(findCoordinator, 3, { key: history.groupId, keyType: 0 });
      for (const topic of topics) {
        for (const partition of topic.partitions) {
          await this.#expectCommitted(history, topic, partition);
          const found = contents.get(partition);
          if (found !== undefined) history.expectAllRead(partition.name, found.values.keys());
        }
      }
    }
  }

  /** In fine weather, some time after the last event, the members of each group are at one. */
  expectSettled(): void {
    for (const { history, members } of this.#groups) {
      const alive = members.filter(({ isDead }) => !isDead);
      const generations = new Set(alive.map(({ generation }) => generation));
      const told = alive.map((member) => `${member.name} ${member.generation} ${member.partitions.join()}`);
      if (alive.length > 0 && (generations.size !== 1 || generations.has(-1)))
        throw new Error(`${history.groupId} does not settle: ${told.join('; ')}`);
      const owned = alive.flatMap(({ partitions }) => partitions);
      if (alive.length > 0 && (owned.length === 0 || new Set(owned).size < owned.length))
        throw new Error(`${history.groupId} is settled badly: ${told.join('; ')}`);
    }
  }

  #found(topics: readonly Topic[]): void {
    const { random } = this.#requests.world;
    const some = topics.filter(() => random.chance(0.6));
    const chosen = some.length > 0 ? some : [random.pick(topics)];
    const history = new GroupHistory(
      `consumers-${this.#groups.length}`,
      chosen.map(({ name }) => name),
    );
    this.#groups.push({ history, topics: chosen, members: [] });
  }

  async #expectCommitted(history: GroupHistory, topic: Topic, partition: PartitionHistory): Promise<void> {
    const atLeast = history.expected(partition.name);
    const answer = await this.#requests.ask(offsetFetch, 5, {
      groupId: history.groupId,
      topics: [{ name: topic.name, partitionIndexes: [topic.partitions.indexOf(partition)] }],
    });
    const found = answer?.topics[0]?.partitions[0];
    if (found === undefined || found.errorCode !== errors.none.code)
      throw new Error(
        `${history.groupId} cannot tell its offset of ${partition.name}: ${JSON.stringify(answer)}`,
      );
    history.found(partition.name, found.committedOffset, atLeast);
  }
}
