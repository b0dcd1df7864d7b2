/** `kompakt adopt`: says what of a directory of Apache Kafka is not carried over, and serves it; resolves with an exit code. */
import { resolve } from 'node:path';
import { type Adoption, adoptionOf } from '../broker/moving.ts';
import { StartError } from '../broker/start-error.ts';
import { ControlError } from './control-client.ts';
import { brokerIn } from './find-broker.ts';
import { configurationOf } from './given-settings.ts';
import { copyOf, copyTarget, summaryOf, underLock } from './moving-directory.ts';
import type { ServeOptions } from './serve.ts';

export interface AdoptCommand extends Omit<ServeOptions, 'dataDir' | 'memory'> {
  readonly check?: boolean;
  readonly to?: string;
  readonly clusterId?: string;
}

export async function adopt(path: string, command: AdoptCommand): Promise<number> {
  const { check = false, to, clusterId, ...options } = command;
  const directory = resolve(path);
  let target = directory;
  try {
    const configuration = configurationOf({ ...options, dataDir: directory });
    if (typeof configuration === 'string') throw new ControlError(configuration);
    if (to !== undefined) target = copyTarget(directory, to);
    const client = await brokerIn(directory);
    client?.close();
    if (client !== null)
      throw new ControlError(`a broker is running on ${directory} (process ${client.pid})`);
    const work = underLock(
      configuration,
      directory,
      (checked) => {
        const adoption = adoptionOf(checked);
        // A broker's first line on stdout is that it is ready.
        const say = (line: string) => void (check ? process.stdout : process.stderr).write(`${line}\n`);
        say(summaryOf(checked));
        for (const line of linesOf(adoption)) say(line);
        for (const note of checked.notes) say(`note: ${note}`);
        const reasons = [...adoption.refusals, ...checked.problems];
        if (checked.state.accessRuleCount > 0 && command.ignoreAcls !== true)
          reasons.push(
            `${directory} holds ${checked.state.accessRuleCount} ACLs and SCRAM credentials, which this version does not enforce; --ignore-acls opens it to everybody all the same`,
          );
        for (const reason of reasons) say(`REFUSED: ${reason}`);
        if (reasons.length > 0) throw new ControlError(`${directory} is not adopted; nothing was written`);
        if (check || to === undefined) return;
        const { linked, copied } = copyOf(checked, configuration, target);
        say(`copied to ${target}: ${copied} files, and ${linked} hard links`);
      },
      clusterId,
    );
    await work;
  } catch (error) {
    if (!(error instanceof ControlError || error instanceof StartError)) throw error;
    process.stderr.write(`kompakt: ${error.message}\n`);
    return 1;
  }
  if (check) return 0;
  const { serve } = await import('./serve.ts');
  return serve({ ...options, dataDir: target });
}

function* linesOf({ found, lost }: Adoption): Generator<string> {
  yield* found;
  if (lost.length === 0) yield 'everything in it is carried over';
  for (const line of lost) yield `not carried over: ${line}`;
}
