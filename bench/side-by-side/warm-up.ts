/** What a broker has done before anything counts: for so long, and 2 GB of it in half a minute, at least; not counted. */
import { batchBytes, fetchRows, produceTo } from './rows-data.ts';
import { Stage } from './stage.ts';

export async function warmUp({ broker, folder }: Stage, warmMs: number): Promise<void> {
  const quiet = new Stage(broker, folder, { attempts: 1 });
  const startMs = performance.now();
  const leastBytes = 2e9 * (warmMs / 30_000);
  for (let bytes = 0; bytes < leastBytes || performance.now() - startMs < warmMs; bytes += 210e6) {
    const large = await produceTo(quiet, { partitions: 1, recordBytes: 1024, batchBytes }, 200e6);
    await quiet.drop(large.topic);
    const small = { partitions: 1, recordBytes: 1024, batchBytes: 1024 };
    const { topic } = await produceTo(quiet, small, 10e6, { inFlight: 64 });
    await quiet.drop(topic);
  }
  if (warmMs > 0) await fetchRows(quiet, 100e6);
  quiet.close();
}
