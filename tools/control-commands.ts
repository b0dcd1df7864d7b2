/** `kompakt status` and `kompakt stop`: each resolves with an exit code. */
import type { ControlClient } from './control-client.ts';
import { ControlError } from './control-client.ts';
import { type BrokerChoice, findBroker } from './find-broker.ts';

/** A process that has closed everything ends within milliseconds; a busy machine gets this long. */
const exitMsMax = 30_000;
const exitCheckMs = 10;

export async function status(options: BrokerChoice & { json?: boolean }): Promise<number> {
  return withBroker(options, async (client) => {
    const now = await client.status();
    if (options.json) {
      console.log(JSON.stringify(now, null, 2));
      return;
    }
    const rows = {
      version: now.version,
      process: `${now.pid}, up ${duration(now.uptimeMs)}`,
      listening: now.listeners.join(', '),
      data: `${now.dataDirectory}${now.offline ? ' (offline: the disk has failed, writes are refused)' : ''}`,
      cluster: `${now.clusterId}, node ${now.nodeId}`,
      topics: `${now.topics}, with ${now.partitions} partitions`,
      connections: now.connections,
      requests: `${now.requests}, ${now.unforeseenErrors} of them failed unexpectedly`,
    };
    const width = Math.max(...Object.keys(rows).map((name) => name.length));
    for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(width)}  ${value}`);
  });
}

export async function stop(options: BrokerChoice): Promise<number> {
  return withBroker(options, async (client) => {
    await client.stop();
    await client.closed;
    await ended(client.pid);
  });
}

async function withBroker(
  choice: BrokerChoice,
  use: (client: ControlClient) => Promise<void>,
): Promise<number> {
  let client: ControlClient | null = null;
  try {
    client = await findBroker(choice);
    await use(client);
    return 0;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    console.error(`kompakt: ${error.message}`);
    return 1;
  } finally {
    client?.close();
  }
}

async function ended(pid: number): Promise<void> {
  for (const since = Date.now(); isRunning(pid); ) {
    if (Date.now() - since > exitMsMax)
      throw new ControlError(`the broker has stopped, but its process ${pid} has not ended`);
    await new Promise((resolve) => setTimeout(resolve, exitCheckMs));
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
