/**
 * Transactions on Apache Kafka and on Kompakt in one run, one broker at a time, in turns.
 *
 *     npm run bench:transactions [-- --rounds 3 --seconds 5]
 *
 * One producer of the newest protocol (KIP-890: partitions are added with the records, each end brings an epoch), one transaction after
 * the other: a batch to each of two partitions at once, then EndTxn. Commit latency is from EndTxn to its answer; what comes after it, the
 * markers, shows in the rate, because the next transaction waits for them. Needs Linux, a JDK and, the first time, Maven.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { produce } from '../protocol/messages/data/produce.ts';
import { findCoordinator } from '../protocol/messages/groups/find-coordinator.ts';
import { createTopics } from '../protocol/messages/topics/create-topics.ts';
import { endTxn } from '../protocol/messages/transactions/end-txn.ts';
import { initProducerId } from '../protocol/messages/transactions/init-producer-id.ts';
import { buildBatch } from '../protocol/records/batch-builder.ts';
import { kafkaVersion, startKafka } from '../test/clients/java/apache-kafka.ts';
import { quietPort } from '../test/quiet-port.ts';
import { Client } from '../tools/client.ts';
import { startKompaktProcess } from './brokers.ts';
import { type Row, ratioTable } from './table.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '5' } },
});
const rounds = Number(flags.rounds);
const measuredMs = Number(flags.seconds) * 1_000;
const recordCounts = [1, 10, 100];
const partitions = [0, 1];
/** Of coordinators, and of a topic that was made just now. */
const retriable = new Set([3, 6, 14, 15, 16, 19, 51]);

/** Asks again while the answer is "not now". */
async function patiently<Answer extends { readonly errorCode: number }>(
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer.errorCode === 0) return answer;
    if (!retriable.has(answer.errorCode)) throw new Error(`error ${answer.errorCode}`);
    await pause(1);
  }
}

class TransactionalLoad {
  readonly #client: Client;
  readonly #transactionalId: string;
  readonly #topic: string;
  readonly #recordCount: number;
  #producerId = -1;
  #producerEpoch = -1;

  constructor(client: Client, name: string, recordCount: number) {
    this.#client = client;
    this.#transactionalId = name;
    this.#topic = name;
    this.#recordCount = recordCount;
  }

  async begin(): Promise<void> {
    const transactionalId = this.#transactionalId;
    const topic = {
      name: this.#topic,
      numPartitions: partitions.length,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    };
    await this.#client.request(createTopics, 5, { topics: [topic], validateOnly: false });
    await patiently(() => this.#client.request(findCoordinator, 3, { key: transactionalId, keyType: 1 }));
    const answer = await patiently(() =>
      this.#client.request(initProducerId, 4, { transactionalId, transactionTimeoutMs: 60_000 }),
    );
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
  }

  /** One transaction; how long its commit took. */
  async run(): Promise<number> {
    await patiently(() => this.#send());
    const startMs = performance.now();
    const ended = await patiently(() =>
      this.#client.request(endTxn, 5, {
        transactionalId: this.#transactionalId,
        producerId: this.#producerId,
        producerEpoch: this.#producerEpoch,
        committed: true,
      }),
    );
    this.#producerId = ended.producerId;
    this.#producerEpoch = ended.producerEpoch;
    return performance.now() - startMs;
  }

  async #send(): Promise<{ errorCode: number }> {
    const value = Buffer.alloc(100, 'v');
    const records = Array.from({ length: Math.max(1, this.#recordCount / partitions.length) }, () => ({
      timestampMs: Date.now(),
      key: null,
      value,
    }));
    const used = this.#recordCount === 1 ? partitions.slice(0, 1) : partitions;
    const answer = await this.#client.request(produce, 12, {
      transactionalId: this.#transactionalId,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [
        {
          name: this.#topic,
          partitionData: used.map((index) => ({
            index,
            records: buildBatch({
              producerId: this.#producerId,
              producerEpoch: this.#producerEpoch,
              baseSequence: 0,
              isTransactional: true,
              records,
            }),
          })),
        },
      ],
    });
    const failed = answer.responses[0]!.partitionResponses.find(({ errorCode }) => errorCode !== 0);
    return failed ?? { errorCode: 0 };
  }
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

type Figures = Map<string, { unit: string; value: number }>;

async function measure(port: number): Promise<Figures> {
  const figures: Figures = new Map();
  const client = await Client.connect('127.0.0.1', port);
  const warm = new TransactionalLoad(client, 'warm', 10);
  await warm.begin();
  for (const endMs = performance.now() + measuredMs; performance.now() < endMs; ) await warm.run();
  for (const recordCount of recordCounts) {
    const load = new TransactionalLoad(client, `tx${recordCount}`, recordCount);
    await load.begin();
    const commits: number[] = [];
    const startMs = performance.now();
    while (performance.now() - startMs < measuredMs) commits.push(await load.run());
    const seconds = (performance.now() - startMs) / 1_000;
    commits.sort((a, b) => a - b);
    const name = `transactions of ${recordCount} ${recordCount === 1 ? 'record' : 'records'}`;
    figures.set(name, { unit: '1/s', value: commits.length / seconds });
    figures.set(`${name}, commit p50`, { unit: 'ms', value: quantile(commits, 0.5) });
    figures.set(`${name}, commit p99`, { unit: 'ms', value: quantile(commits, 0.99) });
  }
  client.close();
  return figures;
}

const start = {
  async kafka(directory: string) {
    const port = await quietPort();
    const broker = await startKafka(directory, port);
    return { port, stop: () => broker.stop() };
  },
  kompakt: (directory: string) => startKompaktProcess(join(directory, 'data')),
} as const;

const rows = new Map<string, { unit: string; kafka: number[]; kompakt: number[] }>();
for (let round = 0; round < rounds; round++) {
  for (const name of round % 2 === 0 ? (['kafka', 'kompakt'] as const) : (['kompakt', 'kafka'] as const)) {
    const directory = mkdtempSync(join(tmpdir(), `transactions-${name}-`));
    const broker = await start[name](directory);
    for (const [what, { unit, value }] of await measure(broker.port)) {
      const row = rows.get(what) ?? { unit, kafka: [], kompakt: [] };
      row[name].push(value);
      rows.set(what, row);
    }
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
    console.error(`round ${round + 1} of ${rounds}: ${name} done`);
  }
}
const about = `Apache Kafka ${kafkaVersion}, Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}`;
console.log(`${about}; ${rounds} rounds, ${flags.seconds} s each; median (min–max)\n`);
console.log(ratioTable([...rows].map(([name, row]): Row => ({ name, ...row }))));
