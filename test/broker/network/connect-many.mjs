/* Many clients in one process of their own: `node connect-many.mjs PORT COUNT REQUEST_HEX`.
 *
 * Opens COUNT connections, a few at a time, sends the request on each, and counts those that were answered and those that the
 * broker closed. Commands on stdin, a line each; each prints a line when it is done:
 *
 *    wait ANSWERED CLOSED     until so many were answered and so many closed
 *    ask                      the request once more on each open connection, until all are answered
 *    close N                  closes the first N that were answered */
import net from 'node:net';
import { createInterface } from 'node:readline';

const [port, count, hex] = process.argv.slice(2);
const request = Buffer.from(hex, 'hex');
const atOnce = 100;
const answered = new Set();
let closed = 0;
let wake = () => {};

function open() {
  const socket = net.connect(Number(port), '127.0.0.1');
  let missing = -1;
  socket.on('data', (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      // The size prefix of an answer comes in one piece with its first bytes.
      if (missing < 0) {
        missing = bytes.readInt32BE(at);
        at += 4;
      }
      const count = Math.min(missing, bytes.length - at);
      missing -= count;
      at += count;
      if (missing === 0) {
        missing = -1;
        answered.add(socket);
        wake();
      }
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    answered.delete(socket);
    if (!socket.closedByUs) closed += 1;
    wake();
  });
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.write(request);
      resolve(socket);
    });
    socket.once('error', resolve);
  });
}

async function until(condition) {
  while (!condition()) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
}

const commands = {
  wait: (wantAnswered, wantClosed) =>
    until(() => answered.size === Number(wantAnswered) && closed === Number(wantClosed)),
  async ask() {
    const asked = [...answered];
    answered.clear();
    for (const socket of asked) socket.write(request);
    await until(() => answered.size === asked.length);
  },
  async close(many) {
    for (const socket of [...answered].slice(0, Number(many))) {
      socket.closedByUs = true;
      socket.destroy();
    }
  },
};

for (let opened = 0; opened < Number(count); opened += atOnce)
  await Promise.all(Array.from({ length: Math.min(atOnce, count - opened) }, open));
console.log('opened');

for await (const line of createInterface(process.stdin)) {
  const [name, ...args] = line.split(' ');
  await commands[name](...args);
  console.log(`${answered.size} answered, ${closed} closed`);
}
process.exit(0);
