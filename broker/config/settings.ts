export { type BrokerSettings, defaultBrokerSettings } from './broker-keys.ts';
export { topicDefaults } from './topic-defaults.ts';
