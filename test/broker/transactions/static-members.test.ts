/** Offsets that static members commit in a transaction (KIP-447, KIP-345); beside Apache Kafka: test/clients/differential. */
import { expect, test } from 'vitest';
import { offsetFetchHandler } from '../../../broker/apis/groups/offset-fetch.ts';
import { consumerOffsetsTopic } from '../../../broker/metadata/topic-names.ts';
import { GroupClient } from '../groups/group-client.ts';
import { World } from '../world.ts';
import { type ClientVersion, TransactionClient } from './transaction-client.ts';

test.each<ClientVersion>([0, 2])(
  'whoever came back under the name commits, who had it before does not (transaction version %i)',
  async (version) => {
    const world = await World.open();
    await world.topic('t', 2);
    await world.cluster.controller.ensureInternalTopic(consumerOffsetsTopic);
    const client = await TransactionClient.ready(world, version);
    const comes = async (): Promise<GroupClient> => {
      const member = new GroupClient(world, { groupId: 'g', instanceId: 'one' });
      const joined = await member.joining();
      await world.clock.advance(5_000);
      expect(joined.answer?.errorCode).toBe(0);
      await member.sync({ [member.memberId]: 'a' }).promise;
      return member;
    };
    const commitAs = ({ memberId, generationId }: GroupClient, offset: number, groupInstanceId = 'one') =>
      client.commitOffset('g', offset, {
        memberId,
        generationIdOrMemberEpoch: generationId,
        groupInstanceId,
      });
    const first = await comes();
    expect(await commitAs(first, 1)).toBe('NONE');
    expect(await commitAs(first, 2, 'another')).toBe('UNKNOWN_MEMBER_ID');
    const second = await comes();
    expect(second.memberId).not.toBe(first.memberId);
    expect(await commitAs(first, 3)).toBe('FENCED_INSTANCE_ID');
    expect(await commitAs(second, 4)).toBe('NONE');
    expect(await client.commit()).toBe('NONE');
    const asked = { groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] };
    const answer = await world.ask(offsetFetchHandler, 9, { groups: [asked], requireStable: true });
    expect(answer!.groups[0]!.topics[0]!.partitions[0]!.committedOffset).toBe(4);
    await world.stop();
  },
);
