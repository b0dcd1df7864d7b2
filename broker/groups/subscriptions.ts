import {
  blobReader,
  consumerProtocolSubscription,
} from '../../protocol/messages/client/consumer-protocol.ts';
import { recordDecoder } from '../../protocol/schema/compile.ts';
import { BrokenFrame } from '../../protocol/wire/reader.ts';
import type { ClassicGroup } from './classic-group.ts';

const none: ReadonlySet<string> = new Set();

/**
 * The topics that a consumer group's members subscribe to, read from what they give their leader (consumer protocol, at version 0
 * whatever newer fields follow). Null when the group is none of consumers, or a member's bytes are not to be read.
 */
export function subscribedTopicsOf(group: ClassicGroup): ReadonlySet<string> | null {
  if (!group.isConsumerProtocol) return null;
  if (group.members.size === 0) return none;
  if (group.protocolName === null) return null;
  const topics = new Set<string>();
  for (const member of group.members.values()) {
    try {
      const reader = blobReader(member.metadataFor(group.protocolName));
      reader.int16();
      for (const topic of recordDecoder(consumerProtocolSubscription, 0)(reader).topics) topics.add(topic);
    } catch (error) {
      if (error instanceof BrokenFrame) return null;
      throw error;
    }
  }
  return topics;
}
