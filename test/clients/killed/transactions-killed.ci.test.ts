/**
 * The broker as a process, killed (-9) again and again while many producers are in their transactions; after each start a
 * read_committed consumer counts. `KOMPAKT_KILLS=200` kills as often, `KOMPAKT_FIRST_SEED` at other moments.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../simulation/random.ts';
import { TransactionWorkload } from '../../simulation/transactions.ts';
import { freshDirectory, runNode } from '../../tools/program.ts';
import { Requests } from './requests.ts';

const kills = Number(process.env.KOMPAKT_KILLS ?? 12);
const seed = Number(process.env.KOMPAKT_FIRST_SEED ?? 1);
/** Producers at the same time: each workload has three ids, of which one is in a transaction. */
const workloadCount = 6;

/** `kompakt serve` on a port of its own choice, and its end. */
async function serve(dataDir: string, durability: string) {
  const program = runNode([
    ...['dist/kompakt.js', 'serve', '--host', '127.0.0.1', '--port', '0', '--data-dir', dataDir],
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

test.each([
  ['page-cache', kills],
  ['fsync', Math.ceil(kills / 4)],
])('transactions are whole or not there after each kill (%s, %i times)', async (durability, times) => {
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
  for (let n = 0; n < times; n++) {
    const broker = await serve(directory.path, durability);
    port = broker.port;
    const startedMs = performance.now();
    await Promise.all(workloads.map((workload) => workload.check()));
    slowestCheckMs = Math.max(slowestCheckMs, performance.now() - startedMs);
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
  const last = await serve(directory.path, durability);
  port = last.port;
  for (const workload of workloads) await workload.check();
  for (const workload of workloads) workload.disconnect();
  await last.end('SIGTERM');
  directory.remove();
  const seen = { committed: 0, aborted: 0, unknown: 0 };
  for (const { seen: each } of workloads)
    for (const key of ['committed', 'aborted', 'unknown'] as const) seen[key] += each[key];
  process.stderr.write(
    `${durability}: ${times} kills, ${JSON.stringify(seen)}, slowest check ${slowestCheckMs | 0} ms\n`,
  );
  expect(Math.min(seen.committed, seen.aborted)).toBeGreaterThan(times);
});
