/** Stopped directories on their way to Apache Kafka, by the command that users run. */
import { cpSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runNode } from '../../tools/program.ts';
import { type RunningKafka, startKafkaUnder } from '../java/apache-kafka.ts';

export interface Graduation {
  /** dist/kompakt.js, or the like. */
  readonly program: string;
  readonly from: string;
  /** Left out: the directory itself is made ready. */
  readonly to?: string;
  /** Where Kafka is to listen; its controller listens on the next one. */
  readonly port: number;
  /** `key=value` */
  readonly settings?: readonly string[];
}

/** `kompakt graduate`, which has to succeed without a word on stderr; what it has printed. */
export async function graduated({ program, from, to, port, settings = [] }: Graduation): Promise<string> {
  const listeners = `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`;
  const sets = [listeners, ...settings].flatMap((text) => ['--set', text]);
  const copy = to === undefined ? [] : ['--to', to];
  const { code, err, out } = await runNode([program, 'graduate', '--data-dir', from, ...copy, ...sets]).ended;
  expect({ code, err }, out).toEqual({ code: 0, err: '' });
  return out;
}

/** Apache Kafka under the server.properties that `graduate` has written. */
export function kafkaOn(directory: string, port: number, version?: string): Promise<RunningKafka> {
  const heap = '512m';
  return startKafkaUnder(join(directory, 'server.properties'), port, {
    heap,
    ...(version === undefined ? {} : { version }),
  });
}

/** A copy of a directory that nobody runs, without hard links: both may be written to. */
export function separateCopy(from: string, to: string): void {
  const filter = (path: string) => !statSync(path).isSocket();
  cpSync(from, to, { recursive: true, preserveTimestamps: true, filter });
}
