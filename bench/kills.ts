/**
 * Transactions through many kills (-9) of the broker: not how fast, but whether. Ends with an error at the first transaction that is
 * there in part, or is there and should not be.
 *
 *     npm run bench:kills [-- --kills 200 --seed 1 --durability page-cache]
 *
 * A directory is killed 50 times, then a fresh one begins with the next seed: a look reads all there is. Needs Node alone; for every night.
 */
import { parseArgs } from 'node:util';
import { type Kills, killAgainAndAgain } from '../test/clients/killed/kills.ts';

const killsPerDirectory = 50;

const { values: flags } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    durability: { type: 'string', default: 'page-cache' },
  },
});
const durability = flags.durability as Kills['durability'];
let left = Number(flags.kills);
if (!['page-cache', 'fsync'].includes(durability) || !(left > 0))
  throw new Error('--durability page-cache or fsync, --kills at least 1');

console.log(
  '| durability | seed | kills | committed | aborted | without an answer | slowest start to all read, ms |',
);
console.log('|---|---|---|---|---|---|---|');
for (let seed = Number(flags.seed); left > 0; seed++) {
  const times = Math.min(left, killsPerDirectory);
  const { committed, aborted, unknown, slowestCheckMs } = await killAgainAndAgain({
    durability,
    times,
    seed,
  });
  const cells = [durability, seed, times, committed, aborted, unknown, Math.ceil(slowestCheckMs)];
  console.log(`| ${cells.join(' | ')} |`);
  left -= times;
}
