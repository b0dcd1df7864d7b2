/** `kompakt get`, `put`, `delete`, `scan` and `watch`: each resolves with an exit code. */
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import type {
  GetOptions,
  KeyAnswer,
  KeyRecord,
  RecordHeader,
  RecordId,
  WriteOptions,
} from '../broker/index.ts';
import { ControlError } from './control-client.ts';
import { type KeyEncoding, keyArgument } from './key-argument.ts';
import type { LookupChoice } from './open-lookups.ts';
import { parseDuration } from './quantities.ts';
import {
  changeJson,
  changeLine,
  etagText,
  recordHeadings,
  recordJson,
  recordRow,
  recordRows,
  recordText,
  visible,
} from './record-text.ts';
import { exitCodes, withLookups } from './with-lookups.ts';

export interface LookupCommand extends LookupChoice, KeyEncoding {
  readonly partition?: number;
  readonly wait?: string;
  /** One of them at most; neither: text on a terminal, JSON in a pipe. */
  readonly json?: boolean;
  readonly text?: boolean;
}

export interface GetCommand extends LookupCommand {
  readonly raw?: boolean;
  readonly history?: boolean;
  readonly limit?: number;
  readonly minOffset?: number;
  readonly asOfOffset?: number;
  readonly asOf?: string;
}

export interface WriteCommand extends LookupCommand {
  readonly header?: readonly string[];
  readonly ifMatch?: string;
}

export interface PutCommand extends WriteCommand {
  readonly valueFile?: string;
  readonly createOnly?: boolean;
}

export interface ScanCommand extends LookupCommand {
  readonly prefix?: string;
  readonly limit?: number;
}

export interface WatchCommand extends LookupCommand {
  readonly prefix?: string;
  readonly after?: string;
}

/** Records that are asked for, and written, at a time. */
const pageRecords = 1_000;

export function get(topic: string, keyText: string, command: GetCommand): Promise<number> {
  return withLookups(command, async (lookups, signal) => {
    const key = keyOf(keyText, command);
    const { history = false, raw = false, limit } = command;
    if (history) {
      const answer = await lookups.history(topic, key, {
        ...waitOptions(command),
        ...given({ limit }),
        signal,
      });
      for (const record of answer.records) writeRecord(record, command);
      if (answer.isCut) say('there are older ones: --limit shows more');
      if (answer.records.length > 0) return 0;
      say(`no record of the key ${visible(keyText)} is in ${topic}`);
      return exitCodes.absent;
    }
    const answer = await lookups.get(topic, key, { ...getOptions(command), signal });
    if (answer.kind === 'found' && raw) process.stdout.write(answer.record.value);
    else if (!raw) for (const record of recordsOf(answer)) writeRecord(record, command);
    return told(answer, topic, keyText);
  });
}

function recordsOf(answer: KeyAnswer): readonly KeyRecord[] {
  if (answer.kind === 'several') return answer.records;
  return answer.kind === 'absent' ? [] : [answer.record];
}

/** On stderr, unless the record says it all. */
function told(answer: KeyAnswer, topic: string, keyText: string): number {
  const name = `the key ${visible(keyText)}`;
  switch (answer.kind) {
    case 'found':
      return 0;
    case 'deleted':
      say(`${name} was deleted at offset ${answer.record.offset} of ${topic}-${answer.record.partition}`);
      return exitCodes.deleted;
    case 'several':
      say(
        `${name} lives in partitions ${answer.records.map(({ partition }) => partition).join(', ')} of ${topic}; --partition chooses one`,
      );
      return exitCodes.several;
    default:
      say(`no record of ${name} is in ${topic}`);
      return exitCodes.absent;
  }
}

export function put(
  topic: string,
  keyText: string,
  valueText: string | undefined,
  command: PutCommand,
): Promise<number> {
  return withLookups(command, async (lookups, signal) => {
    const key = keyOf(keyText, command);
    const value = await givenValue(valueText, command.valueFile);
    const { createOnly = false } = command;
    const options: WriteOptions = {
      ...writeOptions(command),
      ...(createOnly ? { ifNoneMatch: '*' as const } : {}),
      signal,
    };
    return writtenAs(await lookups.put(topic, key, value, options), topic, command);
  });
}

export function remove(topic: string, keyText: string, command: WriteCommand): Promise<number> {
  return withLookups(command, async (lookups, signal) => {
    const key = keyOf(keyText, command);
    return writtenAs(
      await lookups.put(topic, key, null, { ...writeOptions(command), signal }),
      topic,
      command,
    );
  });
}

export function scan(topic: string, command: ScanCommand): Promise<number> {
  return withLookups(command, async (lookups, signal) => {
    const { prefix, limit = Number.POSITIVE_INFINITY } = command;
    const options = {
      ...waitOptions(command),
      ...(prefix === undefined ? {} : { prefix: keyOf(prefix, command) }),
      signal,
    };
    let isFirst = true;
    for (let left = limit, after: string | null | undefined; after !== null && left > 0; ) {
      const { records, next } = await lookups.page(topic, {
        ...options,
        limit: Math.min(left, pageRecords),
        ...given({ after }),
      });
      await writeOut(
        isJson(command)
          ? records.map((record) => `${recordJson(record)}\n`).join('')
          : recordRows(
              [...(isFirst ? [recordHeadings] : []), ...records.map(recordRow)],
              process.stdout.columns,
            ),
      );
      isFirst = false;
      left -= records.length;
      after = next;
    }
    return 0;
  });
}

export function watch(topic: string, keyText: string | undefined, command: WatchCommand): Promise<number> {
  return withLookups(command, async (lookups, signal) => {
    const { prefix, after } = command;
    const options = {
      ...waitOptions(command),
      ...given({ after }),
      ...(keyText === undefined ? {} : { key: keyOf(keyText, command) }),
      ...(prefix === undefined ? {} : { prefix: keyOf(prefix, command) }),
      signal,
      // Until somebody ends it.
      reconnectMs: Number.POSITIVE_INFINITY,
      onLost: ({ message }: Error) => say(`${message}; waiting for a broker, to go on from here`),
    };
    for await (const change of lookups.changes(topic, options)) {
      if (isJson(command)) await writeOut(`${changeJson(change)}\n`);
      else if (change.kind === 'record') await writeOut(changeLine(change.record, process.stdout.columns));
      else say(`that is all there is; waiting for changes (--after ${change.position} goes on from here)`);
    }
    return 0;
  });
}

function writeRecord(record: KeyRecord, command: LookupCommand): void {
  process.stdout.write(isJson(command) ? `${recordJson(record)}\n` : recordText(record));
}

function writtenAs(
  written: RecordId & { readonly timestampMs: number },
  topic: string,
  command: LookupCommand,
): number {
  const { partition, offset, timestampMs } = written;
  const etag = etagText(written);
  process.stdout.write(
    isJson(command)
      ? `${JSON.stringify({ partition, offset, etag, timestampMs })}\n`
      : `offset ${offset} of ${topic}-${partition}, etag ${etag}\n`,
  );
  return 0;
}

/** Resolves when whoever reads it can take more. */
async function writeOut(text: string): Promise<void> {
  if (text === '' || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}

function isJson({ json = false, text = false }: LookupCommand): boolean {
  return json || (!text && !process.stdout.isTTY);
}

function keyOf(text: string, command: KeyEncoding): Buffer {
  const key = keyArgument(text, command);
  if (typeof key === 'string') throw new ControlError(key);
  return key;
}

async function givenValue(text: string | undefined, file: string | undefined): Promise<Buffer> {
  if (text !== undefined && file !== undefined)
    throw new ControlError('a value and --value-file contradict each other; give one of them');
  if (text !== undefined) return Buffer.from(text);
  if (file === undefined && process.stdin.isTTY)
    throw new ControlError('a value is needed: as an argument, from --value-file, or from a pipe');
  if (file === undefined || file === '-') return buffer(process.stdin);
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ControlError(`cannot read --value-file: ${(error as Error).message}`);
  }
}

function waitOptions({ partition, wait }: LookupCommand): { partition?: number; waitMs?: number } {
  const waitMs = wait === undefined ? undefined : parseDuration(wait);
  if (waitMs === null) throw new ControlError(`--wait ${wait} is no duration, as in 500ms, 5s or 5000`);
  return given({ partition, waitMs });
}

function getOptions(command: GetCommand): GetOptions {
  const { minOffset, asOfOffset, asOf } = command;
  const asOfMs = asOf === undefined ? undefined : timeOf(asOf);
  return { ...waitOptions(command), ...given({ minOffset, asOfOffset, asOfMs }) };
}

function timeOf(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(ms))
    throw new ControlError(
      `--as-of ${text} is no time, as in 2026-11-25T18:41:01Z or milliseconds since 1970`,
    );
  return ms;
}

function writeOptions(command: WriteCommand): WriteOptions {
  const { header = [], ifMatch } = command;
  return {
    ...waitOptions(command),
    ...(header.length === 0 ? {} : { headers: header.map(headerOf) }),
    ...(ifMatch === undefined ? {} : { ifMatch: ifMatch === '*' ? ('*' as const) : [recordIdOf(ifMatch)] }),
  };
}

function headerOf(text: string): RecordHeader {
  const at = text.indexOf('=');
  if (at < 0) throw new ControlError(`--header ${text} is not name=value`);
  const value = keyArgument(text.slice(at + 1), {});
  if (typeof value === 'string') throw new ControlError(`--header ${text}: ${value}`);
  return { name: text.slice(0, at), value };
}

function recordIdOf(etag: string): RecordId {
  const [, topicId, partition, offset] = /^"?([\w-]{22})-(\d{1,10})-(\d{1,16})"?$/.exec(etag) ?? [];
  if (topicId === undefined)
    throw new ControlError(`--if-match ${etag} is no etag, as kompakt get and kompakt put print them, nor *`);
  return { topicId, partition: Number(partition), offset: Number(offset) };
}

/** Without what is undefined. */
function given<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: Exclude<Options[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

function say(line: string): void {
  process.stderr.write(`kompakt: ${line}\n`);
}
