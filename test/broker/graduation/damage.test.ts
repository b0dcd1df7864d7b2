/** Each file beside the records, damaged so that a start would trust it: `graduate --check` names the file and what is wrong with it. */
import { beforeAll, expect, test } from 'vitest';
import { readConfiguration } from '../../../broker/config/settings.ts';
import { lookAtDirectory } from '../../../broker/moving.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../storage/log/producer-snapshot.ts';
import type { ProducerState } from '../../../storage/log/producer-state.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { batchOf, expectAppended, World } from '../world.ts';

/** Markers bear its time, and a segment whose records are much older is rolled. */
const startMs = 1_700_000_000_000;
const clock = new VirtualClock(startMs);
const directory = '/data';
/** Two segments, 0 to 6 and from 7 on; the whole of it is drawn in `written`. */
const [sealed, last] = ['/data/t-0/00000000000000000000', '/data/t-0/00000000000000000007'];
const endSnapshot = '/data/t-0/00000000000000000011.snapshot';
const numbered = 900;
/** Producer id of each transactional id. */
const ids = new Map<string, number>();
let image: ReadonlyMap<string, Buffer>;

/**
 *     0   1   2   3   4   5   6   │ 7   8   9   10  │ 11
 *     t   a   a   A   b   a   A   │ a   A   n   n   │            a aborts, b stays open from 4 on, n is idempotent, t is anybody
 */
async function written(): Promise<Map<string, Buffer>> {
  const files = new MemoryFileSystem({ clock });
  const world = await World.open({ clock, files, settings: { 'transaction.state.log.num.partitions': 1 } });
  const partition = await world.topic('t', 1, { 'index.interval.bytes': '0' });
  const append = (fields: object) =>
    expectAppended(
      partition.append(batchOf(['v'], { ...fields, timestampMs: clock.nowMs() }), { origin: 'client' }),
    );
  const a = await TransactionClient.ready(world, 2, 'a');
  const b = await TransactionClient.ready(world, 2, 'b');
  const send = async (client: TransactionClient) => expect(await client.send('t-0', 'v')).toBe('NONE');
  const abort = async () => {
    await clock.advance(5);
    expect(await a.abort()).toBe('NONE');
  };
  append({});
  await send(a);
  await send(a);
  await abort();
  await send(b);
  await send(a);
  await abort();
  await partition.log.roll();
  await send(a);
  await abort();
  for (const baseSequence of [0, 1]) append({ producerId: numbered, producerEpoch: 0, baseSequence });
  for (const { transactionalId, producerId } of [a, b]) ids.set(transactionalId, producerId);
  await world.stop();
  files.replaceFileSync('/data/.kafka_cleanshutdown', Buffer.from('{"version":0,"brokerEpoch":3}'));
  const found = new Map<string, Buffer>();
  const walk = (path: string): void => {
    for (const name of files.listSync(path)) {
      const at = files.join(path, name);
      if (files.statSync(at)!.kind === 'directory') walk(at);
      else found.set(at, files.readFileSync(at));
    }
  };
  walk(directory);
  return found;
}

function filesOf(from: ReadonlyMap<string, Buffer>): MemoryFileSystem {
  const files = new MemoryFileSystem({ clock });
  for (const [path, bytes] of from) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    files.makeDirectorySync(directory);
    files.makeDirectorySync(parent);
    files.replaceFileSync(path, bytes);
  }
  return files;
}

function look(files: MemoryFileSystem) {
  const read = readConfiguration({ dataDirectory: directory });
  if (!read.ok) throw new Error(read.messages.join());
  const environment = { clock, files, random: new SeededRandom(1) };
  return lookAtDirectory(
    { environment, configuration: read.configuration, directory, processId: 1 },
    (found) => found,
  );
}

beforeAll(async () => {
  image = await written();
});

type Damage = (files: MemoryFileSystem) => void;

const edited =
  (path: string, edit: (bytes: Buffer) => Buffer | void): Damage =>
  (files) => {
    const bytes = Buffer.from(files.readFileSync(path));
    files.replaceFileSync(path, edit(bytes) ?? bytes);
  };

const checkpoint =
  (name: string, offset: number): Damage =>
  (files) =>
    files.replaceFileSync(`/data/${name}`, Buffer.from(`0\n1\nt 0 ${offset}\n`));

/** The producers of the snapshot at the end, changed. */
const producers = (change: (all: Map<number, ProducerState>) => void): Damage =>
  edited(endSnapshot, (bytes) => {
    const found = decodeSnapshot(bytes);
    if (typeof found === 'string') throw new Error(found);
    const all = new Map(found.map((each) => [each.producerId, each]));
    change(all);
    return encodeSnapshot(all.values());
  });

const producer = (id: () => number, change: (producer: ProducerState) => void): Damage =>
  producers((all) => change(all.get(id())!));

/** In an entry of a .timeindex, and of a .txnindex. */
const [timeBytes, abortBytes] = [12, 34];
const [abortFirstAt, abortLastAt, abortStableAt] = [10, 18, 26];

test('as it was written, nothing is wrong with it', async () => {
  expect(await look(filesOf(image))).toMatchObject({ problems: [], notes: [] });
  expect(image.get(`${sealed}.txnindex`)).toHaveLength(2 * abortBytes);
  expect(image.get(`${sealed}.timeindex`)!.length).toBeGreaterThanOrEqual(2 * timeBytes);
});

test.each<[string, Damage, RegExp]>([
  [
    'times that do not ascend',
    edited(`${sealed}.timeindex`, (bytes) => void bytes.writeBigInt64BE(1n, bytes.length - timeBytes)),
    /\/00000000000000000000\.timeindex says at byte \d+: \(1, offset \d+\) after \(\d+, offset \d+\)$/,
  ],
  [
    'offsets of times that do not ascend',
    edited(`${sealed}.timeindex`, (bytes) => void bytes.writeInt32BE(0, bytes.length - 4)),
    /\.timeindex says at byte \d+: \(\d+, offset 0\) after \(\d+, offset \d+\)$/,
  ],
  [
    'the time of a batch that is not there',
    edited(`${last}.timeindex`, (bytes) => void bytes.writeInt32BE(90, bytes.length - 4)),
    /\/00000000000000000007\.timeindex says at byte \d+: something of offset 97, where no batch is$/,
  ],
  [
    'an offset index of another segment',
    (files) => files.replaceFileSync(`${last}.index`, files.readFileSync(`${sealed}.index`)),
    /\/00000000000000000007\.index says at byte \d+ that the batch of offset \d+ is at byte \d+ of 00000000000000000007\.log, but it is not$/,
  ],
  [
    'an aborted transaction that the index lacks',
    edited(`${sealed}.txnindex`, (bytes) => bytes.subarray(0, abortBytes)),
    /\/00000000000000000000\.txnindex lacks the transaction of producer \d+ that was aborted at offset 6$/,
  ],
  [
    'a transaction index that is gone',
    (files) => files.removeFileSync(`${last}.txnindex`),
    /\/00000000000000000007\.txnindex lacks the transaction of producer \d+ that was aborted at offset 8$/,
  ],
  [
    "an aborted transaction of somebody else's",
    edited(`${sealed}.txnindex`, (bytes) => void bytes.writeBigInt64BE(4711n, 2)),
    /\.txnindex has an entry at byte 0 that cannot be one: producer 4711 has aborted nothing at offset 3$/,
  ],
  [
    'aborted transactions in the wrong order',
    edited(`${sealed}.txnindex`, (bytes) =>
      Buffer.concat([bytes.subarray(abortBytes), bytes.subarray(0, abortBytes)]),
    ),
    /\.txnindex has an entry at byte 34 that cannot be one: /,
  ],
  [
    'an aborted transaction that ends before it begins',
    edited(`${sealed}.txnindex`, (bytes) => void bytes.writeBigInt64BE(7n, abortBytes + abortFirstAt)),
    /\.txnindex has an entry at byte 34 that cannot be one: /,
  ],
  [
    'an entry of another version',
    edited(`${sealed}.txnindex`, (bytes) => void bytes.writeInt16BE(1, 0)),
    /\.txnindex has an entry at byte 0 that cannot be one: /,
  ],
  [
    'a marker that is at another offset',
    edited(`${sealed}.txnindex`, (bytes) => void bytes.writeBigInt64BE(5n, abortBytes + abortLastAt)),
    /\.txnindex has an entry at byte 34 that cannot be one: producer \d+ has aborted nothing at offset 5$/,
  ],
  [
    'an aborted transaction that begins too late: its first records would count',
    edited(`${sealed}.txnindex`, (bytes) => void bytes.writeBigInt64BE(2n, abortFirstAt)),
    /\.txnindex says at byte 0 that the transaction of producer \d+ that was aborted at offset 3 begins at 2, but it does at 1$/,
  ],
  [
    'an aborted transaction that begins too early: in one that was ended before',
    edited(`${sealed}.txnindex`, (bytes) => void bytes.writeBigInt64BE(2n, abortBytes + abortFirstAt)),
    /\.txnindex says at byte 34 that the transaction of producer \d+ that was aborted at offset 6 begins at 2, but the one before ended at 3$/,
  ],
  [
    'a stable offset behind which something is open: readers would stop too early',
    edited(`${sealed}.txnindex`, (bytes) => void bytes.writeBigInt64BE(7n, abortBytes + abortStableAt)),
    /\.txnindex says at byte 34 that all below offset 7 was decided, but it was only below 4$/,
  ],
  [
    'a producer that has not ended what it did',
    producer(
      () => ids.get('a')!,
      (a) => void (a.transactionFirstOffset = 7),
    ),
    /\/00000000000000000011\.snapshot says of producer \d+ that its open transaction begins at 7, but it does at -1$/,
  ],
  [
    'an open transaction that is forgotten',
    producer(
      () => ids.get('b')!,
      (b) => void (b.transactionFirstOffset = -1),
    ),
    /\.snapshot says of producer \d+ that its open transaction begins at -1, but it does at 4$/,
  ],
  [
    'the producer of an open transaction that is forgotten',
    producers((all) => void all.delete(ids.get('b')!)),
    /\.snapshot lacks producer \d+, whose transaction is open from offset 4 on$/,
  ],
  [
    'an epoch that has passed',
    producer(
      () => ids.get('b')!,
      (b) => b.setEpoch(b.epoch - 1),
    ),
    /\.snapshot says of producer \d+ that its epoch is -?\d+, but it has written in \d+$/,
  ],
  [
    'a producer that has written more',
    producer(
      () => numbered,
      (n) => void n.batches.splice(0, 1, { ...n.batches[0]!, lastOffset: 9 }),
    ),
    /\.snapshot says of producer 900 that its last offset is 9, but it has written 10$/,
  ],
  [
    'another sequence',
    producer(
      () => numbered,
      (n) => void n.batches.splice(0, 1, { ...n.batches[0]!, lastSequence: 5 }),
    ),
    /\.snapshot says of producer 900 that its last sequence is 5, but it is 1$/,
  ],
  [
    'a last batch of another length: a repetition would not be known',
    producer(
      () => numbered,
      (n) => void n.batches.splice(0, 1, { ...n.batches[0]!, offsetDelta: 1 }),
    ),
    /\.snapshot says of producer 900 that its last batch begins 1 before its end, but it does 0$/,
  ],
  [
    'a coordinator that has been replaced',
    producer(
      () => ids.get('a')!,
      (a) => void (a.coordinatorEpoch = -1),
    ),
    /\.snapshot says of producer \d+ that its coordinator's epoch is -1, but it is 0$/,
  ],
  [
    'a snapshot between two segments that is ahead',
    (files) =>
      files.replaceFileSync('/data/t-0/00000000000000000007.snapshot', files.readFileSync(endSnapshot)),
    /\/00000000000000000007\.snapshot says of producer \d+ that it has written offset \d+$/,
  ],
  [
    'a high watermark beyond the end',
    checkpoint('replication-offset-checkpoint', 12),
    /^\/data\/t-0 ends at offset 11, but replication-offset-checkpoint knows of its records up to 12$/,
  ],
  [
    'a damaged file of high watermarks',
    (files) => files.replaceFileSync('/data/replication-offset-checkpoint', Buffer.from('0\n2\nt 0 1\n')),
    /^\/data\/replication-offset-checkpoint is damaged/,
  ],
  [
    'leader epochs that cannot be read',
    (files) => files.replaceFileSync('/data/t-0/leader-epoch-checkpoint', Buffer.from('0\n1\nx\n')),
    /\/data\/t-0\/leader-epoch-checkpoint is damaged$/,
  ],
  [
    'no partition.metadata',
    (files) => files.removeFileSync('/data/t-0/partition.metadata'),
    /\/data\/t-0\/partition\.metadata is missing$/,
  ],
  [
    'a damaged partition.metadata',
    (files) => files.replaceFileSync('/data/t-0/partition.metadata', Buffer.from('version: 0\n')),
    /\/data\/t-0\/partition\.metadata is damaged$/,
  ],
  [
    'a batch of a later segment in an earlier one',
    (files) =>
      files.replaceFileSync(
        `${sealed}.log`,
        Buffer.concat([files.readFileSync(`${sealed}.log`), files.readFileSync(`${last}.log`)]),
      ),
    /\/00000000000000000000\.log is damaged at byte \d+: offset 7 belongs into the segment of 7$/,
  ],
  [
    'half a batch at the end',
    edited(`${last}.log`, (bytes) => bytes.subarray(0, bytes.length - 5)),
    /\/00000000000000000007\.log is damaged at byte \d+: /,
  ],
])('%s', async (_what, damage, problem) => {
  const files = filesOf(image);
  damage(files);
  const before = new Map(
    [...image.keys()].filter((path) => files.statSync(path)).map((path) => [path, files.readFileSync(path)]),
  );
  const { problems } = await look(files);
  expect(problems).toContainEqual(expect.stringMatching(problem));
  for (const [path, bytes] of before) expect(files.readFileSync(path)).toEqual(bytes);
});

test.each([
  ['a high watermark before the end', checkpoint('replication-offset-checkpoint', 3)],
  ['a recovery point before the end', checkpoint('recovery-point-offset-checkpoint', 3)],
])('%s is no fault: the only replica decides', async (_what, change) => {
  const files = filesOf(image);
  change(files);
  expect(await look(files)).toMatchObject({ problems: [], notes: [] });
});

test.each<[string, Damage, RegExp]>([
  [
    'a log start behind the end',
    checkpoint('log-start-offset-checkpoint', 12),
    /^\/data\/t-0 ends at offset 11, before its log start 12: the next start empties it$/,
  ],
  [
    'a cleaned part that is longer than the log',
    checkpoint('cleaner-offset-checkpoint', 12),
    /^\/data\/t-0 ends at offset 11, before 12, up to where it was compacted: that begins anew$/,
  ],
])('%s is told as what the next start makes of it', async (_what, change, note) => {
  const files = filesOf(image);
  change(files);
  expect(await look(files)).toMatchObject({ problems: [], notes: [expect.stringMatching(note)] });
});
