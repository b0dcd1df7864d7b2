/* A consumer group of two processes (catalogue-reader.mjs), one of which is killed in the middle and replaced.
 *
 *   reader -> us   {assigned: [partition]}               it joined, and this is its share
 *                  {name, partition, messages}           a batch, not yet committed
 *   us -> reader   name                                  we have that batch: commit it
 *
 * We answer only while both readers have a share. So the kill always comes when both are at work and one has a batch that
 * it cannot commit any more, and the newcomer always gets something to do. A batch that comes twice must be the same. */
import { deepStrictEqual, strictEqual } from 'node:assert';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const readerScript = fileURLToPath(new URL('catalogue-reader.mjs', import.meta.url));

/** Reads `count` messages of a topic and returns them partition by partition, each partition in its order. */
export function readWithAnAccident({ brokers, group, topic, partitionCount, count }) {
  const partitions = Array.from({ length: partitionCount }, () => []);
  const readers = new Map();
  let deliveries = 0;
  let isKilled = false;

  return new Promise((done, fail) => {
    start('first');
    start('second');

    function start(name) {
      const child = fork(readerScript, [brokers.join(','), group, topic, name]);
      const reader = { name, child, share: 0, unanswered: [] };
      readers.set(name, reader);
      child.on('message', (message) => {
        try {
          onMessage(reader, message);
        } catch (error) {
          fail(error);
        }
      });
      child.on('exit', (code, signal) => onExit(reader, signal ?? `code ${code}`));
    }

    function onMessage(reader, message) {
      if (message.assigned !== undefined) reader.share = message.assigned.length;
      else onBatch(reader, message);
      const present = [...readers.values()];
      const isComplete =
        present.length === 2 && present.every(({ share }) => share > 0 && share < partitionCount);
      if (!isComplete) return;
      if (isKilled) {
        for (const one of present) for (const name of one.unanswered.splice(0)) one.child.send(name);
        if (partitions.flat().length === count) finish();
      } else if (readers.get('first').unanswered.length > 0) {
        isKilled = readers.get('first').child.kill('SIGKILL');
        readers.delete('first');
      }
    }

    function onBatch(reader, { name, partition, messages }) {
      reader.unanswered.push(name);
      deliveries += messages.length;
      for (const { offset, ...message } of messages) {
        const rows = partitions[partition];
        if (offset < rows.length) deepStrictEqual(message, rows[offset]);
        else {
          strictEqual(offset, rows.length, `partition ${partition} skips from ${rows.length} to ${offset}`);
          rows.push(message);
        }
      }
    }

    function onExit(reader, reason) {
      readers.delete(reader.name);
      if (reader.name === 'first' && isKilled) {
        console.log('one of two readers was killed in the middle; another takes its place');
        start('again');
      } else {
        fail(new Error(`reader ${reader.name} ended with ${reason}`));
      }
    }

    /** A reader whose parent lets go of it leaves the group and ends. */
    function finish() {
      const gone = [...readers.values()].map(({ child }) => {
        child.removeAllListeners();
        child.disconnect();
        return new Promise((exit) => child.once('exit', exit));
      });
      Promise.all(gone).then(() => done({ messages: partitions.flat(), deliveries }));
    }
  });
}
