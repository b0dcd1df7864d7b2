/** The start, after a clean stop and after a kill, and the clean stop itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '../../tools/client.ts';
import { type BrokerProcess, startBrokerProcess } from '../side-by-side/broker-processes.ts';
import { cpuSecondsOfEndedChildren } from '../side-by-side/proc.ts';
import type { Stage } from '../side-by-side/stage.ts';
import { writeSegments } from './data-subjects.ts';
import { createPartitions, produceBytes } from './loads.ts';
import {
  type Cost,
  costOfStart,
  cpuSecondsOfThreads,
  type Subject,
  sizesUpTo,
  withBroker,
} from './measuring.ts';

const megabyte = 1e6;

type Fill = (stage: Stage, size: number) => Promise<unknown>;

const fills: Readonly<Record<string, { readonly sizes: readonly number[]; readonly fill: Fill }>> = {
  'MB in one segment': {
    sizes: sizesUpTo(1000),
    fill: async (stage, size) => produceBytes(stage, await stage.topic(1), size * megabyte),
  },
  segments: { sizes: sizesUpTo(1000), fill: writeSegments },
  partitions: {
    sizes: [...sizesUpTo(1000), 3000, 10_000],
    fill: (stage, size) => stage.withClient((client) => createPartitions(client, size)),
  },
};

/** A clean stop, and the start after it. */
function startsOf(of: string, { sizes, fill }: (typeof fills)[string]): Subject {
  const row = 'start after a clean stop';
  return {
    name: 'start',
    of,
    sizes,
    curves: [{ row, work: 'size' }],
    async begin(directory, size) {
      await withBroker(directory, {}, (stage) => fill(stage, size));
      return async () => {
        const broker = await startBrokerProcess('kompakt', directory);
        const cost = costOfStart(broker);
        await broker.stop();
        return { [row]: cost };
      };
    },
  };
}

/** What is not in a checkpoint is looked at from the beginning: nothing is, where the kill comes before the first of them. */
function recoveriesOf(of: string, { sizes, fill }: (typeof fills)[string]): Subject {
  const row = 'start after kill -9, nothing flushed';
  return {
    name: 'recovery',
    of,
    sizes: sizes.filter((size) => size <= 1000),
    curves: [{ row, work: 'size' }],
    async begin(directory, size) {
      await withBroker(directory, { end: 'kill' }, (stage) => fill(stage, size));
      return async () => {
        for (const name of ['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint'])
          rmSync(join(directory, 'data', name), { force: true });
        const broker = await startBrokerProcess('kompakt', directory);
        const cost = costOfStart(broker);
        await broker.kill();
        return { [row]: cost };
      };
    },
  };
}

const stopRow = 'clean stop, each partition written to';

const stops: Subject = {
  name: 'stop',
  of: 'partitions',
  sizes: sizesUpTo(1000),
  curves: [{ row: stopRow, work: 'size' }],
  begin: async (directory, size) => async () => {
    const place = mkdtempSync(join(directory, 'fresh-'));
    let broker: BrokerProcess | null = null;
    try {
      broker = await startBrokerProcess('kompakt', place);
      const client = await Client.connect('127.0.0.1', broker.port);
      await createPartitions(client, size);
      client.close();
      return { [stopRow]: await costOfStop(broker) };
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
};

/** Of a process that has ended its parent alone can tell; no other child ends meanwhile. */
async function costOfStop(broker: BrokerProcess): Promise<Cost> {
  const [before, endedBefore, startMs] = [
    cpuSecondsOfThreads(broker.pid),
    cpuSecondsOfEndedChildren(),
    performance.now(),
  ];
  await broker.stop();
  const wallSeconds = (performance.now() - startMs) / 1e3;
  return { cpuSeconds: Math.max(0.001, cpuSecondsOfEndedChildren() - endedBefore - before), wallSeconds };
}

export const startSubjects: readonly Subject[] = [
  ...Object.entries(fills).map(([of, fill]) => startsOf(of, fill)),
  ...Object.entries(fills).map(([of, fill]) => recoveriesOf(of, fill)),
  stops,
];
