/**
 * The broker as a process, killed (-9) again and again while many producers are in their transactions; after each start a
 * read_committed consumer counts: each committed transaction is there whole, and nothing else.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { SeededRandom } from '../../simulation/random.ts';
import { TransactionWorkload } from '../../simulation/transactions.ts';
import { freshDirectory, runNode } from '../../tools/program.ts';
import { Requests } from './requests.ts';

/** Producers at the same time: each workload has three ids, of which one is in a transaction. */
const workloadCount = 6;

export interface Kills {
  readonly durability: 'page-cache' | 'fsync';
  readonly times: number;
  /** Decides what the producers do, and how long each life is. */
  readonly seed: number;
}

/** What was looked at, over all lives. */
export interface Survived {
  readonly committed: number;
  readonly aborted: number;
  /** Their commit had no answer: they are whole, or not there. */
  readonly unknown: number;
  /** From a start of the broker until all is read. */
  readonly slowestCheckMs: number;
}

/** `kompakt serve` on a port of its own choice, and its end. */
async function serve(dataDir: string, durability: string) {
  const program = runNode([
    ...['dist/kompakt.js', 'serve', '--host', '127.0.0.1', '--port', '0', '--data-dir', dataDir, '--no-http'],
    ...['--set', `kompakt.durability=${durability}`, '--set', 'transaction.state.log.num.partitions=4'],
    ...['--set', 'offsets.topic.num.partitions=4'],
  ]);
  const line = await program.firstLine;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    program.signal(signal);
    await program.ended;
  };
  return { port: Number(/:(\d+),/.exec(line)![1]), end };
}

/** Throws with what is wrong as soon as a look finds it. */
export async function killAgainAndAgain({ durability, times, seed }: Kills): Promise<Survived> {
  const directory = freshDirectory();
  const random = new SeededRandom(seed);
  let port = 0;
  const world = {
    random,
    clock: { advance: (byMs: number) => pause(byMs) },
    connect: () => new Requests(port),
  };
  const workloads = Array.from(
    { length: workloadCount },
    (_, n) => new TransactionWorkload(world, `ledger-${n}`),
  );
  let slowestCheckMs = 0;
  const startAndCheck = async () => {
    const broker = await serve(directory.path, durability);
    port = broker.port;
    const startedMs = performance.now();
    await Promise.all(workloads.map((workload) => workload.check()));
    slowestCheckMs = Math.max(slowestCheckMs, performance.now() - startedMs);
    return broker;
  };
  for (let n = 0; n < times; n++) {
    const broker = await startAndCheck();
    let isOver = false;
    const working = workloads.map(async (workload) => {
      while (!isOver) await workload.step();
    });
    await pause(100 + random.below(400));
    await broker.end('SIGKILL');
    isOver = true;
    for (const workload of workloads) workload.disconnect();
    await Promise.all(working);
  }
  const last = await startAndCheck();
  for (const workload of workloads) workload.disconnect();
  await last.end('SIGTERM');
  directory.remove();
  const sum = (key: 'committed' | 'aborted' | 'unknown') =>
    workloads.reduce((total, { seen }) => total + seen[key], 0);
  return { committed: sum('committed'), aborted: sum('aborted'), unknown: sum('unknown'), slowestCheckMs };
}
