/** `kompakt graduate`: resolves with an exit code. What it does to the directory stands in broker/graduation/graduate.ts. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Configuration } from '../broker/config/settings.ts';
import { defaultEnvironment } from '../broker/default-environment.ts';
import {
  type CheckedDirectory,
  prepareForKafka,
  type ServerProperties,
  serverPropertiesFor,
  serverPropertiesMark,
} from '../broker/moving.ts';
import { silentLogger } from '../broker/observe/logger.ts';
import { StartError } from '../broker/start-error.ts';
import { ControlError } from './control-client.ts';
import { stopAndWait } from './control-commands.ts';
import { brokerIn } from './find-broker.ts';
import { configurationOf } from './given-settings.ts';
import { growingText } from './growing-text.ts';
import { copyOf, copyTarget, summaryOf, underLock } from './moving-directory.ts';

export interface GraduateCommand {
  readonly dataDir?: string;
  readonly check?: boolean;
  readonly to?: string;
  readonly stop?: boolean;
  readonly host?: string;
  readonly port?: string;
  readonly properties?: string;
  readonly set?: readonly string[];
}

const fileName = 'server.properties';

export async function graduate(command: GraduateCommand): Promise<number> {
  try {
    return await run(command);
  } catch (error) {
    if (!(error instanceof ControlError || error instanceof StartError)) throw error;
    process.stderr.write(`kompakt: ${error.message}\n`);
    return 1;
  }
}

async function run({ check = false, to, stop = false, ...given }: GraduateCommand): Promise<number> {
  // ACLs are enforced again where it goes.
  const configuration = configurationOf({ ...given, ignoreAcls: true, http: false });
  if (typeof configuration === 'string') throw new ControlError(configuration);
  const directory = resolve(configuration.dataDirectory);
  await nobodyRuns(directory, stop && !check);
  const target = to === undefined ? directory : copyTarget(directory, to);
  if (to === undefined) refuseOtherProperties(join(target, fileName));
  const checked = await underLock(configuration, directory, (found) => {
    report(found);
    if (!check && to !== undefined && found.problems.length === 0) {
      const { linked, copied } = copyOf(found, configuration, target);
      say(`copied to ${target}: ${copied} files, and ${linked} hard links`);
    }
    return found;
  });
  if (checked.problems.length > 0) {
    process.stderr.write(`kompakt: ${directory} cannot graduate as it is; nothing was written\n`);
    return 1;
  }
  const properties = serverPropertiesFor({ configuration, nodeId: checked.nodeId, directory: target });
  if (check) {
    say('it can graduate: `kompakt graduate` without --check makes it ready');
    return 0;
  }
  const prepared = await prepare(configuration, target, properties);
  say('', `It is ready for Apache Kafka 4.3 or later; ${join(target, fileName)} is its configuration.`, '');
  process.stdout.write(growingText(prepared, target, properties));
  return 0;
}

async function nobodyRuns(directory: string, stops: boolean): Promise<void> {
  const client = await brokerIn(directory);
  if (client === null) return;
  try {
    if (!stops)
      throw new ControlError(
        `a broker is running on ${directory} (process ${client.pid}): stop it first, or give --stop`,
      );
    await stopAndWait(client);
  } finally {
    client.close();
  }
}

/** Ours of an earlier time may be replaced, nobody else's. */
function refuseOtherProperties(path: string): void {
  if (existsSync(path) && !readFileSync(path, 'utf8').startsWith(serverPropertiesMark))
    throw new ControlError(
      `${path} is there already, and not from \`kompakt graduate\`: move it away, or give --to`,
    );
}

function report(checked: CheckedDirectory): void {
  say(summaryOf(checked));
  for (const note of checked.notes) say(`note: ${note}`);
  for (const problem of checked.problems) say(`PROBLEM: ${problem}`);
}

async function prepare(
  configuration: Configuration,
  directory: string,
  { text, controller }: ServerProperties,
): Promise<CheckedDirectory> {
  // The timers of what is opened keep no process alive.
  const alive = setInterval(() => {}, 60_000);
  try {
    const environment = defaultEnvironment(configuration.settings, false);
    const parts = { environment, configuration, logger: silentLogger, directory, processId: process.pid };
    await prepareForKafka(parts, controller);
  } finally {
    clearInterval(alive);
  }
  const after = await underLock(configuration, directory, (found) => found);
  const [problem] = [...after.problems, ...(after.wasStoppedClean ? [] : after.notes)];
  if (problem !== undefined) throw new ControlError(`it is not ready: ${problem}`);
  const path = join(directory, fileName);
  refuseOtherProperties(path);
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
  return after;
}

function say(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}
