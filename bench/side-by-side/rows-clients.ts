/** Clients that people use: each in a process of its own, whose share of a core says whether it or the broker is the limit. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runScript } from '../brokers.ts';
import { produceTo } from './rows-data.ts';
import { appendToAll, type ClientFigures, type Measured, type Stage } from './stage.ts';

interface Result extends ClientFigures {
  readonly count: number;
  readonly p50Ms: number;
}

const nodeClients = ['kafkajs', 'platformatic'] as const;
const python = fileURLToPath(new URL('librdkafka.py', import.meta.url));

export const hasLibrdkafka = (): boolean =>
  spawnSync('python3', ['-c', 'import confluent_kafka']).status === 0;

export async function clientRows(stage: Stage, messages: number): Promise<void> {
  const consumed = messages * 30;
  const load = { partitions: 1, recordBytes: 1024, batchBytes: 64 * 1024 };
  const { topic: full } = await produceTo(stage, load, consumed * 1024);
  // Of one record: what a client does with the rest of a large first fetch is not part of the wait for its first message.
  const one = await stage.topic(1);
  await stage.withClient((client) => appendToAll(client, [one]));
  for (const client of nodeClients) {
    for (const lanes of ['sequential', '64'] as const) {
      const count = lanes === '64' ? messages * 2 : messages;
      const measured = await inTopic(stage, (topic) =>
        nodeClient(stage, `${client}-${lanes}`, { topic, messages: count }),
      );
      const row = `${client}, a message a send, ${lanes === '64' ? '64 in flight' : 'one after the other'}`;
      noteRate(stage, row, measured);
    }
    const read = await stage.measure(() =>
      nodeClient(stage, `${client}-consume`, { topic: full, messages: consumed }),
    );
    noteRate(stage, `${client} consumer`, read);
    const joined = await stage.measure(() =>
      nodeClient(stage, `${client}-join`, { topic: one, messages: 1 }),
    );
    stage.note(
      `${client}, from connect to the first message of a new group`,
      'ms',
      joined.result.p50Ms,
      'less',
      joined,
    );
  }
  if (hasLibrdkafka()) {
    const written = await inTopic(stage, (topic) => librdkafka(stage, 'produce', topic, consumed));
    noteRate(stage, 'librdkafka producer, linger 5 ms', written);
    noteRate(
      stage,
      'librdkafka consumer',
      await stage.measure(() => librdkafka(stage, 'consume', full, consumed)),
    );
  }
  await stage.drop(full, one);
}

function noteRate(stage: Stage, row: string, measured: Measured<Result>): void {
  const { count, seconds } = measured.result;
  stage.note(row, 'messages/s', count / seconds, 'more', measured);
  stage.note(`${row}, broker CPU`, 'µs/message', (measured.cpuSeconds * 1e6) / count, 'less', measured);
}

async function inTopic(stage: Stage, load: (topic: string) => Promise<Result>): Promise<Measured<Result>> {
  const topic = await stage.topic(1);
  const measured = await stage.measure(() => load(topic));
  await stage.drop(topic);
  return measured;
}

interface Sending {
  readonly topic: string;
  readonly messages: number;
  readonly uncounted?: number;
}

export const nodeClient = ({ port }: Stage, mode: string, sending: Sending): Promise<Result> =>
  runScript('bench/side-by-side/clients.ts', mode, { port, ...sending });

function librdkafka({ port }: Stage, mode: string, topic: string, messages: number): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', [python, mode, String(port), topic, String(messages)]);
    let output = '';
    let words = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (words += text));
    child.on('close', (status) =>
      status === 0
        ? resolve(JSON.parse(output) as Result)
        : reject(new Error(`librdkafka ${mode}: ${words}`)),
    );
  });
}
