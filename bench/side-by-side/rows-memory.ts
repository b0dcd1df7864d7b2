/** Memory as Linux counts it, at stated moments, in processes that do nothing else; installed sizes. */
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { kafkaLibs } from '../../test/clients/java/apache-kafka.ts';
import { bytesBelow, installPackage } from '../../test/tools/packed-package.ts';
import { type BrokerOptions, startBrokerProcess } from './broker-processes.ts';
import { apiVersionsFrame, fetchFrame } from './frames.ts';
import { kfakeProgram } from './kfake.ts';
import { memoryOf } from './proc.ts';
import { idleConnections, rawClient } from './raw.ts';
import { batchBytes, produceTo } from './rows-data.ts';
import { amountOf, inDirectory, type Site, thousands } from './site.ts';
import { Stage } from './stage.ts';

const idleMs = 2_000;
const consumers = 20;
const smallHeap = '256m';

interface Memory {
  readonly idle: number;
  readonly idlePeak: number;
  readonly loaded: number;
  readonly loadedPeak: number;
}

export async function memoryRows(site: Site): Promise<void> {
  const usual = await memoryUnderLoad(site, {});
  noteMemory(site, usual, '');
  // The others have no heap to set: theirs stand beside it again.
  const small = site.name === 'kafka' ? await memoryUnderLoad(site, { heap: smallHeap }) : usual;
  noteMemory(site, small, ', Kafka with a heap of 256 MB');
}

function noteMemory({ note, sizes }: Site, memory: Memory, which: string): void {
  const load = `after ${amountOf(sizes.loadBytes)} written and read by ${consumers} consumers`;
  note(`memory idle, ${idleMs / 1000} s after the first Metadata (VmRSS)${which}`, 'MB', memory.idle, 'less');
  note(`memory at its highest until then (VmHWM)${which}`, 'MB', memory.idlePeak, 'less');
  note(`memory ${load} (VmRSS)${which}`, 'MB', memory.loaded, 'less');
  note(`memory at its highest until then, loaded (VmHWM)${which}`, 'MB', memory.loadedPeak, 'less');
}

function memoryUnderLoad({ name, parent, sizes }: Site, options: BrokerOptions): Promise<Memory> {
  return inDirectory(parent, async (directory) => {
    const broker = await startBrokerProcess(name, directory, options);
    await pause(idleMs);
    const idle = memoryOf(broker.pid, 'VmRSS');
    const idlePeak = memoryOf(broker.pid, 'VmHWM');
    const stage = new Stage(broker, parent, { attempts: 1 });
    const load = { partitions: 1, recordBytes: 1024, batchBytes };
    const { topic, valueBytes } = await produceTo(stage, load, sizes.loadBytes);
    const file = fetchFrame(stage.folder, topic, 1);
    await rawClient('fetch', broker.port, [file], {
      consumers,
      upTo: Math.floor(valueBytes / 1024 / 64) * 64,
    });
    const loaded = memoryOf(broker.pid, 'VmRSS');
    const loadedPeak = memoryOf(broker.pid, 'VmHWM');
    stage.close();
    await broker.stop();
    return { idle, idlePeak, loaded, loadedPeak };
  });
}

export async function connectionRows({ name, parent, sizes, note }: Site): Promise<void> {
  const connections = sizes.count(5000);
  await inDirectory(parent, async (directory) => {
    const stage = new Stage(await startBrokerProcess(name, directory), parent);
    const file = apiVersionsFrame(stage.folder);
    // The first ones bring code and buffers that serve all.
    const first = await idleConnections(stage.port, file, 100);
    await pause(500);
    const before = memoryOf(stage.broker.pid, 'VmRSS');
    const child = await idleConnections(stage.port, file, connections);
    const kilobytes = ((memoryOf(stage.broker.pid, 'VmRSS') - before) * 1e3) / connections;
    const row = `${thousands(connections)} connections, memory`;
    note(row, 'KB/connection', Math.max(0, kilobytes), 'less');
    for (const each of [child, first]) {
      each.stdin!.end();
      await once(each, 'close');
    }
    stage.close();
    await stage.broker.stop();
  });
}

/** Kafka: the jars that a broker and its tools need; kfake: the program; Kompakt: the package from `npm pack` with its dependencies. */
export async function sizeRows({ name, note }: Site): Promise<void> {
  const bytes = { kafka: bytesOfJars, kfake: () => statSync(kfakeProgram()).size, kompakt: bytesOfPackage }[
    name
  ]();
  note('installed size without the runtime', 'MB', bytes / 1e6, 'less');
}

function bytesOfJars(): number {
  const libs = kafkaLibs();
  const jars = readdirSync(libs).filter((file) => file.endsWith('.jar'));
  return jars.reduce((sum, jar) => sum + statSync(join(libs, jar)).size, 0);
}

function bytesOfPackage(): number {
  const dependant = installPackage(['--omit=dev']);
  try {
    return bytesBelow(join(dependant.path, 'node_modules'));
  } finally {
    dependant.remove();
  }
}
