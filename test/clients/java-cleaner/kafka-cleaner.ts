import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TopicSettings } from '../../../storage/config/topic-settings.ts';
import { kafkaLibs } from '../java/apache-kafka.ts';

/** Apache Kafka's cleaner in one JVM for all directories (KafkaCleaner.java), asked one after the other. */

/** The release whose cleaner ours must equal. */
export const cleanerVersion = '4.4.0';
const source = join(dirname(fileURLToPath(import.meta.url)), 'KafkaCleaner.java');

const quickFlags = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** `producer.id.expiration.ms` on both sides. */
export const producerExpirationMs = 86_400_000;

export interface LogState {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly lastStableOffset: number;
  readonly segments: readonly number[];
  /** By producer id: epoch, last sequence, last data offset, coordinator epoch, first offset of its transaction, last timestamp. */
  readonly producers: Readonly<Record<string, readonly number[]>>;
}

export interface Cleaned extends LogState {
  readonly firstDirtyOffset: number;
  readonly firstUncleanableOffset: number;
  readonly cleanableBytes: number;
  readonly cleanBytes: number;
  /** `max.compaction.lag.ms` has passed. */
  readonly isForced: boolean;
  /** Above `min.cleanable.dirty.ratio`. */
  readonly isDirtyEnough: boolean;
  /** Where the next pass begins. */
  readonly endOffset: number;
}

export interface StateRequest {
  readonly dir: string;
  readonly nowMs: number;
  readonly logStart: number;
  readonly settings: Partial<TopicSettings>;
}

export interface CleanRequest extends StateRequest {
  /** -1: no checkpoint. */
  readonly firstDirty: number;
  readonly mapBytes: number;
  readonly loadFactor: number;
  readonly bufferBytes: number;
  readonly retain: boolean;
}

/** The largest long of Java is 2^63 here. */
const textOf = (value: unknown): string => (value === 2 ** 63 ? '9223372036854775807' : String(value));

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

export class KafkaCleaner {
  readonly #classes: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: Waiting[] = [];
  #errors = '';

  private constructor(classes: string, libs: string, jvmFlags: readonly string[]) {
    this.#classes = classes;
    const classPath = [classes, join(libs, '*')].join(delimiter);
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=off';
    const name = 'org.apache.kafka.storage.internals.log.KafkaCleaner';
    this.#process = spawn('java', [...jvmFlags, log, '-cp', classPath, name]);
    createInterface(this.#process.stdout).on('line', (line) => this.#waiting.shift()?.resolve(line));
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    this.#process.on('close', (code) => {
      const error = new Error(`the JVM ended with ${code}: ${this.#errors.slice(-2000)}`);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** `jvmFlags`: by default those for many small directories. */
  static start(jvmFlags: readonly string[] = quickFlags): KafkaCleaner {
    const libs = kafkaLibs(cleanerVersion);
    const classes = mkdtempSync(join(tmpdir(), 'kompakt-kafka-cleaner-'));
    const { status, stderr } = spawnSync('javac', ['-cp', join(libs, '*'), '-d', classes, source]);
    if (status !== 0) throw new Error(`javac: ${stderr}`);
    return new KafkaCleaner(classes, libs, jvmFlags);
  }

  /** Opens the directory, cleans it if there is anything to clean, closes it. */
  async clean(request: CleanRequest): Promise<Cleaned> {
    return (await this.#ask('clean', request)) as Cleaned;
  }

  /** Opens the directory as after a crash. */
  async state(request: StateRequest): Promise<LogState> {
    return (await this.#ask('state', request)) as LogState;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.on('close', resolve));
    this.#process.stdin.end();
    await ended;
    rmSync(this.#classes, { recursive: true });
  }

  async #ask(what: string, { settings, ...rest }: StateRequest): Promise<unknown> {
    const words = Object.entries({ ...rest, producerExpirationMs }).map(
      ([name, value]) => `${name}=${value}`,
    );
    for (const [name, value] of Object.entries(settings)) words.push(`topic.${name}=${textOf(value)}`);
    const line = await new Promise<string>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.stdin.write(`${[what, ...words].join('\t')}\n`);
    });
    const answer = JSON.parse(line) as { error?: string };
    if (answer.error !== undefined) throw new Error(`Apache Kafka: ${answer.error}`);
    return answer;
  }
}
