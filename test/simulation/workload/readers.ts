/** Readers that want all of a partition, and compare it with what is owed. */
import { errors } from '../../../protocol/errors.ts';
import type { World } from '../world.ts';
import { collect, type Requests } from './requests.ts';
import type { Contents, Loss, PartitionHistory, Topic } from './topics.ts';

/** Everything between start and high watermark; null when the broker does not answer, or the start moves meanwhile. */
export async function readAll(
  requests: Requests,
  topic: Topic,
  history: PartitionHistory,
  loss: Loss | null = null,
): Promise<Contents | null> {
  const index = topic.partitions.indexOf(history);
  const deletedTo = history.deletedTo;
  const startOffset = await requests.offsetOf('start', topic.name, index);
  if (startOffset === null) return null;
  if (startOffset < deletedTo && loss === null)
    throw new Error(`${history.name} begins at ${startOffset}, though it was deleted up to ${deletedTo}`);
  const values = new Map<number, string>();
  for (let offset = startOffset; ; ) {
    const answer = await requests.fetch(topic.name, index, offset);
    if (answer === null) return null;
    if (answer.errorCode !== errors.none.code) {
      expectReadable(history.name, answer.errorCode, requests.world);
      return null;
    }
    if (loss === null) history.show(values);
    if (offset >= answer.highWatermark) return { startOffset, values };
    const next = collect(answer.records, offset, values);
    // After a loss: the end of a segment is gone, and there is nothing yet in the one that follows.
    if (next === offset && loss !== null) return { startOffset, values };
    if (next === offset)
      throw new Error(`${history.name} gives nothing at ${offset} of ${answer.highWatermark}`);
    offset = next;
  }
}

/** A disk that does not write is still read. */
function expectReadable(name: string, errorCode: number, { files, weather }: World): void {
  if (errorCode === errors.offsetOutOfRange.code || files.isStopped || !weather.sparesReaders) return;
  throw new Error(`${name} cannot be read: error ${errorCode}`);
}
