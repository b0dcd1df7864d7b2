/** `kompakt compact` and `kompakt explain`: each resolves with an exit code. */
import type { PartitionExplanation } from '../broker/index.ts';
import type { CompactionReceipt } from '../compaction/receipt.ts';
import { ControlError } from './control-client.ts';
import { explanationText } from './explain-text.ts';
import { bytesInDigits, type KeyEncoding } from './key-argument.ts';
import { type DirectoryChoice, type OpenCompactions, openCompactions } from './open-compactions.ts';
import { progressOnStderr } from './progress-line.ts';
import { parseDuration } from './quantities.ts';
import { isEmpty, isIncomplete, receiptText, totalText } from './receipt-text.ts';
import { untilSignal } from './until-signal.ts';

export interface CompactCommand extends DirectoryChoice {
  readonly partition?: number;
  readonly includeActive?: boolean;
  readonly dropTombstonesOlderThan?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export interface ExplainCommand extends DirectoryChoice, KeyEncoding {
  readonly partition?: number;
  readonly limit?: number;
  readonly json?: boolean;
}

export function compact(topic: string, command: CompactCommand): Promise<number> {
  const { partition, includeActive = false, dryRun = false, json = false } = command;
  const olderThan = command.dropTombstonesOlderThan;
  const dropTombstonesOlderThanMs = olderThan === undefined ? undefined : parseDuration(olderThan);
  if (dropTombstonesOlderThanMs === null)
    return refuse(`--drop-tombstones-older-than ${olderThan} is no duration, as in 90s, 24h, 7d or 5000`);
  const progress = progressOnStderr();
  return withCompactions(command, async ({ compactions }, signal) => {
    const receipts: CompactionReceipt[] = [];
    const texts = new Texts();
    try {
      const options = {
        includeActive,
        dryRun,
        signal,
        onProgress: progress.show.bind(progress),
        ...(partition === undefined ? {} : { partition }),
        ...(dropTombstonesOlderThanMs === undefined ? {} : { dropTombstonesOlderThanMs }),
      };
      for await (const receipt of compactions.receipts(topic, options)) {
        progress.clear();
        receipts.push(receipt);
        // __consumer_offsets has fifty partitions, most of them empty.
        if (!json && !isEmpty(receipt)) texts.add(receiptText(receipt));
      }
      if (json) return exitCodeOf(receipts);
      if (receipts.length === 1 && isEmpty(receipts[0]!)) texts.add(receiptText(receipts[0]!));
      if (receipts.length > 1) texts.add(totalText(receipts));
      return exitCodeOf(receipts);
    } finally {
      progress.clear();
      if (json && receipts.length > 0) process.stdout.write(`${JSON.stringify(receipts, null, 2)}\n`);
    }
  });
}

const exitCodeOf = (receipts: readonly CompactionReceipt[]) => (receipts.some(isIncomplete) ? 1 : 0);

/** On stdout, an empty line between two of them. */
class Texts {
  #count = 0;

  add(text: string): void {
    process.stdout.write(`${this.#count++ === 0 ? '' : '\n'}${text}`);
  }
}

export function explain(topic: string, key: string, command: ExplainCommand): Promise<number> {
  const { partition, limit, json = false } = command;
  const bytes = bytesInDigits(key, command) ?? Buffer.from(key, 'utf8');
  if (typeof bytes === 'string') return refuse(bytes);
  return withCompactions(command, async ({ compactions }, signal) => {
    const explanations: PartitionExplanation[] = [];
    const options = {
      signal,
      ...(partition === undefined ? {} : { partition }),
      ...(limit === undefined ? {} : { limit }),
    };
    for await (const explanation of compactions.explanations(topic, bytes, options))
      explanations.push(explanation);
    const text = json
      ? `${JSON.stringify(explanations, null, 2)}\n`
      : explanationText(explanations, partition !== undefined);
    process.stdout.write(text);
    return 0;
  });
}

/** What `work` says, with whoever can do it; a signal ends it. */
async function withCompactions(
  choice: DirectoryChoice,
  work: (opened: OpenCompactions, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  let opened: OpenCompactions | null = null;
  // A broker ends what nobody waits for.
  const stop = (): void => {
    if (opened?.offlineDirectory === null) void opened.close();
  };
  try {
    return await untilSignal(async (signal) => {
      opened = await openCompactions(choice);
      if (opened.offlineDirectory !== null)
        process.stderr.write(
          `kompakt: no broker is running on ${opened.offlineDirectory}: working on its files\n`,
        );
      try {
        return await work(opened, signal);
      } finally {
        await opened.close();
      }
    }, stop);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return refuse(error.message);
  }
}

async function refuse(message: string): Promise<number> {
  process.stderr.write(`kompakt: ${message}\n`);
  return 1;
}
