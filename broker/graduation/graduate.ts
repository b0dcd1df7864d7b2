/**
 * Makes a stopped directory one that an Apache Kafka starts on as if it had stopped there itself. Our files are Kafka's already; what a
 * start and a clean stop of ours do not leave is written here:
 *
 *    what a crash has left     recovered, leader epochs raised, as by any start
 *    decided transactions      ended everywhere (finish-decided.ts); open ones stay open
 *    ProducerIds               above every id in the logs: none is given out twice
 *    leader -1                 everywhere, as Kafka's controlled shutdown leaves it
 *    a snapshot                of all the metadata, with kraft.version 1 and this node as the only voter: it elects itself, whether the
 *                              next configuration names voters or bootstrap servers, and others may join it (KIP-853)
 *    the stop                  producers, indexes, checkpoints, .kafka_cleanshutdown
 */

import type { QuorumEndpoint } from '../metadata/open-cluster.ts';
import { type OfflineParts, openUnserved } from '../offline.ts';
import { startErrorOf } from '../open-directory.ts';
import { UndoList } from '../undo-list.ts';
import { finishDecided } from './finish-decided.ts';

/** Throws a StartError, with nothing left open, when somebody has the directory or it cannot be opened. */
export async function prepareForKafka(parts: OfflineParts, controller: QuorumEndpoint): Promise<void> {
  const undo = new UndoList();
  try {
    const { cluster, partitions } = await openUnserved(parts, undo);
    let greatest = -1;
    for (const { log } of partitions.all())
      for (const { producerId } of log.producers()) greatest = Math.max(greatest, producerId);
    // Taking a block records that it, and what lies below, is taken.
    if (greatest >= cluster.state.nextProducerId) await cluster.controller.allocateProducerIds();
    const { environment, configuration, logger } = parts;
    const { state, controller: metadata } = cluster;
    const { settings } = configuration;
    await finishDecided({ environment, settings, cluster: state, metadata, partitions, logger });
    await cluster.handOver(controller);
  } catch (error) {
    await undo.run().catch(() => {});
    throw startErrorOf(error);
  }
  await undo.run();
}
