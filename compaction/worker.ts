/**
 * The cleaner's thread: the entry that is built as dist/cleaner-worker.js. It has the real environment, a port to the broker,
 * and ends when it is ended.
 */
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { createNodeEnvironment, yieldToOtherThreads } from '../storage/environment/node.ts';
import { cleanLog } from './cleaner.ts';
import { createKernel } from './create-kernel.ts';
import { cleanerProtocol } from './service.ts';
import { CleanerServer } from './service-stub.ts';
import { workerActions } from './worker-pass.ts';

/** A pass has one segment open for reading and one with its indexes for writing. */
const openFilesMax = 16;

const port = parentPort;
if (port === null) throw new Error('the cleaner runs as a thread of the broker, not by itself');

/** A smaller pass is over before anybody notices it; on a busy machine whoever asked for it would wait for minutes. */
const longPassBytes = 16 * 1024 * 1024;
let hasYielded = false;

const actions = workerActions({
  environment: createNodeEnvironment({ openFilesMax }),
  createKernel,
  runPass: (job, context) => {
    const bytes = job.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    // A long cleaning has time; whoever waits for an acknowledgement has not.
    if (bytes >= longPassBytes && !hasYielded) {
      hasYielded = true;
      yieldToOtherThreads();
    }
    return cleanLog(job, context);
  },
  receivePending,
});
let server: CleanerServer;
void cleanerProtocol().then((protocol) => {
  server = new CleanerServer(protocol, (message) => port.postMessage(new Uint8Array(message)), actions);
  // The port keeps messages until somebody listens.
  port.on('message', (message: Uint8Array) => server.receive(message));
});

function receivePending(): void {
  for (;;) {
    const pending = receiveMessageOnPort(port!);
    if (pending === undefined) return;
    server.receive(pending.message as Uint8Array);
  }
}
