/** The whole table. */
import type { Scenario } from '../scenario.ts';
import { clusterScenarios } from './cluster.ts';
import { commitScenarios } from './commits.ts';
import { configScenarios } from './configs.ts';
import { describingScenarios } from './describing-configs.ts';
import { fetchScenarios } from './fetch.ts';
import { sessionScenarios } from './fetch-sessions.ts';
import { frameScenarios } from './frames.ts';
import { groupRefusalScenarios } from './group-refusals.ts';
import { groupScenarios } from './groups.ts';
import { metadataScenarios } from './metadata.ts';
import { oddValueScenarios } from './odd-values.ts';
import { offsetScenarios } from './offsets.ts';
import { produceScenarios } from './produce.ts';
import { readingCommitsScenarios } from './reading-commits.ts';
import { securityScenarios } from './security.ts';
import { staticMemberScenarios } from './static-members.ts';
import { timeOutScenarios } from './time-outs.ts';
import { topicScenarios } from './topics.ts';
import { transactionCoordinationScenarios } from './transaction-coordination.ts';
import { transactionLogScenarios } from './transaction-logs.ts';
import { transactionOffsetScenarios } from './transaction-offsets.ts';
import { transactionScenarios } from './transactions.ts';

export const scenarios: readonly Scenario[] = [
  ...clusterScenarios,
  ...topicScenarios,
  ...metadataScenarios,
  ...describingScenarios,
  ...configScenarios,
  ...oddValueScenarios,
  ...produceScenarios,
  ...fetchScenarios,
  ...sessionScenarios,
  ...offsetScenarios,
  ...groupScenarios,
  ...staticMemberScenarios,
  ...groupRefusalScenarios,
  ...timeOutScenarios,
  ...commitScenarios,
  ...readingCommitsScenarios,
  ...transactionScenarios,
  ...transactionLogScenarios,
  ...transactionOffsetScenarios,
  ...transactionCoordinationScenarios,
  ...securityScenarios,
  ...frameScenarios,
];
