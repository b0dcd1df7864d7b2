/** The folder in which Apache Kafka is unpacked, as far as commands that people are told are concerned: its scripts, over its jars. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kafkaLibs } from '../java/apache-kafka.ts';

/** What each script runs. */
const classes: Readonly<Record<string, string>> = {
  'kafka-server-start': 'kafka.Kafka',
  'kafka-storage': 'kafka.tools.StorageTool',
  'kafka-metadata-quorum': 'org.apache.kafka.tools.MetadataQuorumCommand',
  'kafka-reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  'kafka-cluster': 'org.apache.kafka.tools.ClusterTool',
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-features': 'org.apache.kafka.tools.FeatureCommand',
  'connect-mirror-maker': 'org.apache.kafka.connect.mirror.MirrorMaker',
};

export interface RunningCommand {
  readonly child: ChildProcess;
  /** What it has written so far, to either stream. */
  output(): string;
  /** With its exit code. */
  readonly ended: Promise<number | null>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
}

export class KafkaFolder {
  readonly #path: string;

  constructor(path: string, version?: string, libs = kafkaLibs(version)) {
    this.#path = path;
    const bin = join(path, 'bin');
    mkdirSync(bin, { recursive: true });
    const flags =
      '-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
    for (const [name, className] of Object.entries(classes))
      this.add(`${name}.sh`, `java ${flags} -cp '${libs}/*' ${className}`);
  }

  /** A command that is found by its name alone. */
  add(name: string, command: string): void {
    const script = join(this.#path, 'bin', name);
    writeFileSync(script, `#!/bin/sh\nexec ${command} "$@"\n`);
    chmodSync(script, 0o755);
  }

  /** A line as a shell takes it. */
  start(line: string): RunningCommand {
    const child = spawn('bash', ['-c', `exec ${line}`], {
      cwd: this.#path,
      env: { ...process.env, PATH: `${join(this.#path, 'bin')}:${process.env.PATH}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    return {
      child,
      output: () => output,
      ended,
      stop: async () => {
        child.kill('SIGTERM');
        await ended;
      },
    };
  }

  /** To its end, which must be a good one; resolves with what it wrote. */
  async run(line: string): Promise<string> {
    const command = this.start(line);
    const code = await command.ended;
    if (code !== 0) throw new Error(`${line} ended with ${code}: ${command.output()}`);
    return command.output();
  }
}
