/** What a cluster's metadata should be, as plain maps, and random requests against both. */
import { configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import type { SeededRandom } from '../../simulation/random.ts';
import { type ClusterUnderTest, newTopic } from './cluster-fixture.ts';

interface ModelTopic {
  id: string;
  epochs: number[];
  configs: Map<string, string>;
}

export class ClusterModel {
  topics = new Map<string, ModelTopic>();
  brokerConfigs = new Map<string, string>();
  nextProducerId = 0;

  copy(): ClusterModel {
    const copy = new ClusterModel();
    for (const [name, { id, epochs, configs }] of this.topics)
      copy.topics.set(name, { id, epochs: [...epochs], configs: new Map(configs) });
    copy.brokerConfigs = new Map(this.brokerConfigs);
    copy.nextProducerId = this.nextProducerId;
    return copy;
  }

  /** In the form of `stateOf`. */
  state() {
    return {
      topics: [...this.topics]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { id, epochs, configs }]) => ({ name, id, epochs, configs: [...configs].sort() })),
      brokerConfigs: [...this.brokerConfigs].sort(),
      nextProducerId: this.nextProducerId,
    };
  }
}

/** What the cluster says it is; topic ids are the model's business only once they are known. */
export function stateOf({ state }: Pick<ClusterUnderTest, 'state'>): ReturnType<ClusterModel['state']> {
  return {
    topics: [...state.topics()].map(({ name, id, partitions }) => ({
      name,
      id,
      epochs: partitions.map(({ leaderEpoch }) => leaderEpoch),
      configs: [...state.configs(configResourceTypes.topic, name)].sort(),
    })),
    brokerConfigs: [...state.configs(configResourceTypes.broker, '')].sort(),
    nextProducerId: state.nextProducerId,
  };
}

/**
 * Sends one random request. `apply` is what it does to the model if it is answered well; a topic's id is drawn by the
 * cluster, so a created topic has `?` until the answer tells it.
 */
export interface RandomRequest {
  readonly what: string;
  /** True when it was answered without an error. */
  send(cluster: ClusterUnderTest): Promise<boolean>;
  apply(model: ClusterModel): void;
}

const names = ['a', 'b', 'orders', 'Orders', 'x.y', 'x_y', 'bad name', ''];

export function randomRequest(random: SeededRandom, model: ClusterModel): RandomRequest {
  const name = random.pick(names);
  const topic = model.topics.get(name);
  const kind = random.below(6);
  if (kind === 0) return creation(random, name);
  if (kind === 1 && topic !== undefined) return deletion(name, random.chance(0.5) ? topic.id : null);
  if (kind === 2 && topic !== undefined) return growth(name, topic.epochs.length + 1 + random.below(3));
  if (kind === 3) return topicConfig(random, name);
  if (kind === 4 && topic !== undefined) return newEpoch(name, random.below(topic.epochs.length));
  if (kind === 5) return random.chance(0.5) ? producerIds() : brokerConfig(random);
  return creation(random, name);
}

function creation(random: SeededRandom, name: string): RandomRequest {
  const numPartitions = 1 + random.below(4);
  const configs = random.chance(0.4) ? [{ name: 'retention.ms', value: `${random.below(1000)}` }] : [];
  let id = '?';
  return {
    what: `create ${name} with ${numPartitions}`,
    async send({ controller }) {
      const [result] = await controller.createTopics([newTopic(name, { numPartitions, configs })], {
        validateOnly: false,
      });
      if (result!.errorCode === 0) id = result!.topicId;
      return result!.errorCode === 0;
    },
    apply(model) {
      const texts = configs.map((config) => [config.name, config.value] as const);
      model.topics.set(name, { id, epochs: Array(numPartitions).fill(0), configs: new Map(texts) });
    },
  };
}

function deletion(name: string, id: string | null): RandomRequest {
  return {
    what: `delete ${name}${id === null ? '' : ' by id'}`,
    async send({ controller }) {
      const topic = id === null ? { name, id: zeroUuid } : { name: null, id };
      const [result] = await controller.deleteTopics([topic]);
      return result!.errorCode === 0;
    },
    apply: (model) => void model.topics.delete(name),
  };
}

function growth(name: string, count: number): RandomRequest {
  return {
    what: `grow ${name} to ${count}`,
    async send({ controller }) {
      const request = { name, count, assignments: null };
      const [result] = await controller.createPartitions([request], { validateOnly: false });
      return result!.errorCode === 0;
    },
    apply(model) {
      const { epochs } = model.topics.get(name)!;
      while (epochs.length < count) epochs.push(0);
    },
  };
}

function topicConfig(random: SeededRandom, name: string): RandomRequest {
  const key = random.pick(['retention.ms', 'segment.ms']);
  const value = random.chance(0.6) ? `${1 + random.below(50)}` : null;
  return {
    what: `set ${key} of ${name} to ${value}`,
    async send({ controller }) {
      const config = { name: key, value, operation: value === null ? 1 : 0 };
      const alteration = { type: configResourceTypes.topic, name, configs: [config] };
      const [result] = await controller.incrementalAlterConfigs([alteration], false);
      return result!.errorCode === 0;
    },
    apply(model) {
      const { configs } = model.topics.get(name)!;
      if (value === null) configs.delete(key);
      else configs.set(key, value);
    },
  };
}

function brokerConfig(random: SeededRandom): RandomRequest {
  const value = `${1000 + random.below(50)}`;
  return {
    what: `set message.max.bytes to ${value}`,
    async send({ controller }) {
      const configs = [{ name: 'message.max.bytes', value }];
      const replacement = { type: configResourceTypes.broker, name: '', configs };
      const [result] = await controller.alterConfigs([replacement], false);
      return result!.errorCode === 0;
    },
    apply: (model) => void model.brokerConfigs.set('message.max.bytes', value),
  };
}

function newEpoch(topic: string, partition: number): RandomRequest {
  return {
    what: `new leader epoch of ${topic}-${partition}`,
    send: ({ controller }) =>
      controller.bumpLeaderEpochs([{ topic, partition }]).then(
        () => true,
        () => false,
      ),
    apply(model) {
      const { epochs } = model.topics.get(topic)!;
      epochs[partition]! += 1;
    },
  };
}

function producerIds(): RandomRequest {
  return {
    what: 'a block of producer ids',
    send: ({ controller }) =>
      controller.allocateProducerIds().then(
        () => true,
        () => false,
      ),
    apply: (model) => void (model.nextProducerId += 1000),
  };
}
