/* How articles come into their topic: by Kafka Connect from files, or, where that cannot run, by a producer of our own.
 *
 *   all(lines)      the catalogue, once; returns when it is being read
 *   change(line)    one article anew
 *   check()         throws when the feed has failed
 *
 * Both take lines "id TAB article", one article after the other. */
import { appendFile, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Partitioners } from 'kafkajs';
import { connectVersion, startConnect } from './connect/connect.mjs';

export async function connectFeed({ bootstrap, directory, topic }) {
  const [articles, changes] = ['articles.tsv', 'changes.tsv'].map((name) => join(directory, name));
  const connect = await startConnect({ bootstrap, directory });
  return {
    name: `Kafka Connect ${connectVersion}, FileStreamSource`,
    async all(lines) {
      const file = await open(articles, 'w');
      for (const some of chunks(lines, 1 << 20)) await file.appendFile(some.map(asLine).join(''));
      await file.close();
      await writeFile(changes, '');
      const startMs = performance.now();
      await connect.feed('articles', topic, articles);
      await connect.feed('changes', topic, changes);
      return startMs;
    },
    change: (line) => appendFile(changes, asLine(line)),
    check: () => connect.check(),
    stop: () => connect.stop(),
  };
}

export async function nodeFeed({ kafka, topic }) {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const send = (lines) =>
    producer.send({ topic, messages: lines.map(({ id, text }) => ({ key: id, value: text })) });
  return {
    name: 'a producer in Node',
    async all(lines) {
      const startMs = performance.now();
      for (const some of chunks(lines, 1 << 20)) await send(some);
      return startMs;
    },
    change: (line) => send([line]),
    check: async () => {},
    stop: () => producer.disconnect(),
  };
}

const asLine = ({ id, text }) => `${id}\t${text}\n`;

function* chunks(lines, bytesMax) {
  let some = [];
  let bytes = 0;
  for (const line of lines) {
    some.push(line);
    bytes += line.text.length;
    if (bytes < bytesMax) continue;
    yield some;
    some = [];
    bytes = 0;
  }
  if (some.length > 0) yield some;
}
