/** `kompakt graduate`: resolves with an exit code. What it does to the directory stands in broker/graduation/graduate.ts. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Configuration } from '../broker/config/settings.ts';
import { defaultEnvironment } from '../broker/default-environment.ts';
import {
  type CheckedDirectory,
  type JoiningAddress,
  type KafkaNode,
  kafkaNodesFor,
  prepareForKafka,
  reassignmentMark,
  replicasOn,
  serverPropertiesMark,
} from '../broker/moving.ts';
import { silentLogger } from '../broker/observe/logger.ts';
import { StartError } from '../broker/start-error.ts';
import { ControlError } from './control-client.ts';
import { stopAndWait } from './control-commands.ts';
import { brokerIn, parseAddress } from './find-broker.ts';
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
  /** HOST:PORT of the two brokers that may join. */
  readonly join?: readonly string[];
}

export async function graduate(command: GraduateCommand): Promise<number> {
  try {
    return await run(command);
  } catch (error) {
    if (!(error instanceof ControlError || error instanceof StartError)) throw error;
    process.stderr.write(`kompakt: ${error.message}\n`);
    return 1;
  }
}

async function run(command: GraduateCommand): Promise<number> {
  const { check = false, to, stop = false, join: joinTexts = [], ...given } = command;
  // ACLs are enforced again where it goes.
  const configuration = configurationOf({ ...given, ignoreAcls: true, http: false });
  if (typeof configuration === 'string') throw new ControlError(configuration);
  const joining = joiningAddresses(joinTexts);
  if (check && stop)
    throw new ControlError('--check and --stop contradict each other: --check changes nothing');
  const directory = resolve(configuration.dataDirectory);
  // Nobody is stopped for a command that is refused all the same.
  const target = to === undefined ? directory : copyTarget(directory, to);
  const hasStopped = await nobodyRuns(directory, stop);
  const seen = await underLock(configuration, directory, (checked) => {
    const nodes = kafkaNodesFor({ configuration, nodeId: checked.nodeId, directory: target, joining });
    if (!check) refuseOthersFiles(directory, filesFor(checked, nodes).files);
    report(checked);
    if (!check && to !== undefined && checked.problems.length === 0) {
      const { linked, copied } = copyOf(checked, configuration, target);
      say(`copied to ${target}: ${copied} files, and ${linked} hard links`);
    }
    return { problems: checked.problems, nodes };
  });
  if (seen.problems.length > 0) {
    const stays = hasStopped ? ', and its broker stays stopped' : '';
    process.stderr.write(`kompakt: ${directory} cannot graduate as it is; nothing was written${stays}\n`);
    return 1;
  }
  if (check) {
    say('it can graduate: `kompakt graduate` without --check makes it ready');
    return 0;
  }
  const { nodes } = seen;
  const checked = await prepare(configuration, target, nodes[0]);
  const { files, onAll, withoutFirst } = filesFor(checked, nodes);
  refuseOthersFiles(target, files);
  for (const { fileName, text } of files) replaceFile(join(target, fileName), text);
  for (const transaction of checked.decided)
    say(
      `note: the transaction of ${transaction} could not be ended: a partition of it knows a later epoch, or is not here`,
    );
  const path = join(target, nodes[0].fileName);
  say('', `It is ready for Apache Kafka 4.3 or later; ${path} is its configuration.`, '');
  process.stdout.write(growingText({ checked, directory: target, nodes, onAll, withoutFirst }));
  return 0;
}

function joiningAddresses(texts: readonly string[]): [JoiningAddress, JoiningAddress] | undefined {
  if (texts.length === 0) return undefined;
  if (texts.length !== 2)
    throw new ControlError(
      `--join is given twice or not at all, for three brokers; it was given ${texts.length === 1 ? 'once' : `${texts.length} times`}`,
    );
  const [second, third] = texts.map((text) => parseAddress(text, '--join'));
  return [second!, third!];
}

/** What is written beside the data for Kafka and its tools. */
function filesFor({ state }: CheckedDirectory, nodes: readonly [KafkaNode, ...KafkaNode[]]) {
  const ids = nodes.map(({ nodeId }) => nodeId);
  const onAll = replicasOn(state, ids);
  const withoutFirst = replicasOn(state, ids.slice(1));
  return { files: [...nodes, onAll, withoutFirst], onAll, withoutFirst };
}

function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

/** True when somebody did. */
async function nobodyRuns(directory: string, stops: boolean): Promise<boolean> {
  const client = await brokerIn(directory);
  if (client === null) return false;
  try {
    if (!stops)
      throw new ControlError(
        `a broker is running on ${directory} (process ${client.pid}): stop it first, or give --stop without --check`,
      );
    await stopAndWait(client);
    return true;
  } finally {
    client.close();
  }
}

/** Ours of an earlier time may be replaced, nobody else's. */
function refuseOthersFiles(directory: string, files: readonly { readonly fileName: string }[]): void {
  for (const { fileName } of files) {
    const path = join(directory, fileName);
    if (!existsSync(path)) continue;
    const text = readFileSync(path, 'utf8');
    if (!text.startsWith(serverPropertiesMark) && !text.startsWith(reassignmentMark))
      throw new ControlError(`${path} is there already, and not from \`kompakt graduate\`: move it away`);
  }
}

function report(checked: CheckedDirectory): void {
  say(summaryOf(checked));
  for (const note of checked.notes) say(`note: ${note}`);
  for (const problem of checked.problems) say(`PROBLEM: ${problem}`);
}

async function prepare(
  configuration: Configuration,
  directory: string,
  { controller }: KafkaNode,
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
  return after;
}

function say(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}
