/** Kafka Streams as jars, for its application here and for the bench of lookups. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jarsOf } from '../jars.ts';
import { kafkaVersion } from '../java/apache-kafka.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

export function streamsLibs(): string {
  const pom = join(here, 'pom.xml');
  return jarsOf(`streams-${kafkaVersion}`, pom, { 'kafka.version': kafkaVersion });
}
