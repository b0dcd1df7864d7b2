/** `kompakt status`, `kompakt gaps` and `kompakt stop`: each resolves with an exit code. */
import { type ControlClient, ControlError } from './control-client.ts';
import { type BrokerChoice, findBroker } from './find-broker.ts';
import { gapsText } from './gaps-text.ts';
import { statusText } from './status-text.ts';

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
    process.stdout.write(statusText(now));
  });
}

export async function gaps(options: BrokerChoice & { json?: boolean }): Promise<number> {
  return withBroker(options, async (client) => {
    const found = await client.gaps();
    process.stdout.write(options.json ? `${JSON.stringify(found, null, 2)}\n` : gapsText(found));
  });
}

export async function stop(options: BrokerChoice): Promise<number> {
  return withBroker(options, stopAndWait);
}

/** Resolves when the broker's process is gone, and its directory free. */
export async function stopAndWait(client: ControlClient): Promise<void> {
  await client.stop();
  await client.closed;
  await ended(client.pid);
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
