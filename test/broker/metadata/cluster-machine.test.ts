import { ConfigRules } from '../../../broker/config/rules.ts';
import { readConfiguration } from '../../../broker/config/settings.ts';
import type { EntryCodec } from '../../../broker/journal/state-machine.ts';
import { ClusterMachine } from '../../../broker/metadata/cluster-machine.ts';
import { configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import type { DecideContext } from '../../../broker/metadata/decide.ts';
import { decideIncrementalAlterConfigs } from '../../../broker/metadata/decide-configs.ts';
import { decideCreateTopics } from '../../../broker/metadata/decide-create-topics.ts';
import { decideUpdateFeatures } from '../../../broker/metadata/decide-features.ts';
import { decideCreatePartitions, decideDeleteTopics } from '../../../broker/metadata/decide-topics.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { randomUuid } from '../../../protocol/uuid.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { stateMachineSuite } from '../../suites/state-machine.ts';
import { newTopic, snapshotOf } from './cluster-fixture.ts';

/** Entries are records as they lie in the log. */
const codec: EntryCodec<Buffer> = {
  encode: (value) => ({ key: null, value }),
  decode: (_key, value) => value,
};

stateMachineSuite(
  'cluster metadata',
  () => {
    const state = new ClusterMachine(1);
    const read = readConfiguration();
    if (!read.ok) throw new Error(read.messages.join());
    const ids = new SeededRandom(4);
    const context: DecideContext = {
      state,
      settings: read.configuration.settings,
      rules: new ConfigRules(read.configuration),
      isCaseInsensitive: false,
      newTopicId: () => randomUuid((count) => ids.bytes(count)),
    };
    return {
      machine: state,
      codec,
      state: () => snapshotOf(state),
      decide: (random) => decide(context, random),
    };
  },
  { isCompacted: false },
);

function decide(context: DecideContext, random: SeededRandom) {
  const name = random.pick(['a', 'b', 'c.d', 'c_d']);
  const count = 1 + random.below(9);
  switch (random.below(5)) {
    case 0:
      return decideDeleteTopics(context, [{ name, id: zeroUuid }]);
    case 1:
      return decideCreatePartitions(context, [{ name, count, assignments: null }], { validateOnly: false });
    case 2: {
      const configs = [{ name: 'retention.ms', operation: random.below(2), value: `${count}` }];
      return decideIncrementalAlterConfigs(
        context,
        [{ type: configResourceTypes.topic, name, configs }],
        false,
      );
    }
    case 3: {
      const update = { name: 'metadata.version', level: 30 + random.below(4), upgradeType: 1 };
      return decideUpdateFeatures(context.state, [update], false);
    }
    default:
      return decideCreateTopics(context, [newTopic(name, { numPartitions: count })], { validateOnly: false });
  }
}
