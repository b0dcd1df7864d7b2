/**
 * Many partitions, each with one record, on Apache Kafka and on Kompakt: making them, the first write to each, a clean stop, the next start.
 *
 *     npm run bench:many-partitions [-- --rounds 3 --partitions 2000]
 *
 * What this costs is the file system's: some five files and a directory a partition, and as many syncs at the stop. So flushes of the
 * disk are counted too, where Linux tells (/sys/block/DISK/stat, all disks together: nothing else should be writing).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { produce } from '../protocol/messages/data/produce.ts';
import { createTopics } from '../protocol/messages/topics/create-topics.ts';
import { metadata } from '../protocol/messages/topics/metadata.ts';
import { buildBatch } from '../protocol/records/batch-builder.ts';
import { kafkaLibs, kafkaVersion, startKafka } from '../test/clients/java/apache-kafka.ts';
import { quietPort } from '../test/quiet-port.ts';
import { Client } from '../tools/client.ts';
import { startKompaktProcess } from './brokers.ts';
import { type Row, ratioTable } from './table.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, partitions: { type: 'string', default: '2000' } },
});
const rounds = Number(flags.rounds);
const partitions = Number(flags.partitions);
const partitionsPerRequest = 100;

interface RunningBroker {
  readonly port: number;
  stop(): Promise<void>;
}
type Start = (directory: string) => Promise<RunningBroker>;

const startApacheKafka: Start = async (directory) => {
  const port = await quietPort();
  const kafka = await startKafka(directory, port);
  return { port, stop: () => kafka.stop() };
};
const startKompakt: Start = (directory) => startKompaktProcess(join(directory, 'data'));

/** Waits until every partition has its leader: Kafka answers CreateTopics before. */
async function create(client: Client): Promise<void> {
  const topic = { name: 't', numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] };
  await client.request(createTopics, 5, { topics: [topic], timeoutMs: 60_000, validateOnly: false });
  for (;;) {
    const asked = { topics: [{ name: 't' }], allowAutoTopicCreation: false };
    const { topics } = await client.request(metadata, 9, asked);
    const led = topics[0]!.partitions.filter(({ leaderId, errorCode }) => leaderId >= 0 && errorCode === 0);
    if (led.length === partitions) return;
  }
}

/** Asks again where the leader does not know it yet. */
async function write(client: Client): Promise<void> {
  const records = () =>
    buildBatch({
      records: [{ timestampMs: Date.now(), key: null, value: Buffer.alloc(50, 'x'), headers: [] }],
    });
  for (let from = 0; from < partitions; from += partitionsPerRequest) {
    const left = new Set<number>();
    for (let index = from; index < Math.min(from + partitionsPerRequest, partitions); index++)
      left.add(index);
    while (left.size > 0) {
      const partitionData = [...left].map((index) => ({ index, records: records() }));
      const topicData = [{ name: 't', partitionData }];
      const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 60_000, topicData });
      for (const { index, errorCode } of answer.responses[0]!.partitionResponses)
        if (errorCode === 0) left.delete(index);
    }
  }
}

async function open(directory: string, start: Start): Promise<{ broker: RunningBroker; client: Client }> {
  const broker = await start(directory);
  const client = await Client.connect('127.0.0.1', broker.port);
  await client.request(metadata, 9, { topics: [], allowAutoTopicCreation: false });
  return { broker, client };
}

/** Write cache flushes that the disks have done since they were attached; the 16th figure. */
function flushes(): number {
  let sum = 0;
  for (const disk of readdirSync('/sys/block'))
    sum += Number(readFileSync(`/sys/block/${disk}/stat`, 'utf8').trim().split(/\s+/)[15] ?? 0);
  return sum;
}

type Note = (what: string, unit: string, value: number) => void;

async function measure(start: Start, directory: string, note: Note): Promise<void> {
  const timed = async <T>(what: string, step: () => Promise<T>): Promise<T> => {
    const startedMs = performance.now();
    const result = await step();
    note(what, 'ms', performance.now() - startedMs);
    return result;
  };
  const { broker, client } = await open(directory, start);
  await timed('make the topic', () => create(client));
  await timed('first write to each partition', () => write(client));
  client.close();
  const before = flushes();
  await timed('clean stop', () => broker.stop());
  note('clean stop, flushes of the disk', '', flushes() - before);
  const again = await timed('next start, to the first Metadata', () => open(directory, start));
  again.client.close();
  await timed('clean stop with nothing to write', () => again.broker.stop());
}

kafkaLibs();
const brokers = { kafka: startApacheKafka, kompakt: startKompakt } as const;
const rows = new Map<string, { unit: string; kafka: number[]; kompakt: number[] }>();
for (let round = 0; round < rounds; round++) {
  for (const name of round % 2 === 0 ? (['kafka', 'kompakt'] as const) : (['kompakt', 'kafka'] as const)) {
    const directory = mkdtempSync(join(tmpdir(), `many-partitions-${name}-`));
    await measure(brokers[name], directory, (what, unit, value) => {
      const row = rows.get(what) ?? { unit, kafka: [], kompakt: [] };
      row[name].push(value);
      rows.set(what, row);
    });
    rmSync(directory, { recursive: true, force: true });
    console.error(`round ${round + 1} of ${rounds}: ${name} done`);
  }
}
console.log(
  `Apache Kafka ${kafkaVersion}, Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}; ` +
    `${partitions} partitions, ${rounds} rounds; median (min–max)\n`,
);
console.log(ratioTable([...rows].map(([name, row]): Row => ({ name, ...row }))));
