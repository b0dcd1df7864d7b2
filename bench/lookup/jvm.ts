/** What the lookup bench runs in a JVM: a GlobalKTable, and Kafka Connect with a JDBC sink into PostgreSQL. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jarsOf } from '../../test/clients/jars.ts';
import { kafkaVersion } from '../../test/clients/java/apache-kafka.ts';
import { streamsLibs } from '../../test/clients/streams/streams-libs.ts';
import { quietPort } from '../../test/quiet-port.ts';
import { topic } from './articles.ts';
import { end, line, start, until } from './processes.ts';

const here = dirname(fileURLToPath(import.meta.url));
const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';

export const streamsVersion = kafkaVersion;
export const debeziumVersion = '3.3.1.Final';

export interface RunningGlobalTable {
  readonly pid: number;
  readonly httpPort: number;
  /** From the start of Streams in the running JVM until it may be asked. */
  readonly restoreSeconds: number;
  stop(): Promise<void>;
}

/** Restores the topic into a fresh RocksDB store. */
export async function startGlobalTable(brokerPort: number, directory: string): Promise<RunningGlobalTable> {
  // JDK's HTTP server would hold each answer for 40 ms without the last of these.
  const flags = ['-Xmx1g', quiet, '-Dsun.net.httpserver.nodelay=true', '-cp', join(streamsLibs(), '*')];
  const args = [join(here, 'GlobalTable.java'), `127.0.0.1:${brokerPort}`, directory, topic];
  const child = start('java', [...flags, ...args]);
  const [, port, restoreMs] = await line(child, /running (\d+) (\d+)\./, 'GlobalTable');
  return {
    pid: child.pid!,
    httpPort: Number(port),
    restoreSeconds: Number(restoreMs) / 1_000,
    stop: () => end(child),
  };
}

export function jdbcSinkPlugins(): string {
  return jarsOf(`jdbc-sink-${debeziumVersion}`, join(here, 'jdbc-sink.pom.xml'));
}

function connectLibs(): string {
  const pom = join(here, '../../examples/retail/connect/pom.xml');
  return jarsOf(`connect-${kafkaVersion}`, pom, { 'kafka.version': kafkaVersion });
}

function properties(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** A standalone worker that writes what comes to the topic from now on into the table `articles`. */
export async function startJdbcSink(
  brokerPort: number,
  postgresPort: number,
  directory: string,
): Promise<{ stop(): Promise<void> }> {
  const plugins = join(directory, 'plugins');
  mkdirSync(plugins);
  // Jackson is the worker's own: two of them, one in the plugin, do not know each other's modules.
  const filter = (path: string): boolean => !/jackson-(core|databind|annotations)-/.test(path);
  cpSync(jdbcSinkPlugins(), join(plugins, 'debezium-connector-jdbc'), { recursive: true, filter });
  const restPort = await quietPort();
  const strings = 'org.apache.kafka.connect.storage.StringConverter';
  const worker = join(directory, 'worker.properties');
  writeFileSync(
    worker,
    properties({
      'bootstrap.servers': `127.0.0.1:${brokerPort}`,
      'key.converter': strings,
      'value.converter': strings,
      'offset.storage.file.filename': join(directory, 'offsets'),
      'plugin.path': plugins,
      'plugin.discovery': 'service_load',
      listeners: `http://127.0.0.1:${restPort}`,
    }),
  );
  const sink = join(directory, 'sink.properties');
  writeFileSync(
    sink,
    properties({
      name: 'articles-to-postgres',
      'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
      topics: topic,
      'connection.url': `jdbc:postgresql://127.0.0.1:${postgresPort}/postgres`,
      'connection.username': 'bench',
      'connection.password': 'bench',
      'insert.mode': 'upsert',
      'primary.key.mode': 'record_key',
      'primary.key.fields': 'key',
      'schema.evolution': 'none',
      'consumer.override.auto.offset.reset': 'latest',
      transforms: 'key,value',
      'transforms.key.type': 'org.apache.kafka.connect.transforms.HoistField$Key',
      'transforms.key.field': 'key',
      'transforms.value.type': 'org.apache.kafka.connect.transforms.HoistField$Value',
      'transforms.value.field': 'value',
    }),
  );
  const flags = ['-Xmx1g', quiet, '-cp', join(connectLibs(), '*')];
  const child = start('java', [...flags, 'org.apache.kafka.connect.cli.ConnectStandalone', worker, sink], {
    stdio: 'ignore',
  });
  let failure: string | undefined;
  await until('Kafka Connect', child, async () => {
    const answer = await fetch(`http://127.0.0.1:${restPort}/connectors/articles-to-postgres/status`);
    const { tasks = [] } = (await answer.json()) as { tasks?: { state: string; trace?: string }[] };
    failure = tasks.find(({ state }) => state === 'FAILED')?.trace;
    return failure !== undefined || tasks[0]?.state === 'RUNNING';
  });
  if (failure !== undefined) throw new Error(`the JDBC sink failed: ${failure}`);
  return { stop: () => end(child) };
}
