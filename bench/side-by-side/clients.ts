/**
 * The clients that people use from Node, as a process of their own: `tsx bench/side-by-side/clients.ts MODE JSON`, one line of JSON.
 *
 *     kafkajs-sequential, kafkajs-64, platformatic-sequential, platformatic-64     messages of 1 KiB, each sent by itself
 *     kafkajs-consume, platformatic-consume                                        a topic read from its start
 *     kafkajs-join, platformatic-join                                              from connect to the first message of a fresh group
 */
import { randomUUID } from 'node:crypto';

interface Options {
  readonly port: number;
  readonly topic: string;
  readonly messages: number;
  /** Sent before anything counts; left out: a quarter as many. */
  readonly uncounted?: number;
}

interface Result {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly count: number;
  readonly p50Ms: number;
}

type Send = (value: Buffer) => Promise<unknown>;

interface Consumer {
  /** Resolves when so many messages have come. */
  consume(count: number): Promise<void>;
  close(): Promise<void>;
}

interface Driver {
  producer(options: Options): Promise<{ send: Send; close(): Promise<void> }>;
  consumer(options: Options): Promise<Consumer>;
}

const value = Buffer.alloc(1024, 'x');

const kafkajs: Driver = {
  async producer({ port, topic }) {
    const { Kafka, logLevel, Partitioners } = await import('kafkajs');
    const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    return {
      send: (bytes) => producer.send({ topic, acks: -1, messages: [{ value: bytes }] }),
      close: () => producer.disconnect(),
    };
  },
  async consumer({ port, topic }) {
    const { Kafka, logLevel } = await import('kafkajs');
    const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    return {
      consume: (count) => {
        let seen = 0;
        return new Promise((resolve, reject) => {
          consumer
            .run({
              eachBatchAutoResolve: true,
              eachBatch: async ({ batch }) =>
                (seen += batch.messages.length) >= count ? resolve() : undefined,
            })
            .catch(reject);
        });
      },
      close: () => consumer.disconnect(),
    };
  },
};

const platformatic: Driver = {
  async producer({ port, topic }) {
    const { Producer } = await import('@platformatic/kafka');
    const producer = new Producer({ clientId: 'bench', bootstrapBrokers: [`127.0.0.1:${port}`] });
    return {
      send: (bytes) => producer.send({ messages: [{ topic, value: bytes }], acks: -1 }),
      close: async () => void (await producer.close()),
    };
  },
  async consumer({ port, topic }) {
    const { Consumer } = await import('@platformatic/kafka');
    const consumer = new Consumer({
      clientId: 'bench',
      groupId: randomUUID(),
      bootstrapBrokers: [`127.0.0.1:${port}`],
    });
    return {
      async consume(count) {
        const stream = await consumer.consume({ topics: [topic], mode: 'earliest', maxWaitTime: 100 });
        let seen = 0;
        await new Promise<void>((resolve, reject) => {
          stream.on('data', () => (++seen === count ? resolve() : undefined));
          stream.on('error', reject);
        });
      },
      // With its stream.
      close: async () => void (await consumer.close(true)),
    };
  },
};

async function timed(count: number, work: () => Promise<number[]>): Promise<Result> {
  const [startMs, cpu] = [performance.now(), process.cpuUsage()];
  const tookMs = (await work()).sort((a, b) => a - b);
  const used = process.cpuUsage(cpu);
  return {
    seconds: (performance.now() - startMs) / 1e3,
    cpuSeconds: (used.user + used.system) / 1e6,
    count,
    p50Ms: tookMs[tookMs.length >> 1] ?? 0,
  };
}

async function produce(driver: Driver, lanes: number, options: Options): Promise<Result> {
  const producer = await driver.producer(options);
  const run = async (count: number): Promise<number[]> => {
    const tookMs: number[] = [];
    let sent = 0;
    const lane = async (): Promise<void> => {
      while (sent++ < count) {
        const fromMs = performance.now();
        await producer.send(value);
        tookMs.push(performance.now() - fromMs);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return tookMs;
  };
  await run(options.uncounted ?? options.messages / 4);
  const result = await timed(options.messages, () => run(options.messages));
  await producer.close();
  return result;
}

async function consume(driver: Driver, options: Options): Promise<Result> {
  const consumer = await driver.consumer(options);
  const result = await timed(options.messages, async () => {
    await consumer.consume(options.messages);
    return [];
  });
  await consumer.close();
  return result;
}

/** The median of several groups; the first one of all is not counted, it makes the offsets topic. */
async function join(driver: Driver, options: Options): Promise<Result> {
  return timed(5, async () => {
    const tookMs: number[] = [];
    for (let round = 0; round < 6; round++) {
      const fromMs = performance.now();
      const consumer = await driver.consumer(options);
      await consumer.consume(1);
      if (round > 0) tookMs.push(performance.now() - fromMs);
      await consumer.close();
    }
    return tookMs;
  });
}

const [mode = '', json = '{}'] = process.argv.slice(2);
const [client, what] = mode.split('-');
const driver = client === 'kafkajs' ? kafkajs : platformatic;
const options = JSON.parse(json) as Options;
const run = {
  sequential: () => produce(driver, 1, options),
  '64': () => produce(driver, 64, options),
  consume: () => consume(driver, options),
  join: () => join(driver, options),
}[what as 'join'];
console.log(JSON.stringify(await run()));
process.exit(0);
