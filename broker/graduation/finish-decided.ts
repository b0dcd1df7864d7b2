import { errorName, errors } from '../../protocol/errors.ts';
import { GroupCoordinator, type GroupCoordinatorOptions } from '../groups/group-coordinator.ts';
import type { MetadataController } from '../metadata/metadata-controller.ts';
import { transactionStateTopic } from '../metadata/topic-names.ts';
import { StartError } from '../start-error.ts';
import type { RefusedEnding } from '../transactions/endings.ts';
import { ProducerIds } from '../transactions/producer-ids.ts';
import { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';

/**
 * Ends the transactions whose end is decided and not yet everywhere, as our own start does: Apache Kafka 4.3.1 now and then completes one
 * that it finds so without one of its markers, and read_committed readers of that partition wait for good. Of groups only those partitions
 * are loaded that take a marker; nothing is aborted, expired or forgotten.
 *
 * What a partition refuses for good, or has no leader here for, stays decided. Throws a StartError for anything else.
 */
export async function finishDecided(
  options: GroupCoordinatorOptions & { readonly metadata: MetadataController },
): Promise<void> {
  const groups = new GroupCoordinator(options);
  const producerIds = new ProducerIds(options.metadata);
  const transactions = new TransactionCoordinator({ ...options, groups, producerIds });
  try {
    const refused = await transactions.finishDecided();
    if (typeof refused === 'number')
      throw new StartError(`${transactionStateTopic} cannot be used: ${errorName(refused)}`);
    const failed = refused.find(({ errorCode }) => !staysDecided.has(errorCode));
    if (failed !== undefined) throw new StartError(sentenceOf(failed));
  } finally {
    await transactions.close();
    await groups.close();
  }
}

/** Nothing that we could do would change it, and Kafka's coordinator finds it as its own would have left it. */
const staysDecided: ReadonlySet<number> = new Set([
  errors.invalidProducerEpoch.code,
  errors.transactionCoordinatorFenced.code,
  errors.unknownTopicOrPartition.code,
]);

function sentenceOf({ transactionalId, partition, errorCode }: RefusedEnding): string {
  return `the transaction of ${transactionalId} could not be ended in ${partition ?? transactionStateTopic}: ${errorName(errorCode)}`;
}
